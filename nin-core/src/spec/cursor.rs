//! A place in an architecture line, and the smallest parts of a line: numbers, spaces and fixed words.

use super::error::SpecError;

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    /// Whether the line is canonical up to here: written as [`Spec`](super::Spec) displays it.
    pub(super) canonical: bool,
}

impl Cursor<'_> {
    pub(super) const fn new(line: &str) -> Cursor<'_> {
        Cursor { bytes: line.as_bytes(), at: 0, canonical: true }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Returns the next byte if it is a decimal digit, as a number.
    pub(super) const fn digit(&self) -> Option<u8> {
        if !self.is_at_end() && self.bytes[self.at].is_ascii_digit() { Some(self.bytes[self.at] - b'0') } else { None }
    }

    /// Reads a decimal number from 1 to `most`.
    pub(super) const fn number(&mut self, most: u16, expected: &'static str) -> Result<u16, SpecError> {
        let start = self.at;
        match self.digits(most, expected) {
            Ok(0) => {
                self.at = start;
                self.error(expected)
            }
            other => other,
        }
    }

    /// Reads a decimal number from 0 to `most`.
    pub(super) const fn digits(&mut self, most: u16, expected: &'static str) -> Result<u16, SpecError> {
        let start = self.at;
        let mut value = 0u32;
        while let Some(digit) = self.digit() {
            value = value * 10 + digit as u32;
            if value > most as u32 {
                self.at = start;
                return self.error(expected);
            }
            self.at += 1;
        }
        if self.at == start {
            return self.error(expected);
        }
        self.canonical &= self.bytes[start] != b'0' || self.at == start + 1;
        Ok(value as u16)
    }

    /// Skips white space; a canonical line has exactly `canonical` spaces here.
    pub(super) const fn spaces(&mut self, canonical: usize) {
        let start = self.at;
        while self.at < self.bytes.len() && self.bytes[self.at].is_ascii_whitespace() {
            self.canonical &= self.bytes[self.at] == b' ';
            self.at += 1;
        }
        self.canonical &= self.at - start == canonical;
    }

    /// Skips `byte`; returns whether it was there.
    pub(super) const fn take(&mut self, byte: u8) -> bool {
        let found = self.at < self.bytes.len() && self.bytes[self.at] == byte;
        if found {
            self.at += 1;
        }
        found
    }

    /// Skips `word`; returns whether it was there.
    pub(super) const fn word(&mut self, word: &[u8]) -> bool {
        let start = self.at;
        let mut i = 0;
        while i < word.len() {
            if !self.take(word[i]) {
                self.at = start;
                return false;
            }
            i += 1;
        }
        true
    }

    /// Returns an error at the current place.
    pub(super) const fn error<T>(&self, problem: &'static str) -> Result<T, SpecError> {
        Err(SpecError { column: column(self.at), problem, input: None })
    }
}

/// Returns the column of a place, from 1.
pub(super) const fn column(at: usize) -> u16 {
    if at < u16::MAX as usize { at as u16 + 1 } else { u16::MAX }
}
