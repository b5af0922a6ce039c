//! 8-bit layers on a Cortex-M4, M7 or M33: weights packed by two, activations widened to pairs of 16 bits.
//!
//! The windows of a tile of pixels are [widened](widen) into `work`, at most [`SEGMENT`] inputs at a time, and
//! [multiplied](kernels) with the weights of two outputs after two. Where the window is longer than a segment, the
//! sums of up to [`KEPT`] outputs wait beside it for the rest.

mod kernels;
pub(super) mod narrow;
mod widen;

pub use self::kernels::raise;
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
#[inline(never)]
fn tile<const N: usize>(patch: &Patch<'_, u8>, weights: &LayerWeights<'_>, work: &mut [u32], out: &mut [u8]) {
    let streams: &[u32] = bytemuck::cast_slice(weights.bytes);
    let fan_in = weights.fan_in.next_multiple_of(2);
    if fan_in > SEGMENT {
        return segments::<N>(patch, weights, fan_in, streams, work, out);
    }
    let window = &mut work[..N * fan_in / 2];
    widen::<N>(patch, weights.fan_in, (0, fan_in), window);
    let segment = Segment { inputs: fan_in, skip: PARAMETERS };
    values::<N>(window, streams, segment, Start::Bias, &[], out, weights.outputs);
}

/// A tile whose windows are longer than a segment.
#[inline(never)]
fn segments<const N: usize>(
    patch: &Patch<'_, u8>,
    weights: &LayerWeights<'_>,
    fan_in: usize,
    streams: &[u32],
    work: &mut [u32],
    out: &mut [u8],
) {
    let stream = fan_in / 2 + PARAMETERS;
    // Segments are about as long as one another, in fours of inputs as the packing is.
    let segment = fan_in.div_ceil(fan_in.div_ceil(SEGMENT)).next_multiple_of(4);
    let (window, sums) = work.split_at_mut(N * segment / 2);
    let sums: &mut [i32] = bytemuck::cast_slice_mut(sums);
    let pairs = weights.outputs.div_ceil(2);
    for first in (0..pairs).step_by(KEPT / 2) {
        let count = (KEPT / 2).min(pairs - first);
        let streams = &streams[first * stream..(first + count) * stream];
        for (sums, stream) in sums.chunks_exact_mut(2 * N).zip(streams.chunks_exact(stream)) {
            for sums in sums.chunks_exact_mut(2) {
                sums.copy_from_slice(bytemuck::cast_slice(&stream[..2]));
            }
        }
        for from in (0..fan_in).step_by(segment) {
            let inputs = segment.min(fan_in - from);
            let window = &mut window[..N * inputs / 2];
            widen::<N>(patch, weights.fan_in, (from, from + inputs), window);
            let streams = &streams[2 + from / 2..];
            let segment = Segment { inputs, skip: stream - inputs / 2 };
            if from + inputs < fan_in {
                multiply::<N>(window, streams, segment, count, Start::Sums, End::Sums(sums));
            } else {
                let sums = &sums[..count * 2 * N];
                values::<N>(window, streams, segment, Start::Sums, sums, &mut out[2 * first..], weights.outputs);
            }
        }
    }
}

/// Multiplies what is left of the streams and requantises: into `out`, the first output of a pixel and on, pixels
/// `outputs` apart; as many outputs as there are streams for, or as are left.
fn values<const N: usize>(
    window: &[u32],
    streams: &[u32],
    segment: Segment,
    start: Start,
    sums: &[i32],
    out: &mut [u8],
    outputs: usize,
) {
    let stream = segment.inputs / 2 + segment.skip;
    let count = streams.len().div_ceil(stream);
    // An odd number of outputs leaves the last stream with one: its values take a way round.
    let even = count.min((out.len() - (N - 1) * outputs) / 2);
    if even > 0 {
        multiply::<N>(window, streams, segment, even, start, End::Values { out, outputs, sums });
    }
    if even < count {
        let mut values = [0; 2 * TILE];
        let sums = sums.get(even * 2 * N..).unwrap_or_default();
        let end = End::Values { out: &mut values, outputs: 2, sums };
        multiply::<N>(window, &streams[even * stream..], segment, 1, start, end);
        for (out, values) in out[2 * even..].chunks_mut(outputs).zip(values.chunks_exact(2)) {
            out[0] = values[0];
        }
    }
}
