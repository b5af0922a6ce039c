//! Layers in f32, with weights stored as f32 or f16.

use half::f16;

use super::Patch;
use crate::format::private::LayerWeights;
use crate::plan::{TILE, WeightType};

#[cfg(all(target_arch = "arm", target_os = "none", target_abi = "eabihf"))]
use super::cortex_m4f::Quad as Kernels;
#[cfg(not(all(target_arch = "arm", target_os = "none", target_abi = "eabihf")))]
use Sized as Kernels;

/// A float type that weights are stored in.
pub trait Stored: bytemuck::Pod + Kernels {
    /// Its name at run time.
    const TYPE: WeightType;

    /// The same number in 32 bits.
    fn widen(self) -> f32;
}

impl Stored for f32 {
    const TYPE: WeightType = WeightType::F32;

    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
}

impl Stored for f16 {
    const TYPE: WeightType = WeightType::F16;

    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }
}

/// Biases and packed weights of a layer.
pub(crate) fn split<'m, W: Stored>(weights: &LayerWeights<'m>) -> (&'m [f32], &'m [W]) {
    let outputs = weights.outputs.next_multiple_of(weights.lanes);
    let (biases, packed) = weights.bytes.split_at(4 * outputs);
    let packed = &packed[..size_of::<W>() * outputs * weights.fan_in];
    // `Network::new` has checked the alignment.
    (bytemuck::cast_slice(biases), bytemuck::cast_slice(packed))
}

/// `max(value, 0)` on the bits: +0 for anything with its sign set, on every target.
#[inline(always)]
pub(crate) fn relu(value: f32) -> f32 {
    let bits = value.to_bits();
    f32::from_bits(bits & !((bits as i32 >> 31) as u32))
}

/// One layer for a tile of at most [`TILE`] pixels; `out` takes pixels × outputs values.
pub(crate) fn layer<W: Stored>(patch: &Patch<'_, f32>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [f32]) {
    match weights.lanes {
        4 => layer_by::<W, 4>(patch, pixels, weights, out),
        16 => layer_by::<W, 16>(patch, pixels, weights, out),
        _ => layer_by::<W, 1>(patch, pixels, weights, out),
    }
}

#[inline(always)]
fn layer_by<W: Stored, const L: usize>(
    patch: &Patch<'_, f32>,
    pixels: usize,
    weights: &LayerWeights<'_>,
    out: &mut [f32],
) {
    let (biases, packed) = split::<W>(weights);
    let outputs = weights.outputs;
    let mut valid = [(0, 0); TILE];
    for (p, valid) in valid[..pixels].iter_mut().enumerate() {
        *valid = patch.valid(p);
    }
    // Columns of the window that lie on the map for every pixel of a whole tile: those go together. The first
    // pixel begins last, the last pixel ends first.
    let (first, end) = (valid[0].0, if pixels == TILE { valid[TILE - 1].1 } else { 0 });
    let together = if first < end { first..end } else { 0..0 };

    for (group, packed) in packed.chunks_exact(weights.fan_in * L).enumerate() {
        let mut sums = [[0.0; L]; TILE];
        for sums in &mut sums[..pixels] {
            sums.copy_from_slice(&biases[group * L..][..L]);
        }
        for y in patch.rows.0..patch.rows.1 {
            let line = patch.line(y);
            let ky = y + patch.above - patch.rows.0;
            let weights = &packed[ky * patch.kernel * patch.channels * L..];
            let weights = |from: usize, to: usize| &weights[from * patch.channels * L..to * patch.channels * L];
            let alone = |sums: &mut [[f32; L]; TILE], p: usize, from: usize, to: usize| {
                if from < to {
                    let x = &line[patch.at(p, from)..][..(to - from) * patch.channels];
                    sums::one(&mut sums[p], x, weights(from, to));
                }
            };
            if together.is_empty() {
                for (p, &(from, to)) in valid[..pixels].iter().enumerate() {
                    alone(&mut sums, p, from, to);
                }
                continue;
            }
            for (p, &(from, _)) in valid.iter().enumerate() {
                alone(&mut sums, p, from, together.start);
            }
            let run = together.len() * patch.channels;
            let x = core::array::from_fn(|p| &line[patch.at(p, together.start)..][..run]);
            sums::tile(&mut sums, x, weights(together.start, together.end));
            for (p, &(_, to)) in valid.iter().enumerate() {
                alone(&mut sums, p, together.end, to);
            }
        }
        let count = L.min(outputs - group * L);
        for (out, sums) in out.chunks_exact_mut(outputs).zip(&sums[..pixels]) {
            for (out, &sum) in out[group * L..][..count].iter_mut().zip(sums) {
                *out = relu(sum);
            }
        }
    }
}

/// A float type's sums of products, for any number of outputs side by side.
///
/// `one` adds to the sums of one pixel, `tile` to those of a whole tile of pixels, whose inputs `x` are all as long;
/// `weights` holds L outputs for each input.
mod sums {
    use super::{Stored, TILE};

    #[inline(always)]
    pub fn one<W: Stored, const L: usize>(sums: &mut [f32; L], x: &[f32], weights: &[W]) {
        #[cfg(all(target_arch = "arm", target_os = "none", target_abi = "eabihf"))]
        if let Ok(sums) = sums.as_mut_slice().try_into() {
            return W::one(sums, x, weights);
        }
        for (&x, weights) in x.iter().zip(weights.chunks_exact(L)) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += x * weight.widen();
            }
        }
    }

    #[inline(always)]
    pub fn tile<W: Stored, const L: usize>(sums: &mut [[f32; L]; TILE], x: [&[f32]; TILE], weights: &[W]) {
        #[cfg(all(target_arch = "arm", target_os = "none", target_abi = "eabihf"))]
        if let Ok(sums) = sums.as_flattened_mut().try_into() {
            return W::tile(sums, x, weights);
        }
        let [x0, x1, x2, x3] = x;
        let x = x0.iter().zip(x1).zip(x2).zip(x3);
        for ((((&x0, &x1), &x2), &x3), weights) in x.zip(weights.chunks_exact(L)) {
            for (lane, weight) in weights.iter().enumerate() {
                let weight = weight.widen();
                sums[0][lane] += x0 * weight;
                sums[1][lane] += x1 * weight;
                sums[2][lane] += x2 * weight;
                sums[3][lane] += x3 * weight;
            }
        }
    }
}

/// Adds inputs `first..first + values.len()` to the sums of a fully connected layer.
pub(crate) fn full_add<W: Stored>(weights: &LayerWeights<'_>, first: usize, values: &[f32], sums: &mut [f32]) {
    let (_, packed) = split::<W>(weights);
    let lanes = weights.lanes;
    for (packed, sums) in packed.chunks_exact(weights.fan_in * lanes).zip(sums.chunks_mut(lanes)) {
        let packed = &packed[first * lanes..][..values.len() * lanes];
        for (&value, packed) in values.iter().zip(packed.chunks_exact(lanes)) {
            for (sum, weight) in sums.iter_mut().zip(packed) {
                *sum += value * weight.widen();
            }
        }
    }
}
