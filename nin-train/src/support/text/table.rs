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

/// A table whose `Display` has no line break at the end. It is as wide as its content, or with a width, as in
/// `{table:80}`, at most that wide if its columns allow it.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Row>,
    /// Sets of columns to leave out of a narrow table; the first set is tried first.
    narrower: Vec<Vec<usize>>,
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
        Self {
            columns: columns.into_iter().map(|(name, align)| (name.to_owned(), align)).collect(),
            rows: Vec::new(),
            narrower: Vec::new(),
        }
    }

    /// Defines what a narrow table leaves out: sets of columns, numbered from 0. The first set that makes the table fit is
    /// left out; with the last, the widest column of words is also shortened.
    pub fn narrower(&mut self, sets: impl IntoIterator<Item = Vec<usize>>) -> &mut Self {
        self.narrower = sets.into_iter().collect();
        self
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

    /// Returns the table that fits `width` characters, as far as its columns allow.
    fn fitted(&self, width: usize) -> Self {
        let sets = [Vec::new()].into_iter().chain(self.narrower.iter().cloned());
        let mut tables = sets.map(|set| self.without(&set)).peekable();
        while let Some(mut table) = tables.next() {
            let excess = table.width().saturating_sub(width);
            if excess > 0 && tables.peek().is_some() {
                continue;
            }
            table.shorten(excess);
            return table;
        }
        self.clone()
    }

    /// Returns the table without some columns.
    fn without(&self, columns: &[usize]) -> Self {
        let kept = |i: &usize| !columns.contains(i);
        let row = |row: &Row| match row {
            Row::Cells(cells) => Row::Cells((0..cells.len()).filter(kept).map(|i| cells[i].clone()).collect()),
            Row::Rule => Row::Rule,
        };
        Self {
            columns: (0..self.columns.len()).filter(kept).map(|i| self.columns[i].clone()).collect(),
            rows: self.rows.iter().map(row).collect(),
            narrower: Vec::new(),
        }
    }

    /// Shortens the cells of the widest column of words by `excess` characters, to no less than eight.
    fn shorten(&mut self, excess: usize) {
        let widths = self.widths();
        let words = |i: &usize| self.columns[*i].1 == Align::Left;
        let Some(widest) = (0..widths.len()).filter(words).max_by_key(|&i| widths[i]) else { return };
        let most = widths[widest].saturating_sub(excess).max(8);
        for row in &mut self.rows {
            if let Row::Cells(cells) = row
                && let Some(cell) = cells.get_mut(widest)
                && cell.chars().count() > most
            {
                *cell = cell.chars().take(most - 1).chain(['…']).collect();
            }
        }
    }

    fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1)
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
        if let Some(width) = f.width() {
            return write!(f, "{}", self.fitted(width));
        }
        let widths = self.widths();
        let names: Vec<_> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let rule = "─".repeat(self.width());
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
    fn a_narrow_table_leaves_columns_out_then_shortens_words() {
        let mut table = Table::new([("net", Align::Left), ("n", Align::Right), ("more", Align::Right)]);
        table.row(["abcdefghijklmnop".into(), "1".into(), "2".into()]).narrower([vec![2], vec![1, 2]]);
        let widths = |width: usize| {
            let lines: Vec<_> = format!("{table:width$}").lines().map(|line| line.chars().count()).collect();
            assert_eq!(lines[1], *lines.iter().max().unwrap(), "the rule is as wide as the table");
            lines[1]
        };
        assert_eq!([30, 25, 24, 19, 18, 16, 10].map(widths), [25, 25, 19, 19, 16, 16, 10]);
        let shown = format!("{table:10}");
        assert_eq!(shown.lines().last(), Some("abcdefghi…"));
        assert!(format!("{table:24}").contains('n') && !format!("{table:24}").contains("more"));
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new([("net", Align::Left), ("n", Align::Right), ("", Align::Left)]);
        table.row(["é".into(), "1,000".into()]).rule().row(["long".into(), "2".into(), "note".into()]);
        let rule = "─".repeat(17);
        assert_eq!(table.to_string(), format!("net       n\n{rule}\né     1,000\n{rule}\nlong      2  note"));
    }
}
