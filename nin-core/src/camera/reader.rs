//! The reader: a camera's rows in, the network's rows out.

use core::fmt;
use core::marker::PhantomData;

use super::{Crop, PixelFormat, Total};
use crate::spec::Shape;

/// Returns the memory of a [`FrameReader`] in 32-bit words: for each value of a network's row, a sum and a byte. The
/// size of the camera's frame does not matter.
pub const fn camera_words(to: Shape) -> usize {
    to.row() + to.row().div_ceil(4)
}

/// Turns the rows of a camera's frame into the rows of a network's input; see the [module](super).
///
/// `P` is the camera's [`PixelFormat`]. `T` is `u32` on a board; the trainer uses `u64` for very large photos.
#[derive(Debug)]
pub struct FrameReader<'a, P, T = u32> {
    /// Rows and columns of the frame.
    frame: (u16, u16),
    to: Shape,
    crop: Crop,
    /// The sums of the output row that is not complete yet.
    totals: &'a mut [T],
    /// The last complete output row.
    row: &'a mut [u8],
    /// The frame's next row.
    next: u16,
    /// The part of the output row that is summed already. A row of the frame counts `to.rows` units, an output row
    /// `crop.rows` units.
    filled: u32,
    format: PhantomData<P>,
}

impl<'a, P: PixelFormat> FrameReader<'a, P> {
    /// Prepares a reader for frames of `rows` × `columns` pixels and a network whose input has the shape `to`: one
    /// channel (grey) or three (R, G, B). `memory` needs [`camera_words`] words with any content, which
    /// [`Plan::camera_words`](crate::Plan::camera_words) returns for a network.
    ///
    /// # Errors
    ///
    /// [`FrameError`] if the frame has fewer rows or columns than the network's input or more than 16,777,216 pixels
    /// after the crop, if the network has another number of channels, or if `memory` is too small.
    pub fn new(frame: (u16, u16), to: Shape, memory: &'a mut [u32]) -> Result<Self, FrameError> {
        let (needed, found) = (camera_words(to), memory.len());
        if found < needed {
            return Err(FrameError::Memory { needed, found });
        }
        let (totals, row) = memory.split_at_mut(to.row());
        Self::with_parts(frame, to, totals, bytemuck::cast_slice_mut(row))
    }
}

impl<'a, P: PixelFormat, T: Total> FrameReader<'a, P, T> {
    /// Prepares a reader as [`FrameReader::new`] does, with sums of any type. `totals` and `row` need one entry for
    /// each value of a row of the network's input.
    ///
    /// # Errors
    ///
    /// As for [`FrameReader::new`].
    pub fn with_parts(
        frame: (u16, u16),
        to: Shape,
        totals: &'a mut [T],
        row: &'a mut [u8],
    ) -> Result<Self, FrameError> {
        if !matches!(to.channels, 1 | 3) {
            return Err(FrameError::Channels(to.channels));
        }
        if frame.0 < to.rows || frame.1 < to.columns || to.is_empty() {
            return Err(FrameError::Small { frame, input: to });
        }
        let crop = Crop::new(frame, to);
        if crop.rows as u64 * crop.columns as u64 > T::MOST_PIXELS {
            return Err(FrameError::Large { frame });
        }
        let needed = to.row();
        let (Some(totals), Some(row)) = (totals.get_mut(..needed), row.get_mut(..needed)) else {
            return Err(FrameError::Memory { needed: camera_words(to), found: 0 });
        };
        let mut reader = FrameReader { frame, to, crop, totals, row, next: 0, filled: 0, format: PhantomData };
        reader.restart();
        Ok(reader)
    }

    /// The part of the frame that the network reads.
    pub fn crop(&self) -> Crop {
        self.crop
    }

    /// Takes the frame's next row, from the top, and returns the network's next row if it is now complete:
    /// columns × channels bytes, channels last. After the last row, the next one begins a new frame.
    ///
    /// # Errors
    ///
    /// [`FrameError::Line`] if the row has another length than a row of the camera. It is then ignored.
    pub fn push(&mut self, line: &[u8]) -> Result<Option<&[u8]>, FrameError> {
        self.check_line(line)?;
        let y = self.next;
        self.next = if y + 1 == self.frame.0 { 0 } else { y + 1 };
        if y < self.crop.top || y - self.crop.top >= self.crop.rows {
            return Ok(None);
        }
        if y == self.crop.top {
            self.clear();
        }
        Ok(if self.add(line, None) { Some(self.row) } else { None })
    }

    /// Reads the network's next row into `row` (columns × channels bytes), for
    /// [`Network::infer`](crate::Network::infer) of an 8-bit network. After the network's last row, the next call
    /// begins a new frame.
    ///
    /// Calls `read_line(y, line)` for each row of the frame that the network's row needs, in order from the top; rows
    /// outside the [`crop`](Self::crop) are skipped. `line` is the caller's memory for one row of the camera.
    ///
    /// # Errors
    ///
    /// The first error of `read_line`: the next call then begins a new frame. A [`FrameError`] if `line` or `row` has
    /// the wrong length.
    pub fn read_row<E: From<FrameError>>(
        &mut self,
        line: &mut [u8],
        mut read_line: impl FnMut(usize, &mut [u8]) -> Result<(), E>,
        row: &mut [u8],
    ) -> Result<(), E> {
        self.check_line(line)?;
        if row.len() != self.row.len() {
            return Err(FrameError::Row { expected: self.row.len(), found: row.len() }.into());
        }
        let end = self.crop.top + self.crop.rows;
        if self.next <= self.crop.top || self.next >= end {
            self.next = self.crop.top;
            self.clear();
        }
        loop {
            let y = self.next;
            if let Err(error) = read_line(y.into(), line) {
                self.restart();
                return Err(error);
            }
            // After the last row that is needed, a new frame begins.
            self.next = if y + 1 == end { 0 } else { y + 1 };
            if self.add(line, Some(row)) {
                return Ok(());
            }
        }
    }

    /// Drops the frame that has begun: the next row is the first one of a new frame.
    pub fn restart(&mut self) {
        self.next = 0;
        self.clear();
    }

    fn clear(&mut self) {
        self.filled = 0;
        self.totals.fill(T::product(0, 0));
    }

    fn check_line(&self, line: &[u8]) -> Result<(), FrameError> {
        let expected = P::line_bytes(self.frame.1.into());
        if line.len() == expected { Ok(()) } else { Err(FrameError::Line { expected, found: line.len() }) }
    }

    /// Adds a row of the crop to the sums. If that completes an output row, writes it to `out` (or else to the reader's
    /// own row) and returns true.
    fn add(&mut self, line: &[u8], out: Option<&mut [u8]>) -> bool {
        // A row of the frame has `share` units, an output row `whole`.
        let (share, whole) = (u32::from(self.to.rows), u32::from(self.crop.rows));
        let open = whole - self.filled;
        let completes = share >= open;
        let parts = if completes { (open, share - open) } else { (share, 0) };
        self.filled = if completes { parts.1 } else { self.filled + share };
        let out = out.unwrap_or(self.row);
        let out = completes.then_some(out);
        let columns = (self.crop.left.into(), self.crop.columns.into(), self.to.columns.into());
        let area = T::product(whole, self.crop.columns.into());
        if self.to.channels == 1 {
            add_row::<T, 1>(|x| [P::grey(line, x)], columns, parts, self.totals, out, area);
        } else {
            add_row::<T, 3>(|x| P::rgb(line, x), columns, parts, self.totals, out, area);
        }
        completes
    }
}

/// Reduces the columns of one row and adds it to `totals`, by the first of `parts`. With `out`, the row is the last one
/// of an output row: writes the means to `out` and begins the next totals by the second of `parts`.
///
/// `columns` holds the first source column, the number of source columns and the number of output columns; `area` is
/// the sum of all weights of an output pixel.
#[inline(always)]
fn add_row<T: Total, const C: usize>(
    pixel: impl Fn(usize) -> [u8; C],
    (mut x, from, to): (usize, u32, u32),
    parts: (u32, u32),
    totals: &mut [T],
    mut out: Option<&mut [u8]>,
    area: T,
) {
    // A source pixel has `to` units of width, an output pixel `from`. `rest` units of `last` belong to the next output.
    let (mut last, mut rest) = ([0; C], 0);
    for (index, totals) in totals.as_chunks_mut::<C>().0.iter_mut().enumerate() {
        let mut whole = [0u32; C];
        let mut open = from - rest;
        let mut sums = last.map(|level| rest * u32::from(level));
        while open >= to {
            let levels = pixel(x);
            (0..C).for_each(|c| whole[c] += u32::from(levels[c]));
            (x, open) = (x + 1, open - to);
        }
        if open > 0 {
            last = pixel(x);
            x += 1;
        }
        rest = if open > 0 { to - open } else { 0 };
        (0..C).for_each(|c| sums[c] += to * whole[c] + open * u32::from(last[c]));
        for (c, total) in totals.iter_mut().enumerate() {
            let sum = total.plus(T::product(parts.0, sums[c]));
            *total = match &mut out {
                Some(out) => {
                    out[index * C + c] = sum.mean(area);
                    T::product(parts.1, sums[c])
                }
                None => sum,
            };
        }
    }
}

/// Why a frame cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The network has neither one channel nor three.
    Channels(u16),
    /// The frame has fewer rows or columns than the network's input.
    Small {
        /// Rows and columns of the frame.
        frame: (u16, u16),
        /// The network's input.
        input: Shape,
    },
    /// The frame has too many pixels for sums of this type.
    Large {
        /// Rows and columns of the frame.
        frame: (u16, u16),
    },
    /// The memory is too small.
    Memory {
        /// Words that the reader needs.
        needed: usize,
        /// Words that there are.
        found: usize,
    },
    /// A row of the camera has another length.
    Line {
        /// Bytes of a row.
        expected: usize,
        /// Bytes of this row.
        found: usize,
    },
    /// The memory for a row of the network has another length.
    Row {
        /// Bytes of a row.
        expected: usize,
        /// Bytes of this row.
        found: usize,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Channels(channels) => {
                write!(f, "a camera gives 1 channel (grey) or 3 (RGB), the network's input has {channels}")
            }
            FrameError::Small { frame: (rows, columns), input } => write!(
                f,
                "the camera's frame of {columns} columns and {rows} rows is smaller than the network's input {input}"
            ),
            FrameError::Large { frame: (rows, columns) } => {
                write!(f, "the camera's frame of {columns} columns and {rows} rows has too many pixels")
            }
            FrameError::Memory { needed, found } => {
                write!(f, "the camera's reader needs {needed} words of memory, there are {found}")
            }
            FrameError::Line { expected, found } => {
                write!(f, "a row of the camera has {expected} bytes, this one has {found}")
            }
            FrameError::Row { expected, found } => {
                write!(f, "a row of the network's input has {expected} bytes, this one has {found}")
            }
        }
    }
}

impl core::error::Error for FrameError {}
