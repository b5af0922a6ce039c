//! Tables of text.

use std::fmt;

use super::escape::visible;

/// The alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table that is as wide as its content; its `Display` has no line break at the end.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
enum Row {
    Cells(Vec<String>),
    Rule,
}

/// The largest width of a column in characters. Names in files may be longer, and the width that `format!` accepts is
/// limited.
const WIDEST: usize = 200;

impl Table {
    /// Returns an empty table with these columns.
    pub fn new<'a>(columns: impl IntoIterator<Item = (&'a str, Align)>) -> Self {
        Self { columns: columns.into_iter().map(|(name, align)| (name.to_owned(), align)).collect(), rows: Vec::new() }
    }

    /// Adds a row of text, escaped by [`visible`]; missing cells at its end stay empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) -> &mut Self {
        self.rows.push(Row::Cells(cells.into_iter().map(|cell| visible(&cell).into_owned()).collect()));
        self
    }

    /// Adds a horizontal rule.
    pub fn rule(&mut self) -> &mut Self {
        self.rows.push(Row::Rule);
        self
    }

    /// Returns the columns' names, and their alignments.
    pub(crate) fn columns(&self) -> &[(String, Align)] {
        &self.columns
    }

    /// Returns the rows in order; `None` is a horizontal rule.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Option<&[String]>> {
        self.rows.iter().map(|row| match row {
            Row::Cells(cells) => Some(cells.as_slice()),
            Row::Rule => None,
        })
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<_> = self.columns.iter().map(|(name, _)| name.chars().count()).collect();
        for row in &self.rows {
            if let Row::Cells(cells) = row {
                for (width, cell) in widths.iter_mut().zip(cells) {
                    *width = cell.chars().count().clamp(*width, WIDEST.max(*width));
                }
            }
        }
        widths
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, widths: &[usize], cells: &[String]) -> fmt::Result {
        let mut line = String::new();
        for (i, ((_, align), &width)) in self.columns.iter().zip(widths).enumerate() {
            let cell = cells.get(i).map_or("", String::as_str);
            line += if i == 0 { "" } else { "  " };
            line += &match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            };
        }
        f.write_str(line.trim_end())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let names: Vec<_> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let rule = "─".repeat(widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1));
        self.line(f, &widths, &names)?;
        write!(f, "\n{rule}")?;
        for row in &self.rows {
            f.write_str("\n")?;
            match row {
                Row::Cells(cells) => self.line(f, &widths, cells)?,
                Row::Rule => f.write_str(&rule)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Align, Table};

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new([("net", Align::Left), ("n", Align::Right), ("", Align::Left)]);
        table.row(["é".into(), "1,000".into()]).rule().row(["long".into(), "2".into(), "note".into()]);
        let rule = "─".repeat(17);
        assert_eq!(table.to_string(), format!("net       n\n{rule}\né     1,000\n{rule}\nlong      2  note"));
    }
}
