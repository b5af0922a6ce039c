//! Text from files, made safe to print.
//!
//! Names of classes, files and folders come from anywhere. A control character in one may rewrite the terminal, and a
//! bidirectional override shows the text that follows in another order than it has.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

/// Returns whether a character changes how the text around it is shown, rather than being shown itself: Unicode's
/// control characters, line and paragraph separators, and marks, embeddings, overrides and isolates of direction.
pub fn is_hidden_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns a name in one line, with an escape such as `\u001b` in place of each character of
/// [`is_hidden_control`]. The escapes are those of JSON, so that JSON stays the same value.
pub fn visible(name: &str) -> Cow<'_, str> {
    escaped(name, is_hidden_control)
}

/// Returns the text as [`visible`] does, but with its line breaks.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && is_hidden_control(c))
}

/// Returns a path as [`visible`] text.
pub fn visible_path(path: &Path) -> String {
    visible(&path.to_string_lossy()).into_owned()
}

/// Returns a text, such as another crate's message, with each run of white space and line breaks as one space.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn escaped(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match hidden(c) {
            // All of them have four hexadecimal digits at most.
            true => drop(write!(shown, "\\u{:04x}", u32::from(c))),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::{visible, visible_lines};

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        let name = "\u{1b}]0;x\u{7}a\n\u{202e}b\u{9b}1m\u{2069}é–😀";
        assert_eq!(visible(name), r"\u001b]0;x\u0007a\u000a\u202eb\u009b1m\u2069é–😀");
        assert_eq!(visible_lines("a\r\nb"), "a\\u000d\nb");
        assert_eq!(visible_lines("  1×2 · é\n\n"), "  1×2 · é\n\n");
    }

    #[test]
    fn json_stays_the_same_value() {
        let name = "\u{1b}\u{7f}\u{9b}\u{202e}\"";
        let json = serde_json::to_string(name).unwrap();
        assert!(json.contains('\u{202e}'));
        assert_eq!(serde_json::from_str::<String>(&visible(&json)).unwrap(), name);
    }
}
