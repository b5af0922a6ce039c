//! The hot loops; the only door to target-specific code.

#[cfg(all(target_arch = "arm", target_os = "none", target_abi = "eabihf"))]
mod cortex_m4f;
pub(crate) mod float;
#[cfg(not(target_os = "none"))]
mod float_wide;
pub(crate) mod int8;
#[cfg(not(target_os = "none"))]
mod isa;
#[cfg(test)]
mod tests;

use crate::plan::{Kernels, TILE};

/// Where the inputs of one layer lie for some pixels side by side: windows over a ring of rows.
#[derive(Clone, Copy, Debug)]
pub struct Patch<'a, V> {
    /// The ring: row `y` of the map stands in slot `y % slots`.
    pub lines: &'a [V],
    /// Rows that the ring holds.
    pub slots: usize,
    /// Values in a row.
    pub row: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// Columns of the map.
    pub columns: usize,
    /// Rows and columns of the window.
    pub kernel: usize,
    /// Columns from one pixel's window to the next.
    pub stride: usize,
    /// Rows of the map that the windows cover: first, and one past the last.
    pub rows: (usize, usize),
    /// Rows of the windows above the map.
    pub above: usize,
    /// Column of the first pixel's window; negative over padding.
    pub left: isize,
    /// Whether the windows are just pixels, side by side.
    pub flat: bool,
}

impl<'a, V> Patch<'a, V> {
    /// Pixels themselves, as a 1×1 convolution reads them.
    pub(crate) fn pixels(pixels: &'a [V], channels: usize) -> Self {
        Patch {
            lines: pixels,
            slots: 1,
            row: pixels.len(),
            channels,
            // Perhaps more than there are: every pixel lies on it.
            columns: Kernels::HERE.pixels(),
            kernel: 1,
            stride: 1,
            rows: (0, 1),
            above: 0,
            left: 0,
            flat: true,
        }
    }

    /// The windows from pixel `first` on.
    #[cfg(not(target_os = "none"))]
    pub(crate) fn after(&self, first: usize) -> Self {
        Patch { left: self.left + (first * self.stride) as isize, ..*self }
    }

    /// Row `y` of the map.
    pub(crate) fn line(&self, y: usize) -> &'a [V] {
        let at = y % self.slots * self.row;
        &self.lines[at..at + self.row]
    }

    /// The columns of pixel `p`'s window that lie on the map, counted in the window.
    pub(crate) fn valid(&self, p: usize) -> (usize, usize) {
        let start = self.left + (p * self.stride) as isize;
        let first = if start < 0 { start.unsigned_abs() } else { 0 };
        let left = self.columns as isize - start;
        let end = if left < self.kernel as isize { left.max(0) as usize } else { self.kernel };
        (first.min(end), end)
    }

    /// Where column `kx` of pixel `p`'s window stands in a row.
    pub(crate) fn at(&self, p: usize, kx: usize) -> usize {
        (self.left + (p * self.stride + kx) as isize).unsigned_abs() * self.channels
    }
}

/// Does a layer for `pixels` pixels tile by tile: `work` gets a tile's windows, how many pixels it has and its part of
/// `out`, which has `outputs` values for each.
#[inline(always)]
pub(crate) fn tiles<V>(
    patch: &Patch<'_, V>,
    pixels: usize,
    outputs: usize,
    out: &mut [V],
    mut work: impl FnMut(&Patch<'_, V>, usize, &mut [V]),
) {
    #[cfg(not(target_os = "none"))]
    for (first, out) in (0..pixels).step_by(TILE).zip(out.chunks_mut(TILE * outputs)) {
        work(&patch.after(first), TILE.min(pixels - first), out);
    }
    #[cfg(target_os = "none")]
    {
        // There is one.
        let _ = outputs;
        work(patch, pixels, out);
    }
}
