//! Checks that a JPEG file contains every block of its picture, and adds the Huffman tables that camera frames leave
//! out.
//!
//! Decoders fill what is missing or damaged with grey and report success, as browsers need. A training set needs the
//! opposite. [`check`] reads all entropy-coded data as a decoder does, without computing a pixel: each code must exist,
//! each run must end inside its block, each scan must hold as many blocks as the frame declares and no more. A few
//! changed bytes that are valid codes for as many blocks remain unnoticed: JPEG has no checksum.

mod bits;
mod blocks;
mod frame;
mod tables;

use std::borrow::Cow;

use bits::{Bits, Table};
use blocks::Walk;
use frame::Frame;

/// Most scans of a file. The decoder has the same limit.
const MOST_SCANS: usize = 100;

/// The markers that this module reads, the second byte after `FF`.
mod marker {
    pub const SOI: u8 = 0xd8;
    pub const EOI: u8 = 0xd9;
    pub const DHT: u8 = 0xc4;
    pub const SOS: u8 = 0xda;
    pub const DRI: u8 = 0xdd;
    pub const BASELINE: u8 = 0xc0;
    pub const EXTENDED: u8 = 0xc1;
    pub const PROGRESSIVE: u8 = 0xc2;
}

/// Why a walk over entropy-coded data stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The data end before the last block.
    Ends,
    /// A code that does not exist, a run beyond its block, a marker in the wrong place, or bytes after the last block.
    Damaged,
}

/// The state that the segments before a scan define.
#[derive(Default)]
struct State {
    frame: Option<Frame>,
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    /// Units between two restart markers; 0 for none.
    restart: usize,
    scans: usize,
}

/// Checks that a JPEG file holds its whole picture. Files that the decoder refuses (arithmetic coding, lossless, more
/// than `most_pixels`) pass.
///
/// # Errors
/// A text that continues the words "the JPEG": `ends after 31 % of its scan`.
pub(super) fn check(file: &[u8], most_pixels: u64) -> Result<(), String> {
    let mut state = State::default();
    let mut at = 2;
    loop {
        let in_header = || match state.scans {
            0 => Err("ends within its header".to_owned()),
            _ => Err("ends before its last scan".to_owned()),
        };
        let Some((marker, start)) = next_marker(file, at) else {
            // Some cameras leave out the end marker. A picture with one pass is whole by then; of several passes, as
            // progressive files have, any number may be missing.
            return match &state.frame {
                Some(frame) if frame.is_whole() && !frame.progressive => Ok(()),
                _ => in_header(),
            };
        };
        match marker {
            marker::EOI => {
                return match &state.frame {
                    Some(frame) if frame.is_whole() => Ok(()),
                    _ => in_header(),
                };
            }
            // Markers without a length: a start, restarts, and one for private use.
            marker::SOI | 0xd0..=0xd7 | 0x01 => {
                at = start;
                continue;
            }
            _ => {}
        }
        let Some(segment) = segment(file, start) else { return in_header() };
        at = start + 2 + segment.len();
        match marker {
            marker::BASELINE | marker::EXTENDED | marker::PROGRESSIVE => {
                let frame = Frame::read(segment, marker == marker::PROGRESSIVE);
                let frame = frame.ok_or("has a damaged header")?;
                // Checked before memory is allocated. The decoder then reports that the image is too large.
                if frame.pixels() > most_pixels {
                    return Ok(());
                }
                state.frame = Some(frame);
            }
            // Kinds that the decoder refuses in its own words.
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return Ok(()),
            marker::DHT => state.tables(segment).ok_or("has a damaged Huffman table")?,
            marker::DRI => {
                state.restart = usize::from(u16::from_be_bytes(*segment.first_chunk().ok_or("has a damaged header")?));
            }
            marker::SOS => at = state.scan(segment, file, at)?,
            _ => {}
        }
    }
}

impl State {
    /// Reads the tables of one segment.
    fn tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = segment.split_first() {
            let (table, rest) = Table::read(rest)?;
            let place = if kind >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *place.get_mut(usize::from(kind & 15))? = Some(table);
            segment = rest;
        }
        Some(())
    }

    /// Walks over the scan whose data begin at `at`; returns where they end.
    fn scan(&mut self, header: &[u8], file: &[u8], at: usize) -> Result<usize, String> {
        self.scans += 1;
        let frame = self.frame.as_mut().ok_or("has a scan before its header")?;
        if self.scans > MOST_SCANS {
            return Err(format!("has more than {MOST_SCANS} scans"));
        }
        let scan = frame.scan(header).ok_or("has a damaged scan header")?;
        if frame.progressive {
            frame.allocate();
        }
        let name = match frame.progressive {
            true => format!("scan {}", self.scans),
            false => "its scan".to_owned(),
        };
        let mut walk = Walk { bits: Bits::new(&file[at..]), dc: &self.dc, ac: &self.ac, restart: self.restart };
        walk.run(frame, &scan).map_err(|(fault, share)| {
            // Never 100 %, because something is missing.
            let percent = (100.0 * share).floor().min(99.0);
            match fault {
                Fault::Ends => format!("ends after {percent} % of {name}"),
                Fault::Damaged => format!("is damaged after {percent} % of {name}"),
            }
        })?;
        Ok(at + walk.bits.position())
    }
}

/// Returns the next marker at or after `at`, and where its segment begins.
fn next_marker(file: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        at += file.get(at..)?.iter().position(|&byte| byte == 0xff)?;
        while *file.get(at)? == 0xff {
            at += 1;
        }
        if file[at] != 0 {
            return Some((file[at], at + 1));
        }
    }
}

/// Returns the content of a segment, without its length.
fn segment(file: &[u8], start: usize) -> Option<&[u8]> {
    let length = u16::from_be_bytes(*file.get(start..)?.first_chunk()?);
    file.get(start + 2..start + usize::from(length).max(2))
}

/// Returns the file with the standard Huffman tables, if it has none: cameras leave them out of motion JPEG frames.
pub(super) fn with_tables(file: &[u8]) -> Cow<'_, [u8]> {
    let mut at = 2;
    while let Some((marker, start)) = next_marker(file, at) {
        match (marker, segment(file, start)) {
            (marker::SOS, _) => return Cow::Owned([&file[..2], tables::STANDARD, &file[2..]].concat()),
            (marker::DHT | marker::EOI, _) | (_, None) => break,
            (_, Some(segment)) => at = start + 2 + segment.len(),
        }
    }
    Cow::Borrowed(file)
}
