//! Ctrl-C: the first asks to stop at the next good place, a second ends the program at once.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Outcome;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Listens for Ctrl-C from here on.
pub fn listen() -> Outcome {
    ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })?;
    Ok(())
}

/// Whether the user asked to stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
