//! The operands of every kernel: the inputs of a layer, and its part of the packed weights.

use crate::plan::TILE;
use crate::spec::Activation;

/// The inputs of one layer for a tile of pixels: windows over a ring of rows.
#[derive(Clone, Copy, Debug)]
pub struct Patch<'a, V> {
    /// The ring: row `y` of the map is in slot `y % slots`.
    pub lines: &'a [V],
    /// Rows that the ring holds.
    pub slots: usize,
    /// Values in a row.
    pub row: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// Columns of the map.
    pub columns: usize,
    /// Columns of the window.
    pub kernel: usize,
    /// Rows of the window.
    pub height: usize,
    /// Columns from one pixel's window to the next.
    pub stride: usize,
    /// Rows of the map that the windows cover: the first, and one past the last.
    pub rows: (usize, usize),
    /// Rows of the windows above the map.
    pub above: usize,
    /// Column of the first pixel's window; negative over padding.
    pub left: isize,
    /// Whether the windows are just the pixels of a tile, side by side.
    pub flat: bool,
}

impl<'a, V> Patch<'a, V> {
    /// Returns the pixels of a tile as the inputs of a 1×1 convolution.
    pub(crate) fn pixels(tile: &'a [V], channels: usize) -> Self {
        Patch {
            lines: tile,
            slots: 1,
            row: tile.len(),
            channels,
            // An upper bound: every pixel of a tile is on the map.
            columns: TILE + 1,
            kernel: 1,
            height: 1,
            stride: 1,
            rows: (0, 1),
            above: 0,
            left: 0,
            flat: true,
        }
    }

    /// Returns row `y` of the map.
    pub(crate) fn line(&self, y: usize) -> &'a [V] {
        let at = y % self.slots * self.row;
        &self.lines[at..at + self.row]
    }

    /// Returns the columns of pixel `p`'s window that are on the map, counted in the window: the first, and one past
    /// the last.
    pub(crate) fn valid(&self, p: usize) -> (usize, usize) {
        let start = self.left + (p * self.stride) as isize;
        let first = if start < 0 { start.unsigned_abs() } else { 0 };
        let left = self.columns as isize - start;
        let end = if left < self.kernel as isize { left.max(0) as usize } else { self.kernel };
        (first.min(end), end)
    }

    /// Returns the index in a row of column `kx` of pixel `p`'s window.
    pub(crate) fn at(&self, p: usize, kx: usize) -> usize {
        (self.left + (p * self.stride + kx) as isize).unsigned_abs() * self.channels
    }
}

/// One layer's part of the packed weights.
#[derive(Clone, Copy, Debug)]
pub struct LayerWeights<'m> {
    /// Its parameters in the layout of [`Packing`](crate::packing::Packing).
    pub bytes: &'m [u8],
    /// Inputs of one output.
    pub fan_in: usize,
    /// Outputs.
    pub outputs: usize,
    /// Outputs that are side by side.
    pub lanes: usize,
    /// The number of groups; each group of outputs sums over its own part of the channels.
    pub groups: u16,
    /// What follows the sums of a float layer.
    pub activation: Activation,
    /// Whether the layer has several groups or no ReLU: not one for the fast kernels.
    pub general: bool,
}

impl LayerWeights<'_> {
    pub(crate) const EMPTY: Self = LayerWeights {
        bytes: &[],
        fan_in: 0,
        outputs: 0,
        lanes: 1,
        groups: 1,
        activation: Activation::Relu,
        general: false,
    };
}
