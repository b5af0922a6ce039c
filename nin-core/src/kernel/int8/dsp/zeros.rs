//! Layers with zero points whose weights are packed by two: the [kernels](super::multiply) leave their sums, which are
//! rounded here.

use super::multiply::{Product, multiply};
use super::rounding::{clamp, round};
use super::together;
use super::widen::widen;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::affine::Words;
use crate::packing::{Packing, STREAM_BIASES, STREAM_FACTORS, WeightType};
use crate::plan::TILE;
use crate::plan::work::{KEPT, SEGMENT};

/// Streams whose sums are on the stack at once.
const TOGETHER: usize = 4;

/// Computes one plain layer with any zero points for a tile of pixels.
pub fn layer(
    patch: &Patch<'_, u8>,
    pixels: usize,
    words: &Words,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    let mut first = 0;
    while first < pixels {
        let count = together(pixels - first, TILE);
        tile(patch, (first, count), words, weights, work, &mut out[first * weights.outputs..]);
        first += count;
    }
    clamp(words, &mut out[..pixels * weights.outputs]);
}

/// Computes one layer for 4, 2 or 1 pixels of a tile.
fn tile(
    patch: &Patch<'_, u8>,
    (first, pixels): (usize, usize),
    words: &Words,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    let stored: &[u32] = bytemuck::cast_slice(weights.bytes);
    let (fan_in, outputs) = (weights.fan_in.next_multiple_of(2), weights.outputs);
    let stream = Packing::new(WeightType::Int8, 2, 2, fan_in).stream_words();
    let pairs = outputs.div_ceil(2);
    let parts = fan_in.div_ceil(SEGMENT);
    // Segments of about equal length, in multiples of four inputs as the packing has them.
    let segment = fan_in.div_ceil(parts).next_multiple_of(4);
    let (window, rest) = work.split_at_mut(pixels * segment / 2);
    let mut few = [0; 2 * TILE * TOGETHER];
    if parts == 1 {
        widen(patch, (first, pixels), (0, fan_in), words.input_zero, window, rest);
    }
    let (sums, streams): (&mut [i32], _) = match parts {
        1 => (&mut few, TOGETHER),
        _ => (bytemuck::cast_slice_mut(rest), KEPT / 2),
    };
    for pair in (0..pairs).step_by(streams) {
        let count = streams.min(pairs - pair);
        for from in (0..fan_in).step_by(segment) {
            let to = fan_in.min(from + segment);
            if parts > 1 {
                widen(patch, (first, pixels), (from, to), words.input_zero, window, &mut []);
            }
            let begin = if from == 0 { 0 } else { STREAM_BIASES + from / 2 };
            multiply(&mut Product {
                pixels,
                window,
                inputs: to - from,
                streams: &stored[pair * stream + begin..],
                stride: stream,
                count,
                first: from == 0,
                last: false,
                sums,
                out: &mut [],
                outputs,
            });
        }
        let outputs_here = (2 * pair..outputs).take(2 * count);
        for (index, output) in outputs_here.enumerate() {
            let factors = &stored[(output / 2 + 1) * stream - STREAM_FACTORS + 3 * (output % 2)..][..3];
            let &[multiplier, half, shift] = factors else { break };
            let sums = &sums[index / 2 * 2 * pixels + index % 2..];
            for pixel in 0..pixels {
                out[pixel * outputs + output] =
                    round(sums[2 * pixel], multiplier as i32, half as i32, shift, words.output_zero.into());
            }
        }
    }
}
