//! Collects a line of text into few pieces, since every call of a debugger stops the core.

use core::fmt::{self, Write};

/// Writes a line: passes its bytes to `write` in pieces of up to 96.
pub fn write_line(text: fmt::Arguments<'_>, write: impl FnMut(&[u8])) {
    let mut line = Line { write, buffer: [0; 96], length: 0 };
    // Neither fails: `write_str` below always succeeds.
    let _ = line.write_fmt(text);
    let _ = line.write_char('\n');
    line.flush();
}

/// The part of a line that is not written yet.
struct Line<W> {
    write: W,
    buffer: [u8; 96],
    length: usize,
}

impl<W: FnMut(&[u8])> Line<W> {
    fn flush(&mut self) {
        (self.write)(&self.buffer[..self.length]);
        self.length = 0;
    }
}

impl<W: FnMut(&[u8])> Write for Line<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.length == self.buffer.len() {
                self.flush();
            }
            self.buffer[self.length] = byte;
            self.length += 1;
        }
        Ok(())
    }
}
