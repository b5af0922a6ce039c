//! The error of a wrong architecture line.

use core::fmt;

use super::shape::Shape;

/// What is wrong with an architecture line, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpecError {
    /// The column of the mistake, counted in bytes from 1.
    pub column: u16,
    /// What is wrong, or what was expected there.
    pub problem: &'static str,
    /// For a stage that does not fit: the shape of its input.
    pub input: Option<Shape>,
}

impl SpecError {
    /// Returns "architecture line, column N: problem" as bytes and their number, for a panic in a constant.
    pub(super) const fn sentence(&self) -> ([u8; 160], usize) {
        let mut text = [0; 160];
        let mut len = put(&mut text, 0, b"architecture line, column ");
        let mut scale = 10_000;
        while scale > 0 {
            if self.column >= scale || scale == 1 {
                len = put(&mut text, len, &[b'0' + (self.column / scale % 10) as u8]);
            }
            scale /= 10;
        }
        len = put(&mut text, len, b": ");
        len = put(&mut text, len, self.problem.as_bytes());
        (text, len)
    }
}

const fn put(text: &mut [u8; 160], mut at: usize, part: &[u8]) -> usize {
    let mut i = 0;
    while i < part.len() && at < text.len() {
        text[at] = part[i];
        at += 1;
        i += 1;
    }
    at
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.problem)?;
        match self.input {
            Some(input) => write!(f, " (its input is {input})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for SpecError {}
