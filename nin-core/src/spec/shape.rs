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

/// One side of a window that slides over a map, along its rows or along its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Side {
    /// Pixels of the window; at least 1.
    pub kernel: u8,
    /// Pixels from one window to the next; at least 1.
    pub stride: u8,
    /// Pixels of padding before the first pixel of the map.
    pub padding: u8,
    /// Pixels of padding after the last pixel of the map.
    pub after: u8,
}

/// A window that slides over a map: its height, width, strides and padding in pixels. The padding is zeros for a
/// convolution or an average, nothing for a maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// From row to row.
    pub rows: Side,
    /// From column to column.
    pub columns: Side,
}

impl Window {
    /// The window of a 1×1 convolution.
    pub const PIXEL: Window = Window::square(1, 1, 0);

    /// Returns a square window with the same stride along both sides and the same padding on all four.
    pub const fn square(kernel: u8, stride: u8, padding: u8) -> Window {
        let side = Side { kernel, stride, padding, after: padding };
        Window { rows: side, columns: side }
    }

    /// Whether height and width, both strides and all four paddings are equal.
    pub const fn is_square(self) -> bool {
        let (a, b) = (self.rows, self.columns);
        a.kernel == b.kernel && a.stride == b.stride && a.padding == b.padding && a.is_even() && b.is_even()
    }

    /// Whether any side has padding.
    pub const fn has_padding(self) -> bool {
        self.rows.padding | self.rows.after | self.columns.padding | self.columns.after != 0
    }

    /// Pixels under the window: height × width.
    pub const fn pixels(self) -> usize {
        self.rows.kernel as usize * self.columns.kernel as usize
    }

    /// Whether the window fits a padded map of this shape.
    pub(super) const fn fits(self, shape: Shape) -> bool {
        self.rows.fits(shape.rows) && self.columns.fits(shape.columns)
    }
}

impl Side {
    /// Whether the padding before and after the map is the same.
    const fn is_even(self) -> bool {
        self.padding == self.after
    }

    /// The length of a side of `length` pixels with its padding.
    const fn padded(self, length: u16) -> u32 {
        length as u32 + self.padding as u32 + self.after as u32
    }

    /// Whether the window fits a padded side of `length` pixels.
    const fn fits(self, length: u16) -> bool {
        self.kernel as u32 <= self.padded(length)
    }

    /// Returns the number of windows along a side of `length` pixels, rounded down; `None` if it is 0 or more than
    /// 65,535.
    pub const fn count(self, length: u16) -> Option<u16> {
        if !self.fits(length) {
            return None;
        }
        let count = (self.padded(length) - self.kernel as u32) / self.stride as u32 + 1;
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

    /// Returns TensorFlow's `SAME` padding of a side of `length` pixels: as many windows as strides, the odd pixel of
    /// padding after the map.
    pub(super) const fn same(kernel: u8, stride: u8, length: u16) -> Side {
        let windows = (length as u32).div_ceil(stride as u32);
        let total = ((windows - 1) * stride as u32 + kernel as u32).saturating_sub(length as u32);
        // Less than the kernel: at most 254.
        let padding = (total / 2) as u8;
        Side { kernel, stride, padding, after: total as u8 - padding }
    }
}

impl fmt::Display for Window {
    /// Writes kernel, stride and padding as in a line, all of them: `3/2+1`, `10x4/2+4,5x1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, true)
    }
}

impl Window {
    /// Writes the window as in a line; a stride of 1 only if `stride` is set.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, stride: bool) -> fmt::Result {
        let Window { rows, columns } = self;
        let pair = |f: &mut fmt::Formatter<'_>, a: u8, b: u8| match a == b {
            true => write!(f, "{a}"),
            false => write!(f, "{a}x{b}"),
        };
        pair(f, rows.kernel, columns.kernel)?;
        if stride || (rows.stride, columns.stride) != (1, 1) {
            f.write_str("/")?;
            pair(f, rows.stride, columns.stride)?;
        }
        if !self.has_padding() {
            return Ok(());
        }
        let side = |f: &mut fmt::Formatter<'_>, side: &Side| match side.is_even() {
            true => write!(f, "{}", side.padding),
            false => write!(f, "{},{}", side.padding, side.after),
        };
        f.write_str("+")?;
        side(f, rows)?;
        if (rows.padding, rows.after) != (columns.padding, columns.after) {
            f.write_str("x")?;
            side(f, columns)?;
        }
        Ok(())
    }
}
