//! The output of the commands.

use std::env;
use std::fmt;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use nin_train::support::text::visible_lines;

use super::Outcome;
use super::interrupt::{self, CLEAR_LINE};

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

    /// Prints a row of a table like [`say`](Self::say). It replaces the text on the cursor's line of a terminal: the `^C`
    /// that was typed after the progress bar was removed.
    pub fn row(&self, text: fmt::Arguments<'_>) {
        if self.quiet {
            return;
        }
        let clear = if can_animate(&Term::stdout()) { CLEAR_LINE } else { "" };
        // In a single write, so that no `^C` comes between.
        let line = format!("{clear}{}\n", visible_lines(&text.to_string()));
        keep(io::stdout().lock().write_all(line.as_bytes()));
    }

    /// Prints an explanation like [`say`](Self::say), on a terminal wrapped between words. Only for sentences: a command
    /// must stay on one line to be copied.
    pub fn explain(&self, text: fmt::Arguments<'_>) {
        let terminal = Term::stdout();
        match terminal.is_term() {
            true => self.say(format_args!("{}", wrapped(&text.to_string(), columns(&terminal)))),
            false => self.say(text),
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

    /// Returns a progress bar on standard error. It is hidden if that is not a terminal, in a CI log, and with `--quiet`.
    /// Around `{wide_bar}` the template may have 54 characters, so that the line never wraps, even with the `^C` that a
    /// terminal appends. In a narrow terminal the bar is shorter, and a percentage replaces the counts. Ctrl-C removes
    /// the bar.
    pub fn bar(&self, length: u64, template: &str) -> ProgressBar {
        let terminal = Term::stderr();
        if self.quiet || !can_animate(&terminal) {
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
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(BarTerminal(terminal)), 10);
        let bar = ProgressBar::with_draw_target(Some(length), target);
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        bar
    }

    /// Clears the cursor's line if a progress bar can be drawn there.
    pub fn clear_line(&self) {
        if !self.quiet && can_animate(&Term::stderr()) {
            // A terminal that cannot be written to shows nothing either.
            let _ = write!(io::stderr().lock(), "{CLEAR_LINE}");
        }
    }
}

/// The terminal of a progress bar: as wide as standard error but for [`ROOM`]. indicatif fills the bar's line with spaces to
/// its end, and from there the `^C` that a terminal prints would begin another line, above which the bar stays.
#[derive(Debug)]
struct BarTerminal(Term);

/// Columns for `^C`, typed twice.
const ROOM: u16 = 4;

impl TermLike for BarTerminal {
    fn width(&self) -> u16 {
        u16::try_from(columns(&self.0)).unwrap_or(u16::MAX) - ROOM
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
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

/// Returns whether a progress bar can be drawn: the terminal can move its cursor, and the output is not a CI log.
fn can_animate(terminal: &Term) -> bool {
    let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    let in_ci = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    terminal.is_term() && !is_dumb && !in_ci
}

/// Returns text with line breaks between words, so that lines have at most `width` characters. Existing line breaks stay.
fn wrapped(text: &str, width: usize) -> String {
    let wrap = |line: &str| {
        let (mut wrapped, mut length) = (String::new(), 0);
        for (index, word) in line.split(' ').enumerate() {
            let count = word.chars().count();
            let breaks = index > 0 && length + 1 + count > width;
            length = if breaks || index == 0 { count } else { length + 1 + count };
            wrapped += if breaks {
                "\n"
            } else if index == 0 {
                ""
            } else {
                " "
            };
            wrapped += word;
        }
        wrapped
    };
    text.split('\n').map(wrap).collect::<Vec<_>>().join("\n")
}

fn columns(terminal: &Term) -> usize {
    // The size of a terminal may be unknown, or 0.
    terminal.size_checked().map_or(80, |(_, columns)| usize::from(columns)).max(20)
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn sentences_break_between_words() {
        assert_eq!(wrapped("one two three", 7), "one two\nthree");
        assert_eq!(wrapped("one two three", 6), "one\ntwo\nthree");
        assert_eq!(wrapped("  é two\n\nabcdefgh i", 7), "  é two\n\nabcdefgh\ni");
        assert_eq!(wrapped("short", 80), "short");
    }
}
