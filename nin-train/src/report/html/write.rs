//! A small HTML writer. It always closes tags and escapes text.

use std::fmt::Write;

use crate::support::text::is_hidden_control;

/// An HTML document under construction; also well-formed XML.
#[derive(Default)]
pub(super) struct Html {
    text: String,
}

/// The attributes of a tag; values are escaped.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Html {
    /// Writes a tag with content.
    pub(super) fn tag(&mut self, name: &str, attributes: Attributes<'_>, inside: impl FnOnce(&mut Html)) {
        self.open(name, attributes);
        self.text.push('>');
        inside(self);
        let _ = write!(self.text, "</{name}>");
    }

    /// Writes a tag with text.
    pub(super) fn leaf(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        self.tag(name, attributes, |html| html.text(text));
    }

    /// Writes a tag without content.
    pub(super) fn void(&mut self, name: &str, attributes: Attributes<'_>) {
        self.open(name, attributes);
        self.text.push_str(" />");
    }

    /// Writes escaped text.
    pub(super) fn text(&mut self, text: &str) {
        escape(text, &mut self.text);
    }

    /// Writes a line break between tags, which makes the source readable.
    pub(super) fn line(&mut self) {
        self.text.push('\n');
    }

    /// Returns a whole page.
    pub(super) fn page(title: &str, style: &str, body: impl FnOnce(&mut Html)) -> String {
        let mut html = Html { text: "<!DOCTYPE html>\n".to_owned() };
        html.tag("html", &[("lang", "en")], |html| {
            html.tag("head", &[], |html| {
                html.void("meta", &[("charset", "utf-8")]);
                html.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
                html.void("meta", &[("name", "color-scheme"), ("content", "light dark")]);
                html.leaf("title", &[], title);
                // Not escaped: browsers do not unescape styles, and this one is part of the program.
                html.tag("style", &[], |html| html.text.push_str(style));
            });
            html.line();
            html.tag("body", &[], body);
        });
        html.line();
        html.text
    }

    fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        let _ = write!(self.text, "<{name}");
        for (name, value) in attributes {
            let _ = write!(self.text, " {name}=\"");
            escape(value, &mut self.text);
            self.text.push('"');
        }
    }
}

fn escape(text: &str, to: &mut String) {
    for c in text.chars() {
        match c {
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '&' => to.push_str("&amp;"),
            '"' => to.push_str("&quot;"),
            '\'' => to.push_str("&#39;"),
            '\t' | '\n' => to.push(c),
            // No page may hold control characters, and a file's name may; overrides of direction would change the rest.
            c if is_hidden_control(c) => to.push('\u{fffd}'),
            c => to.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Html;

    #[test]
    fn text_and_attributes_cannot_become_tags() {
        let mut html = Html::default();
        html.tag("p", &[("title", "\"><script>")], |html| html.text("</p>&<b a='1'>\u{1b}\u{202e}"));
        html.void("br", &[]);
        let wanted =
            "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;/p&gt;&amp;&lt;b a=&#39;1&#39;&gt;\u{fffd}\u{fffd}</p><br />";
        assert_eq!(html.text, wanted);
    }
}
