//! 8-bit layers for processors with wide vectors: gathers the windows of a tile, then multiplies them. [`channels`]
//! computes depthwise layers and the sums of shortcuts.

pub mod channels;
mod layer;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86;

use self::layer::PackedLayer;
use crate::kernel::int8::read::{OutputParameters, weight};
use crate::kernel::isa::Isa;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::affine::Words;
use crate::plan::TILE;

/// Computes one layer for a tile of pixels.
pub fn layer(
    patch: &Patch<'_, u8>,
    pixels: usize,
    words: &Words,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    layer_on(Isa::here(), patch, pixels, words, weights, work, out);
}

/// Computes one layer for a tile of pixels with the instruction set `isa`.
pub fn layer_on(
    isa: Isa,
    patch: &Patch<'_, u8>,
    pixels: usize,
    words: &Words,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    let fan_in = weights.fan_in.next_multiple_of(4);
    let windows = if patch.flat && fan_in == weights.fan_in {
        patch.lines
    } else {
        let work = &mut bytemuck::cast_slice_mut::<u32, u8>(work)[..TILE * fan_in];
        gather(patch, pixels, words.input_zero, work, fan_in);
        work
    };
    if weights.lanes != 16 {
        return one_by_one(windows, pixels, weights, out);
    }
    let layer = PackedLayer::new(weights, words);
    #[cfg(target_arch = "x86_64")]
    if x86::layer(isa, &layer, windows, pixels, out) {
        return;
    }
    let _ = isa;
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    wasm::layer(&layer, windows, pixels, out);
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    portable(&layer, windows, pixels, out);
}

/// Copies the windows of a tile, each `fan_in` bytes long, with padding as `zero`.
fn gather(patch: &Patch<'_, u8>, pixels: usize, zero: u8, windows: &mut [u8], fan_in: usize) {
    let (channels, kernel, height) = (patch.channels, patch.kernel, patch.height);
    let run = kernel * channels;
    let whole_rows = patch.rows.1 - patch.rows.0 == height;
    let mut valid = [(0, 0); TILE];
    for (pixel, (valid, window)) in valid.iter_mut().zip(windows.chunks_exact_mut(fan_in)).enumerate().take(pixels) {
        *valid = patch.valid(pixel);
        let whole = whole_rows && *valid == (0, kernel);
        window[if whole { height * run } else { 0 }..].fill(zero);
    }
    for y in patch.rows.0..patch.rows.1 {
        let line = patch.line(y);
        let row = (y + patch.above - patch.rows.0) * run;
        let windows = windows.chunks_exact_mut(fan_in).take(pixels);
        for (pixel, (window, (first, end))) in windows.zip(valid).enumerate() {
            if first < end {
                let from = &line[patch.at(pixel, first)..][..(end - first) * channels];
                copy(from, &mut window[row + first * channels..][..from.len()]);
            }
        }
    }
}

/// Copies `from` to `to`, which have the same length; up to 32 bytes without a call of `memcpy`.
#[inline(always)]
fn copy(from: &[u8], to: &mut [u8]) {
    /// Copies the first N bytes and the last N, which may overlap.
    #[inline(always)]
    fn ends<const N: usize>(from: &[u8], to: &mut [u8]) {
        if let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) {
            let at = to.len() - N;
            to[..N].copy_from_slice(first);
            to[at..].copy_from_slice(last);
        }
    }
    match from.len() {
        0..=3 => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
        4..=7 => ends::<4>(from, to),
        8..=15 => ends::<8>(from, to),
        16..=32 => ends::<16>(from, to),
        _ => to.copy_from_slice(from),
    }
}

/// Computes a layer packed by sixteen on any processor; the compiler vectorises what it can.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
fn portable(layer: &PackedLayer<'_>, windows: &[u8], pixels: usize, out: &mut [u8]) {
    for group in 0..layer.outputs.div_ceil(16) {
        let count = 16.min(layer.outputs - 16 * group);
        let windows = windows.chunks_exact(layer.fan_in).take(pixels);
        for (window, out) in windows.zip(out.chunks_exact_mut(layer.outputs)) {
            let mut sums = *layer.parameters(0, group);
            for (x, weights) in window.as_chunks::<4>().0.iter().zip(layer.weights(group, 1)) {
                for (sum, w) in sums.iter_mut().zip(weights.as_chunks::<4>().0) {
                    *sum = sum.wrapping_add((0..4).map(|k| i32::from(x[k]) * i32::from(w[k])).sum());
                }
            }
            for (lane, out) in out[16 * group..][..count].iter_mut().enumerate() {
                *out = layer.output(group, lane, sums[lane]);
            }
        }
    }
}

/// Computes a layer of any packing, one weight at a time: models that are packed for a board, on a host.
fn one_by_one(windows: &[u8], pixels: usize, weights: &LayerWeights<'_>, out: &mut [u8]) {
    let fan_in = weights.fan_in.next_multiple_of(4);
    for output in 0..weights.outputs {
        let parameters = OutputParameters::of::<0>(weights, output);
        let mut sums = [parameters.bias; TILE];
        for input in 0..weights.fan_in {
            let weight = i32::from(weight::<0>(weights, output, input));
            for (sum, window) in sums[..pixels].iter_mut().zip(windows.chunks_exact(fan_in)) {
                *sum = sum.wrapping_add(i32::from(window[input]) * weight);
            }
        }
        for (pixel, &sum) in sums[..pixels].iter().enumerate() {
            out[pixel * weights.outputs + output] = parameters.requantise(sum);
        }
    }
}
