//! 8-bit layers on a Cortex-M4, M7 or M33: weights packed by two, activations widened to pairs of 16 bits.
//!
//! The windows of a tile of pixels are [widened](widen) into `work`, at most [`SEGMENT`] inputs at a time, and
//! [multiplied](multiply()) with the weights of two outputs at a time. If a window is longer than a segment, `work` also
//! keeps the partial sums of up to [`KEPT`] outputs between segments.
//!
//! [`zeros`] does the same for layers with zero points, [`depthwise`] computes depthwise layers, and [`sum`] the sums of
//! shortcuts.

mod copy;
mod cpu;
pub(super) mod depthwise;
pub(super) mod four_bit;
mod multiply;
#[cfg(not(nin_mve))]
mod raise;
mod rounding;
mod storage;
pub(super) mod sum;
mod widen;
mod window;
pub(super) mod zeros;

use self::multiply::{Product, multiply};
#[cfg(not(nin_mve))]
pub use self::raise::raise;
pub use self::storage::Eight;
use self::storage::{Storage, StreamPart};
use self::widen::widen;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::plan::TILE;
use crate::plan::work::{KEPT, SEGMENT};

/// Computes one layer for a tile of pixels. Padding is `zero`.
pub fn layer<S: Storage>(
    patch: &Patch<'_, u8>,
    pixels: usize,
    zero: u8,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    let mut first = 0;
    while first < pixels {
        let count = together(pixels - first, TILE);
        tile::<S>(patch, (first, count), zero, weights, work, &mut out[first * weights.outputs..]);
        first += count;
    }
}

/// Returns the number of pixels that a kernel computes next, at most `most` of the `left` ones: not three, because there
/// are kernels for four pixels, for two and for one.
#[inline(always)]
fn together(left: usize, most: usize) -> usize {
    if left == 3 { 2 } else { most.min(left) }
}

/// Computes one layer for 4, 2 or 1 pixels of a tile.
fn tile<S: Storage>(
    patch: &Patch<'_, u8>,
    (first, pixels): (usize, usize),
    zero: u8,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    let stored: &[u32] = bytemuck::cast_slice(weights.bytes);
    let (fan_in, outputs) = (weights.fan_in.next_multiple_of(2), weights.outputs);
    let pairs = outputs.div_ceil(2);
    let (segment, streams, kept) = if fan_in <= SEGMENT {
        (fan_in.next_multiple_of(4), pairs, 0)
    } else {
        // Segments of about equal length, in multiples of four inputs as the packing has them.
        (fan_in.div_ceil(fan_in.div_ceil(SEGMENT)).next_multiple_of(4), KEPT / 2, pairs.min(KEPT / 2))
    };
    let (window, rest) = work.split_at_mut(pixels * segment / 2);
    let (sums, room) = rest.split_at_mut(2 * pixels * kept);
    let sums: &mut [i32] = bytemuck::cast_slice_mut(sums);
    let mut part = StreamPart { pair: 0, count: 0, from: 0, to: 0, fan_in };
    while part.pair < pairs {
        part.count = streams.min(pairs - part.pair);
        part.from = 0;
        while part.from < fan_in {
            part.to = fan_in.min(part.from + segment);
            widen(patch, (first, pixels), (part.from, part.to), zero, window, if kept == 0 { room } else { &mut [] });
            S::streams(stored, &part, room, |pair, count, streams, stride| {
                let (first, last, inputs) = (part.first(), part.last(), part.to - part.from);
                let sums = sums.get_mut(2 * pixels * (pair - part.pair)..).unwrap_or_default();
                // With an odd number of outputs the last stream has only one: its values go through a buffer.
                let even = if last { count.min(outputs / 2 - pair) } else { count };
                let out = &mut out[2 * pair..];
                let mut product =
                    Product { pixels, window, inputs, streams, stride, count: even, first, last, sums, out, outputs };
                if even > 0 {
                    multiply(&mut product);
                }
                if even < count {
                    let mut values = [0; 2 * TILE];
                    let streams = &streams[even * stride..];
                    let sums = product.sums.get_mut(2 * pixels * even..).unwrap_or_default();
                    multiply(&mut Product { streams, count: 1, sums, out: &mut values, outputs: 2, ..product });
                    for pixel in 0..pixels {
                        out[pixel * outputs + 2 * even] = values[2 * pixel];
                    }
                }
            });
            part.from = part.to;
        }
        part.pair += part.count;
    }
}
