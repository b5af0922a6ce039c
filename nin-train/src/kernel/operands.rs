//! The operands of the products: windows over maps, packed panels, and the final operation on a sum.

use super::Buffer;
use super::simd::lanes;

/// Windows over maps: the left operand of a product, `pixels × depth`, read in place.
///
/// Window `p` holds, for each of its `rows` rows, `length` values from `offsets[p] + row·step`.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    /// Where each window begins, in values.
    pub(crate) offsets: Vec<u32>,
    /// Rows of a window.
    pub(crate) rows: usize,
    /// Values from one row of a window to the next.
    pub(crate) step: usize,
    /// Values in one row of a window.
    pub(crate) length: usize,
}

impl Windows {
    /// Returns the number of values in a window, the depth of the product.
    pub(crate) fn depth(&self) -> usize {
        self.rows * self.length
    }

    /// Returns the number of values from the start of the map to the end of the first `pixels` windows.
    pub(super) fn reach(&self, pixels: usize) -> usize {
        let rows = self.rows.saturating_sub(1).saturating_mul(self.step);
        farthest(&self.offsets[..pixels]).map_or(0, |last| last.saturating_add(rows).saturating_add(self.length))
    }
}

/// The largest width of a panel in vectors.
const MAX_VECTORS: usize = 3;

/// A packed right operand, `depth × columns`, cut into panels of columns, with a bias for each column.
pub(crate) struct Panels {
    pub(super) depth: usize,
    pub(super) columns: usize,
    pub(super) lanes: usize,
    /// First column and vectors of each panel.
    pub(super) cuts: Vec<(usize, usize)>,
    /// Panel by panel: `depth` rows of its columns, padded with zeros.
    pub(super) values: Buffer,
    pub(super) bias: Buffer,
}

impl Panels {
    /// Makes panels of zeros.
    pub(crate) fn new(depth: usize, columns: usize) -> Panels {
        let lanes = lanes();
        let cuts = cut(columns.div_ceil(lanes), lanes);
        let padded = columns.div_ceil(lanes) * lanes;
        Panels { depth, columns, lanes, cuts, values: Buffer::zeros(depth * padded), bias: Buffer::zeros(padded) }
    }

    /// Packs values: entry (k, n) is `source[row(k) + n * stride]`.
    pub(crate) fn pack(&mut self, source: &[f32], row: impl Fn(usize) -> usize, stride: usize) {
        for &(first, vectors) in &self.cuts {
            let wide = vectors * self.lanes;
            let count = wide.min(self.columns - first);
            let panel = &mut self.values[first * self.depth..][..wide * self.depth];
            for (k, line) in panel.chunks_exact_mut(wide).enumerate() {
                let from = &source[row(k) + first * stride..];
                if stride == 1 {
                    line[..count].copy_from_slice(&from[..count]);
                } else {
                    for (n, value) in line[..count].iter_mut().enumerate() {
                        *value = from[n * stride];
                    }
                }
            }
        }
    }

    /// Sets the biases.
    pub(crate) fn set_bias(&mut self, bias: &[f32]) {
        self.bias[..bias.len()].copy_from_slice(bias);
    }

    /// Returns the biases, one for each column.
    pub(crate) fn bias(&self) -> &[f32] {
        &self.bias[..self.columns]
    }
}

/// Returns the largest of these offsets.
pub(super) fn farthest(offsets: &[u32]) -> Option<usize> {
    offsets.iter().max().map(|last| *last as usize)
}

/// Splits vectors of columns into panels: as few as possible, and of widths as equal as possible.
fn cut(vectors: usize, lanes: usize) -> Vec<(usize, usize)> {
    let panels = vectors.div_ceil(MAX_VECTORS);
    let mut cuts = Vec::with_capacity(panels);
    let mut first = 0;
    for panel in 0..panels {
        let wide = (vectors - first).div_ceil(panels - panel);
        cuts.push((first * lanes, wide));
        first += wide;
    }
    cuts
}

/// The operation that [`multiply`] applies to a sum before it is stored.
pub(crate) enum Finish<'a> {
    /// Nothing.
    Store,
    /// Adds the panel's bias.
    Bias,
    /// Adds the panel's bias; a negative result becomes 0.
    BiasRelu,
    /// Keeps the sum where the value of this map, at these offsets, is positive; 0 elsewhere: a ReLU's gradient.
    Gate(&'a [f32], &'a [u32]),
}
