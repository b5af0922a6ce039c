//! Float layers packed by sixteen, for processors with vectors. The registers hold the sums of all pixels of a tile for
//! as many groups of sixteen outputs as fit.
//!
//! Every sum adds its products in the same order as in all other kernels; products with padding are omitted.

use core::marker::PhantomData;

use half::f16;

use super::stored::{Stored, split};
use crate::kernel::isa::{Isa, Vectors, Work};
use crate::kernel::operands::{LayerWeights, Patch};
use crate::kernel::sum::sealed::Rounding;
use crate::plan::TILE;

/// Stored weights that can be loaded as vectors.
pub trait Sixteen: Stored {
    /// Loads sixteen weights as a vector of floats.
    fn sixteen<V: Vectors>(vectors: V, weights: &[Self; 16]) -> V::Sixteen;
}

impl Sixteen for f32 {
    #[inline(always)]
    fn sixteen<V: Vectors>(vectors: V, weights: &[f32; 16]) -> V::Sixteen {
        vectors.load(weights)
    }
}

impl Sixteen for f16 {
    #[inline(always)]
    fn sixteen<V: Vectors>(vectors: V, weights: &[f16; 16]) -> V::Sixteen {
        vectors.widen(weights)
    }
}

/// Computes one layer for a tile of pixels.
pub fn layer<W: Sixteen, R: Rounding>(
    patch: &Patch<'_, f32>,
    pixels: usize,
    weights: &LayerWeights<'_>,
    out: &mut [f32],
) {
    layer_on::<W, R>(Isa::here(), patch, pixels, weights, out);
}

/// As [`layer`], with the given instruction set.
pub fn layer_on<W: Sixteen, R: Rounding>(
    isa: Isa,
    patch: &Patch<'_, f32>,
    pixels: usize,
    weights: &LayerWeights<'_>,
    out: &mut [f32],
) {
    let (biases, packed) = split::<W>(weights);
    let layer = PackedLayer {
        patch,
        biases: biases.as_chunks().0,
        weights: packed.as_chunks().0,
        fan_in: weights.fan_in,
        outputs: weights.outputs,
        rounding: PhantomData::<R>,
    };
    isa.run(Tile { layer, pixels, out });
}

/// A layer whose weights are packed by sixteen outputs.
struct PackedLayer<'a, W, R> {
    patch: &'a Patch<'a, f32>,
    /// For each group of outputs.
    biases: &'a [[f32; 16]],
    /// For each group, for each input.
    weights: &'a [[W; 16]],
    fan_in: usize,
    outputs: usize,
    rounding: PhantomData<R>,
}

/// The work of one tile.
struct Tile<'a, W, R> {
    layer: PackedLayer<'a, W, R>,
    pixels: usize,
    out: &'a mut [f32],
}

impl<W: Sixteen, R: Rounding> Work for Tile<'_, W, R> {
    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) {
        let Tile { layer, pixels, out } = self;
        match pixels {
            1 => layer.pixels::<V, 1>(vectors, out),
            2 => layer.pixels::<V, 2>(vectors, out),
            3 => layer.pixels::<V, 3>(vectors, out),
            _ => layer.pixels::<V, TILE>(vectors, out),
        }
    }
}

/// The columns of the windows of N pixels that are on the map.
struct Columns<const N: usize> {
    /// For each pixel, counted in the window: the first, and one past the last.
    valid: [(usize, usize); N],
    /// The columns that are on the map for every pixel.
    common: (usize, usize),
    /// The index in a row of each pixel's first common input.
    starts: [usize; N],
    /// Whether all columns are common.
    inside: bool,
}

impl<const N: usize> Columns<N> {
    #[inline(always)]
    fn of(patch: &Patch<'_, f32>) -> Self {
        let valid: [(usize, usize); N] = core::array::from_fn(|pixel| patch.valid(pixel));
        let common = match (valid[0].0, valid[N - 1].1) {
            (begin, end) if begin < end => (begin, end),
            _ => (patch.kernel, patch.kernel),
        };
        let some = common.0 < common.1;
        let starts = core::array::from_fn(|pixel| if some { patch.at(pixel, common.0) } else { 0 });
        let inside = valid.iter().all(|&valid| valid == (0, patch.kernel));
        Columns { valid, common, starts, inside }
    }
}

impl<W: Sixteen, R: Rounding> PackedLayer<'_, W, R> {
    #[inline(always)]
    fn pixels<V: Vectors, const N: usize>(&self, vectors: V, out: &mut [f32]) {
        if self.patch.flat {
            let (lines, channels) = (self.patch.lines, self.patch.channels);
            let x: [&[f32]; N] = core::array::from_fn(|pixel| &lines[pixel * channels..][..channels]);
            self.all::<V, N>(vectors, None, x, out);
        } else {
            let columns = Columns::of(self.patch);
            self.all::<V, N>(vectors, Some(&columns), [&[]; N], out);
        }
    }

    /// Computes all groups of outputs.
    #[inline(always)]
    fn all<V: Vectors, const N: usize>(
        &self,
        vectors: V,
        columns: Option<&Columns<N>>,
        x: [&[f32]; N],
        out: &mut [f32],
    ) {
        // Fewer pixels allow more groups. Many sums hide the latency of additions.
        let most = (V::SUMS / N).clamp(1, 4);
        let mut group = 0;
        while group < self.biases.len() {
            let groups = most.min(self.biases.len() - group);
            match groups {
                1 => self.groups::<V, N, 1>(vectors, group, columns, x, out),
                2 if most >= 2 => self.groups::<V, N, 2>(vectors, group, columns, x, out),
                3 if most >= 3 => self.groups::<V, N, 3>(vectors, group, columns, x, out),
                _ if most >= 4 => self.groups::<V, N, 4>(vectors, group, columns, x, out),
                _ => {}
            }
            group += groups;
        }
    }

    /// Computes G groups of outputs from `first` on: of the windows with these `columns`, or of the pixels `x`.
    #[inline(always)]
    fn groups<V: Vectors, const N: usize, const G: usize>(
        &self,
        vectors: V,
        first: usize,
        columns: Option<&Columns<N>>,
        x: [&[f32]; N],
        out: &mut [f32],
    ) {
        let mut sums = [[vectors.load(&[0.0; 16]); G]; N];
        let biases = &self.biases[first..first + G];
        for sums in &mut sums {
            for group in 0..G {
                sums[group] = vectors.load(&biases[group]);
            }
        }
        let mut weights = [&[][..]; G];
        for (group, weights) in weights.iter_mut().enumerate() {
            *weights = &self.weights[(first + group) * self.fan_in..][..self.fan_in];
        }
        match columns {
            None => products::<V, W, R, _, _>(vectors, &mut sums, x, weights),
            Some(columns) => self.windows(vectors, columns, weights, &mut sums),
        }
        for (pixel, sums) in sums.iter().enumerate() {
            let out = &mut out[pixel * self.outputs..][..self.outputs];
            for (group, &sum) in sums.iter().enumerate() {
                let out = &mut out[16 * (first + group)..];
                match out.first_chunk_mut() {
                    Some(out) => vectors.store(vectors.relu(sum), out),
                    None => {
                        let mut values = [0.0; 16];
                        vectors.store(vectors.relu(sum), &mut values);
                        out.copy_from_slice(&values[..out.len()]);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn windows<V: Vectors, const N: usize, const G: usize>(
        &self,
        vectors: V,
        columns: &Columns<N>,
        weights: [&[[W; 16]]; G],
        sums: &mut [[V::Sixteen; G]; N],
    ) {
        let patch = self.patch;
        let (run, channels) = (patch.kernel * patch.channels, patch.channels);
        let Columns { valid, common: (begin, end), starts, inside } = *columns;
        let common = (end - begin) * channels;
        for y in patch.rows.0..patch.rows.1 {
            let line = patch.line(y);
            let ky = y + patch.above - patch.rows.0;
            let of = |from: usize, to: usize| part(weights, ky * run + from * channels, (to - from) * channels);
            let mut x = [&[][..]; N];
            for (x, start) in x.iter_mut().zip(starts) {
                *x = &line[start..start + common];
            }
            if inside {
                products::<V, W, R, _, _>(vectors, sums, x, of(0, patch.kernel));
                continue;
            }
            for pixel in 0..N {
                let (from, to) = (valid[pixel].0, valid[pixel].1.min(begin));
                if from < to {
                    let x = &line[patch.at(pixel, from)..][..(to - from) * channels];
                    products::<V, W, R, _, _>(vectors, core::array::from_mut(&mut sums[pixel]), [x], of(from, to));
                }
            }
            products::<V, W, R, _, _>(vectors, sums, x, of(begin, end));
            for pixel in 0..N {
                let (from, to) = (valid[pixel].0.max(end), valid[pixel].1);
                if from < to {
                    let x = &line[patch.at(pixel, from)..][..(to - from) * channels];
                    products::<V, W, R, _, _>(vectors, core::array::from_mut(&mut sums[pixel]), [x], of(from, to));
                }
            }
        }
    }
}

/// Returns the weights of `count` inputs from `first` on.
#[inline(always)]
fn part<W, const G: usize>(weights: [&[[W; 16]]; G], first: usize, count: usize) -> [&[[W; 16]]; G] {
    let mut part = [&[][..]; G];
    for (part, weights) in part.iter_mut().zip(weights) {
        *part = &weights[first..][..count];
    }
    part
}

/// Adds the products of the inputs of N pixels, equally many each, and their weights for G groups of outputs.
#[inline(always)]
fn products<V: Vectors, W: Sixteen, R: Rounding, const N: usize, const G: usize>(
    vectors: V,
    sums: &mut [[V::Sixteen; G]; N],
    x: [&[f32]; N],
    weights: [&[[W; 16]]; G],
) {
    let inputs = x.iter().map(|x| x.len()).chain(weights.iter().map(|weights| weights.len())).min().unwrap_or(0);
    let mut local = *sums;
    for k in 0..inputs {
        for group in 0..G {
            let weights = W::sixteen(vectors, &weights[group][k]);
            for pixel in 0..N {
                local[pixel][group] = vectors.add::<R>(local[pixel][group], x[pixel][k], weights);
            }
        }
    }
    *sums = local;
}
