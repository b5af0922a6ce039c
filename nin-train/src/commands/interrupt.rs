//! Ctrl-C ends the program and removes its progress bar. During training, the first Ctrl-C only requests a stop after
//! the current step.

use std::io::{self, IsTerminal, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Outcome;

/// Moves a terminal's cursor to the beginning of its line and clears the line.
pub const CLEAR_LINE: &str = "\r\x1b[2K";

static LISTENING: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicBool = AtomicBool::new(false);
static DRAWN: AtomicBool = AtomicBool::new(false);
static HANDLER: Once = Once::new();

/// From now on, the first Ctrl-C only sets [`asked`].
pub fn listen() -> Outcome {
    let installed = install();
    LISTENING.store(true, Ordering::SeqCst);
    installed
}

/// Removes a progress bar from the line of the cursor when Ctrl-C ends the program.
pub fn clear_line() {
    DRAWN.store(true, Ordering::SeqCst);
    // Without a handler the system ends the program, and the bar stays on the screen.
    drop(install());
}

/// Returns whether the user has requested a stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

fn install() -> Outcome {
    let mut outcome = Ok(());
    HANDLER.call_once(|| {
        outcome = ctrlc::set_handler(|| {
            if LISTENING.load(Ordering::SeqCst) && !ASKED.swap(true, Ordering::SeqCst) {
                return;
            }
            let mut error = io::stderr().lock();
            if DRAWN.load(Ordering::SeqCst) && error.is_terminal() {
                let _ = write!(error, "{CLEAR_LINE}");
            }
            std::process::exit(130);
        });
    });
    Ok(outcome?)
}
