//! The shape of a map, and a window that slides over it.

use core::fmt;

/// The shape of one image or feature map: channels × rows × columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Channels of each pixel.
    pub channels: u16,
    /// Rows (height) in pixels.
    pub rows: u16,
    /// Columns (width) in pixels.
    pub columns: u16,
}

impl Shape {
    /// Values in the whole map: channels × rows × columns.
    pub const fn len(self) -> usize {
        self.pixels() * self.channels as usize
    }

    /// Whether the map holds no value; false for every shape from a [`Spec`](super::Spec).
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Pixels of the map: rows × columns.
    pub const fn pixels(self) -> usize {
        self.rows as usize * self.columns as usize
    }

    /// Values in one row: columns × channels.
    pub const fn row(self) -> usize {
        self.columns as usize * self.channels as usize
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.rows, self.columns)
    }
}

/// A square window that slides over a map: its size, stride and padding in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Rows and columns of the window; at least 1.
    pub kernel: u8,
    /// Pixels from one window to the next; at least 1.
    pub stride: u8,
    /// Pixels of padding on each side: zeros for a convolution or an average, nothing for a maximum.
    pub padding: u8,
}

impl Window {
    /// Whether the window fits a padded side of `length` pixels.
    pub(super) const fn fits(self, length: u16) -> bool {
        self.kernel as u32 <= length as u32 + 2 * self.padding as u32
    }

    /// Returns the number of windows along a side of `length` pixels, rounded down; `None` if it is 0 or more than
    /// 65,535.
    pub const fn count(self, length: u16) -> Option<u16> {
        if !self.fits(length) {
            return None;
        }
        let padded = length as u32 + 2 * self.padding as u32;
        let count = (padded - self.kernel as u32) / self.stride as u32 + 1;
        // Only an input near 65,535 pixels with padding can get here.
        if count > u16::MAX as u32 { None } else { Some(count as u16) }
    }

    /// Returns which of `count` windows cover position `at`: the first, and one past the last.
    pub(crate) const fn over(self, at: usize, count: u16) -> (usize, usize) {
        let (kernel, stride) = (self.kernel as usize, self.stride as usize);
        let at = at + self.padding as usize;
        let first = if at < kernel { 0 } else { (at - kernel) / stride + 1 };
        let end = at / stride + 1;
        (first, if end < count as usize { end } else { count as usize })
    }

    /// Returns the part of a side of `length` that window `index` covers: the first position, and one past the last.
    #[inline(never)] // as `Plan::shape`: one copy needs less flash
    pub(crate) const fn covers(self, index: usize, length: u16) -> (usize, usize) {
        let (start, padding) = (index * self.stride as usize, self.padding as usize);
        let end = start + self.kernel as usize - padding;
        (start.saturating_sub(padding), if end < length as usize { end } else { length as usize })
    }

    /// The largest number of windows over one pixel row: the output rows that are in progress at once.
    pub const fn overlap(self) -> usize {
        (self.kernel as usize).div_ceil(self.stride as usize)
    }
}
