//! The output of the commands.

use std::fmt;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nin_train::support::text::visible_lines;

use super::{Outcome, interrupt};

/// The first error of writing to standard output.
static LOST: OnceLock<String> = OnceLock::new();

/// Prints results to standard output, and progress and notes to standard error. Control characters other than line
/// breaks are escaped: names come from files, and a terminal would obey them.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    /// Prints only results: no explanations and no progress.
    pub quiet: bool,
}

impl Console {
    /// Prints a result.
    pub fn result(&self, text: fmt::Arguments<'_>) {
        keep(writeln!(io::stdout().lock(), "{}", visible_lines(&text.to_string())));
    }

    /// Prints the content of a file without changes.
    pub fn bytes(&self, bytes: &[u8]) {
        keep(io::stdout().lock().write_all(bytes));
    }

    /// Returns an error if a result could not be written.
    pub fn written(&self) -> Outcome {
        match LOST.get() {
            None => Ok(()),
            Some(error) => Err(format!("standard output: {error}; the output is incomplete").into()),
        }
    }

    /// Prints an explanation for a person; nothing with `--quiet`.
    pub fn say(&self, text: fmt::Arguments<'_>) {
        if !self.quiet {
            self.result(text);
        }
    }

    /// Prints a note: a fact that the user should know, although nothing failed.
    pub fn warn(&self, text: fmt::Arguments<'_>) {
        let _ = writeln!(io::stderr().lock(), "note: {}", visible_lines(&text.to_string()));
    }

    /// Prints the error of a command.
    pub fn fail(&self, error: &dyn fmt::Display) {
        // `eprintln!` would panic if standard error cannot be written.
        let _ = writeln!(io::stderr().lock(), "error: {}", visible_lines(&error.to_string()));
    }

    /// Prints clap's error about the command line.
    pub fn usage(&self, error: &dyn fmt::Display) {
        let _ = write!(io::stderr().lock(), "{}", visible_lines(&error.to_string()));
    }

    /// Returns the width of tables in characters: that of the terminal, or 80 if standard output is not a terminal.
    pub fn columns(&self) -> usize {
        columns(&Term::stdout())
    }

    /// Returns a progress bar on standard error; it is hidden if that is not a terminal, and with `--quiet`. Around
    /// `{wide_bar}` the template may have 54 characters, so that the line never wraps, even with the `^C` that a terminal
    /// appends. In a narrow terminal the bar is shorter, and a percentage replaces the counts. Ctrl-C removes the bar.
    pub fn bar(&self, length: u64, template: &str) -> ProgressBar {
        let terminal = Term::stderr();
        if self.quiet || !terminal.is_term() {
            return ProgressBar::hidden();
        }
        interrupt::clear_line();
        let template = match columns(&terminal) {
            ..60 => "{percent} %".to_owned(),
            columns @ ..80 => template
                .replace("{wide_bar}", &format!("{{bar:{}}}", columns - 50))
                .replace("{pos}/{len}", "{percent} %"),
            columns => template.replace("{wide_bar}", &format!("{{bar:{}}}", (columns - 58).min(40))),
        };
        // Drawn at most ten times a second.
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        bar
    }
}

/// Stores the error of writing to standard output for the end of the program.
fn keep(written: io::Result<()>) {
    // An error does not stop training. A closed pipe (`nin-train plan | head`) is no error.
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => drop(LOST.set(error.to_string())),
        _ => {}
    }
}

fn columns(terminal: &Term) -> usize {
    // The size of a terminal may be unknown, or 0.
    terminal.size_checked().map_or(80, |(_, columns)| usize::from(columns)).max(20)
}
