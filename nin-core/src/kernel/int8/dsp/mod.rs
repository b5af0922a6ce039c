//! 8-bit layers on a Cortex-M4, M7 or M33: weights packed by two, activations widened to pairs of 16 bits.
//!
//! The windows of a tile of pixels are [widened](widen) into `work`, at most [`SEGMENT`] inputs at a time, and
//! [multiplied](kernels) with the weights of two outputs after two. Where the window is longer than a segment, the
//! sums of up to [`KEPT`] outputs wait beside it for the rest.

mod kernels;
mod widen;

use self::kernels::{End, Segment, Start, multiply};
use self::widen::widen;
use super::Patch;
use crate::format::private::LayerWeights;
use crate::plan::{KEPT, SEGMENT, TILE};

/// Words that a stream has beside its weights: two biases, and three for requantising each of two outputs.
const PARAMETERS: usize = 8;

/// One layer for a tile of pixels.
pub fn layer(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, work: &mut [u32], out: &mut [u8]) {
    match pixels {
        1 => tile::<1>(patch, weights, work, out),
        2 => tile::<2>(patch, weights, work, out),
        3 => {
            let (two, one) = out.split_at_mut(2 * weights.outputs);
            tile::<2>(patch, weights, work, two);
            tile::<1>(&Patch { left: patch.left + 2 * patch.stride as isize, ..*patch }, weights, work, one);
        }
        _ => tile::<TILE>(patch, weights, work, out),
    }
}

/// A tile of N pixels.
fn tile<const N: usize>(patch: &Patch<'_, u8>, weights: &LayerWeights<'_>, work: &mut [u32], out: &mut [u8]) {
    let outputs = weights.outputs;
    let fan_in = weights.fan_in.next_multiple_of(2);
    let streams: &[u32] = bytemuck::cast_slice(weights.bytes);
    let stream = fan_in / 2 + PARAMETERS;

    // Segments are about as long as one another, in fours of inputs as the packing is.
    let segment = fan_in.div_ceil(fan_in.div_ceil(SEGMENT)).next_multiple_of(4);
    let alone = segment >= fan_in;
    let (window, sums) = work.split_at_mut(N * segment.min(fan_in.next_multiple_of(4)) / 2);
    let sums: &mut [i32] = bytemuck::cast_slice_mut(sums);

    let pairs = outputs.div_ceil(2);
    let group = if alone { pairs } else { KEPT / 2 };
    for first in (0..pairs).step_by(group) {
        let count = group.min(pairs - first);
        let streams = &streams[first * stream..(first + count) * stream];
        if !alone {
            for (sums, stream) in sums.chunks_exact_mut(2 * N).zip(streams.chunks_exact(stream)) {
                for sums in sums.chunks_exact_mut(2) {
                    sums.copy_from_slice(bytemuck::cast_slice(&stream[..2]));
                }
            }
        }
        for from in (0..fan_in).step_by(segment) {
            let to = fan_in.min(from + segment);
            let start = if alone { Start::Bias } else { Start::Sums };
            let segment = Segment { inputs: to - from, skip: stream - (to - from) / 2 };
            let window = &mut window[..N * (to - from) / 2];
            widen::<N>(patch, weights.fan_in, (from, to), window);
            if to < fan_in {
                let streams = &streams[2 + from / 2..];
                multiply::<N>(window, streams, segment, count, start, End::Sums(sums));
                continue;
            }
            let at = if alone { 0 } else { 2 + from / 2 };
            // An odd number of outputs leaves the last stream with one: its values take a way round.
            let even = count - usize::from(2 * (first + count) > outputs);
            if even > 0 {
                let end = End::Values { out: &mut out[2 * first..], outputs, sums: &*sums };
                multiply::<N>(window, &streams[at..], segment, even, start, end);
            }
            if even < count {
                let mut values = [0; 2 * TILE];
                let sums = if alone { &*sums } else { &sums[even * 2 * N..] };
                let end = End::Values { out: &mut values, outputs: 2, sums };
                multiply::<N>(window, &streams[even * stream + at..], segment, 1, start, end);
                for (out, values) in out.chunks_exact_mut(outputs).zip(values.chunks_exact(2)) {
                    out[outputs - 1] = values[0];
                }
            }
        }
    }
}
