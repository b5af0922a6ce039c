//! The two matrix products that training consists of, on maps as they stand in memory.
//!
//! A convolution needs no patches packed: channels last, one row of a window is one run of memory, so the left
//! operand of the product is described by where each window begins ([`Windows`]), and read in place. Weights are
//! packed once a step into [`Panels`] as wide as a few vectors. [`multiply`] sums over a window (the forward pass,
//! and the gradient of the data); [`accumulate`] sums over pixels (the gradient of the weights). Both run on one
//! thread; images run side by side. [`Winograd`] does both with fewer multiplications, where that pays.
//!
//! Imports nothing of this crate, and [`support`](crate::support) for its tests.

mod buffer;
mod map;
pub(crate) mod simd;
mod tiles;
mod winograd;

pub(crate) use buffer::{Buffer, View};
pub(crate) use map::Map;
pub(crate) use simd::vectorized;
pub(crate) use tiles::{SCRATCH, accumulate, multiply, padded};
pub(crate) use winograd::{Kernels, Needs, Room, Winograd};

/// Windows over maps: the left operand of a product, `pixels × depth`, read in place.
///
/// Window `p` holds, for each of its `rows` rows, `length` values from `offsets[p] + row·step`.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    /// Where each window begins, in values; ascending.
    pub(crate) offsets: Vec<u32>,
    /// Rows of a window.
    pub(crate) rows: usize,
    /// Values from one row of a window to the next.
    pub(crate) step: usize,
    /// Values in one row of a window.
    pub(crate) length: usize,
}

impl Windows {
    /// Values in a window: what a product sums over.
    pub(crate) fn depth(&self) -> usize {
        self.rows * self.length
    }

    /// Values that the first `pixels` windows reach over.
    fn reach(&self, pixels: usize) -> usize {
        self.offsets[..pixels].last().map_or(0, |last| *last as usize + (self.rows - 1) * self.step + self.length)
    }
}

/// Columns of a panel, in vectors: at most this many.
const MAX_VECTORS: usize = 3;

/// A packed right operand, `depth × columns`, cut into panels of columns, with a bias for each column.
pub(crate) struct Panels {
    depth: usize,
    columns: usize,
    lanes: usize,
    /// First column and vectors of each panel.
    cuts: Vec<(usize, usize)>,
    /// Panel by panel: `depth` rows of its columns, filled up with zeros.
    values: Buffer,
    bias: Buffer,
}

impl Panels {
    /// Zeros.
    pub(crate) fn new(depth: usize, columns: usize) -> Panels {
        let lanes = tiles::lanes();
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

    /// Takes the biases.
    pub(crate) fn set_bias(&mut self, bias: &[f32]) {
        self.bias[..bias.len()].copy_from_slice(bias);
    }

    /// The biases, one for each column.
    pub(crate) fn bias(&self) -> &[f32] {
        &self.bias[..self.columns]
    }
}

/// Cuts vectors of columns into panels: as few as possible, as even as possible.
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

/// What [`multiply`] does with a sum before it is stored.
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
