//! Layers with zero points whose weights are packed by two: the [kernels](super::multiply) leave their sums, which are
//! rounded here.

use super::multiply::{Product, multiply};
use super::rounding::{clamp, round};
use super::storage::{Storage, StreamPart};
use super::together;
use super::widen::widen;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::STREAM_FACTORS;
use crate::packing::affine::Words;
use crate::plan::TILE;
use crate::plan::work::{KEPT, SEGMENT};

/// Streams whose sums are on the stack at once.
const TOGETHER: usize = 4;

/// Computes one plain layer with any zero points for a tile of pixels.
pub fn layer<S: Storage>(
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
        tile::<S>(patch, (first, count), words, weights, work, &mut out[first * weights.outputs..]);
        first += count;
    }
    clamp(words, &mut out[..pixels * weights.outputs]);
}

/// Computes one layer for 4, 2 or 1 pixels of a tile.
fn tile<S: Storage>(
    patch: &Patch<'_, u8>,
    (first, pixels): (usize, usize),
    words: &Words,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    let stored: &[u32] = bytemuck::cast_slice(weights.bytes);
    let (fan_in, outputs) = (weights.fan_in.next_multiple_of(2), weights.outputs);
    let pairs = outputs.div_ceil(2);
    let parts = fan_in.div_ceil(SEGMENT);
    // Segments of about equal length, in multiples of four inputs as the packing has them.
    let segment = fan_in.div_ceil(parts).next_multiple_of(4);
    let (window, rest) = work.split_at_mut(pixels * segment / 2);
    let (streams, kept) = if parts == 1 { (TOGETHER, 0) } else { (KEPT / 2, pairs.min(KEPT / 2)) };
    let (sums, room) = rest.split_at_mut(2 * pixels * kept);
    let mut few = [0; 2 * TILE * TOGETHER];
    let sums: &mut [i32] = if parts == 1 { &mut few } else { bytemuck::cast_slice_mut(sums) };
    if parts == 1 {
        widen(patch, (first, pixels), (0, fan_in), words.input_zero, window, room);
    }
    let mut part = StreamPart { pair: 0, count: 0, from: 0, to: 0, fan_in };
    let stream = part.stream_words(S::WEIGHTS);
    while part.pair < pairs {
        part.count = streams.min(pairs - part.pair);
        part.from = 0;
        while part.from < fan_in {
            part.to = fan_in.min(part.from + segment);
            if parts > 1 {
                widen(patch, (first, pixels), (part.from, part.to), words.input_zero, window, &mut []);
            }
            S::streams(stored, &part, room, |pair, count, streams, stride| {
                multiply(&mut Product {
                    pixels,
                    window,
                    inputs: part.to - part.from,
                    streams,
                    stride,
                    count,
                    first: part.first(),
                    last: false,
                    sums: &mut sums[2 * pixels * (pair - part.pair)..],
                    out: &mut [],
                    outputs,
                });
            });
            part.from = part.to;
        }
        let outputs_here = (2 * part.pair..outputs).take(2 * part.count);
        for (index, output) in outputs_here.enumerate() {
            let factors = &stored[(output / 2 + 1) * stream - STREAM_FACTORS + 3 * (output % 2)..][..3];
            let &[multiplier, half, shift] = factors else { break };
            let sums = &sums[index / 2 * 2 * pixels + index % 2..];
            for pixel in 0..pixels {
                out[pixel * outputs + output] =
                    round(sums[2 * pixel], multiplier as i32, half as i32, shift, words.output_zero.into());
            }
        }
        part.pair += part.count;
    }
}
