//! Layers in f32, with weights stored as f32 or f16.

use half::f16;

use super::Patch;
#[cfg(not(target_os = "none"))]
use super::isa::Vectors;
use crate::format::private::LayerWeights;
use crate::plan::{TILE, WeightType};

#[cfg(nin_m4f)]
use super::cortex_m4f::Quad as Kernels;
#[cfg(not(nin_m4f))]
use Sized as Kernels;

/// A float type that weights are stored in.
pub trait Stored: bytemuck::Pod + Kernels {
    /// Its name at run time.
    const TYPE: WeightType;

    /// The same number in 32 bits.
    fn widen(self) -> f32;

    /// Sixteen of them in a vector of floats.
    #[cfg(not(target_os = "none"))]
    fn sixteen<V: Vectors>(vectors: V, weights: &[Self; 16]) -> V::Sixteen;

    /// [`layer`] for weights of this type. It has no parameters, so a host's compiler makes the many kernels behind it once,
    /// with this crate, and not in every crate that has a network; on a board they are part of the one firmware.
    fn layer(patch: &Patch<'_, f32>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [f32]);
}

impl Stored for f32 {
    const TYPE: WeightType = WeightType::F32;

    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[cfg(not(target_os = "none"))]
    #[inline(always)]
    fn sixteen<V: Vectors>(vectors: V, weights: &[f32; 16]) -> V::Sixteen {
        vectors.load(weights)
    }

    #[cfg_attr(target_os = "none", inline)]
    fn layer(patch: &Patch<'_, f32>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [f32]) {
        layer::<f32>(patch, pixels, weights, out);
    }
}

impl Stored for f16 {
    const TYPE: WeightType = WeightType::F16;

    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }

    #[cfg(not(target_os = "none"))]
    #[inline(always)]
    fn sixteen<V: Vectors>(vectors: V, weights: &[f16; 16]) -> V::Sixteen {
        vectors.widen(weights)
    }

    #[cfg_attr(target_os = "none", inline)]
    fn layer(patch: &Patch<'_, f32>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [f32]) {
        layer::<f16>(patch, pixels, weights, out);
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

/// `sum + x · weight`, the product rounded before it is added; with the feature `fma` only their sum is.
#[inline(always)]
pub(crate) fn add_product(sum: &mut f32, x: f32, weight: f32) {
    #[cfg(not(feature = "fma"))]
    {
        *sum += x * weight;
    }
    #[cfg(all(feature = "fma", nin_m4f))]
    {
        *sum = super::cortex_m4f::fused(x, weight, *sum);
    }
    #[cfg(all(feature = "fma", not(nin_m4f)))]
    {
        *sum = libm::fmaf(x, weight, *sum);
    }
}

/// One layer for a tile of at most [`TILE`] pixels; `out` takes pixels × outputs values.
fn layer<W: Stored>(patch: &Patch<'_, f32>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [f32]) {
    match weights.lanes {
        4 => layer_by::<W, 4>(patch, pixels, weights, out),
        #[cfg(not(target_os = "none"))]
        16 => super::float_wide::layer::<W>(super::isa::Isa::here(), patch, pixels, weights, out),
        #[cfg(target_os = "none")]
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
    #[cfg(nin_m4f)]
    if L == 4 {
        return super::cortex_m4f::layer::<W>(patch, pixels, weights, out);
    }
    let (biases, packed) = split::<W>(weights);
    let outputs = weights.outputs;
    let mut valid = [(0, 0); TILE];
    for (p, valid) in valid[..pixels].iter_mut().enumerate() {
        *valid = patch.valid(p);
    }
    let valid = &valid[..pixels];
    let inside = pixels == TILE && valid.iter().all(|&valid| valid == (0, patch.kernel));
    let run = patch.kernel * patch.channels;
    let starts: [usize; TILE] = core::array::from_fn(|p| if inside { patch.at(p, 0) } else { 0 });

    for (group, packed) in packed.chunks_exact(weights.fan_in * L).enumerate() {
        let mut bias = [0.0; L];
        bias.copy_from_slice(&biases[group * L..][..L]);
        let mut sums = [bias; TILE];
        for y in patch.rows.0..patch.rows.1 {
            let line = patch.line(y);
            let ky = y + patch.above - patch.rows.0;
            let weights = &packed[ky * run * L..][..run * L];
            if inside {
                add_tile(&mut sums, starts.map(|start| &line[start..start + run]), weights);
            } else {
                edge(&mut sums, patch, line, valid, weights);
            }
        }
        let count = L.min(outputs - group * L);
        for (out, sums) in out.chunks_exact_mut(outputs).zip(&sums) {
            let sums = sums.map(relu);
            match out[group * L..].first_chunk_mut() {
                Some(out) if count == L => *out = sums,
                _ => out[group * L..][..count].copy_from_slice(&sums[..count]),
            }
        }
    }
}

/// One row of the windows of a tile that reaches over the map's edge or has fewer pixels than others.
///
/// Columns that lie on the map for every pixel of a whole tile go together, what is left of each pixel's alone: the
/// products come in the order they always do, those with padding are left out.
#[inline(never)]
fn edge<W: Stored, const L: usize>(
    sums: &mut [[f32; L]; TILE],
    patch: &Patch<'_, f32>,
    line: &[f32],
    valid: &[(usize, usize)],
    weights: &[W],
) {
    let channels = patch.channels;
    // The first pixel's window begins last on the map, the last pixel's ends first.
    let (first, end) = match valid {
        [(first, _), .., (_, end)] if valid.len() == TILE && first < end => (*first, *end),
        _ => (patch.kernel, patch.kernel),
    };
    for (p, &(from, to)) in valid.iter().enumerate() {
        let to = to.min(first);
        if from < to {
            let x = &line[patch.at(p, from)..][..(to - from) * channels];
            add_one(&mut sums[p], x, &weights[from * channels * L..to * channels * L]);
        }
    }
    if first < end {
        let run = (end - first) * channels;
        let x = core::array::from_fn(|p| &line[patch.at(p, first)..][..run]);
        add_tile(sums, x, &weights[first * channels * L..end * channels * L]);
    }
    for (p, &(from, to)) in valid.iter().enumerate() {
        let from = from.max(end);
        if from < to {
            let x = &line[patch.at(p, from)..][..(to - from) * channels];
            add_one(&mut sums[p], x, &weights[from * channels * L..to * channels * L]);
        }
    }
}

/// Adds to the sums of one pixel; `weights` holds L outputs for each input.
#[inline(always)]
fn add_one<W: Stored, const L: usize>(sums: &mut [f32; L], x: &[f32], weights: &[W]) {
    for (&x, weights) in x.iter().zip(weights.chunks_exact(L)) {
        for (sum, weight) in sums.iter_mut().zip(weights) {
            add_product(sum, x, weight.widen());
        }
    }
}

/// Adds to the sums of a whole tile of pixels, whose inputs are all as long.
#[inline(always)]
fn add_tile<W: Stored, const L: usize>(sums: &mut [[f32; L]; TILE], x: [&[f32]; TILE], weights: &[W]) {
    let [x0, x1, x2, x3] = x;
    let x = x0.iter().zip(x1).zip(x2).zip(x3);
    for ((((&x0, &x1), &x2), &x3), weights) in x.zip(weights.chunks_exact(L)) {
        for (lane, weight) in weights.iter().enumerate() {
            let weight = weight.widen();
            add_product(&mut sums[0][lane], x0, weight);
            add_product(&mut sums[1][lane], x1, weight);
            add_product(&mut sums[2][lane], x2, weight);
            add_product(&mut sums[3][lane], x3, weight);
        }
    }
}

/// Raises each of `most` to the value beside it, if that is larger.
#[cfg(not(nin_m4f))]
pub(crate) fn raise(most: &mut [f32], values: &[f32]) {
    for (most, &value) in most.iter_mut().zip(values) {
        *most = if value > *most { value } else { *most };
    }
}

#[cfg(nin_m4f)]
pub(crate) use super::cortex_m4f::raise;

/// Adds inputs `first..first + values.len()` to the sums of a fully connected layer.
pub(crate) fn full_add<W: Stored>(weights: &LayerWeights<'_>, first: usize, values: &[f32], sums: &mut [f32]) {
    let (_, packed) = split::<W>(weights);
    let lanes = weights.lanes;
    for (packed, sums) in packed.chunks_exact(weights.fan_in * lanes).zip(sums.chunks_mut(lanes)) {
        let packed = &packed[first * lanes..][..values.len() * lanes];
        for (&value, packed) in values.iter().zip(packed.chunks_exact(lanes)) {
            for (sum, weight) in sums.iter_mut().zip(packed) {
                add_product(sum, value, weight.widen());
            }
        }
    }
}
