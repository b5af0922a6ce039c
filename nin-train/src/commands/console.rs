//! Where the commands print.

use std::fmt;
use std::io::{self, Write};

/// Standard output, more or less talkative.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    /// Only results, no explanations and no progress.
    pub quiet: bool,
}

impl Console {
    /// What the command was asked for.
    pub fn result(&self, text: fmt::Arguments<'_>) {
        // Nobody listens any more (`nin-train plan | head`): that is no reason to stop training.
        let _ = writeln!(io::stdout().lock(), "{text}");
    }

    /// What helps a person at the screen.
    pub fn say(&self, text: fmt::Arguments<'_>) {
        if !self.quiet {
            self.result(text);
        }
    }

    /// What a person should know, although nothing failed.
    pub fn warn(&self, text: fmt::Arguments<'_>) {
        let _ = writeln!(io::stderr().lock(), "note: {text}");
    }
}
