//! Streams of 4-bit weights: widened to those of 8 bits as many at a time as there is memory for, and multiplied.

use super::super::narrow::widen_words;
use super::kernels::{End, Segment, Start, multiply};
use super::widen::widen;
use super::{PARAMETERS, values};
use crate::format::private::LayerWeights;
use crate::kernel::Patch;
use crate::plan::{KEPT, SEGMENT, TILE};

/// Words behind the weights of a stream.
const BEHIND: usize = 6;

/// One layer for a tile of pixels; `weights` are of 4 bits.
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
    let packed: &[u32] = bytemuck::cast_slice(weights.bytes);
    let fan_in = weights.fan_in.next_multiple_of(2);
    if fan_in > SEGMENT {
        return segments::<N>(patch, weights, fan_in, packed, work, out);
    }
    let (window, room) = work.split_at_mut(N * fan_in / 2);
    widen::<N>(patch, weights.fan_in, (0, fan_in), window);
    let segment = Segment { inputs: fan_in, skip: PARAMETERS };
    let stream = fan_in / 2 + PARAMETERS;
    let packed_stream = fan_in.div_ceil(4) + PARAMETERS;
    let together = room.len() / stream;
    for (first, packed) in (0..).step_by(2 * together).zip(packed.chunks(together * packed_stream)) {
        let room = &mut room[..packed.len() / packed_stream * stream];
        for (packed, wide) in packed.chunks_exact(packed_stream).zip(room.chunks_exact_mut(stream)) {
            wide[..2].copy_from_slice(&packed[..2]);
            part(&packed[2..], &mut wide[2..], fan_in, true);
        }
        values::<N>(window, room, segment, Start::Bias, &[], &mut out[first..], weights.outputs);
    }
}

/// A tile whose windows are longer than a segment.
#[inline(never)]
fn segments<const N: usize>(
    patch: &Patch<'_, u8>,
    weights: &LayerWeights<'_>,
    fan_in: usize,
    packed: &[u32],
    work: &mut [u32],
    out: &mut [u8],
) {
    let packed_stream = fan_in.div_ceil(4) + PARAMETERS;
    // As in 8 bits: about as long as one another, in fours of inputs.
    let segment = fan_in.div_ceil(fan_in.div_ceil(SEGMENT)).next_multiple_of(4);
    let pairs = weights.outputs.div_ceil(2);
    let (window, rest) = work.split_at_mut(N * segment / 2);
    let (sums, room) = rest.split_at_mut(2 * N * pairs.min(KEPT / 2));
    let sums: &mut [i32] = bytemuck::cast_slice_mut(sums);
    for first in (0..pairs).step_by(KEPT / 2) {
        let count = (KEPT / 2).min(pairs - first);
        let packed = &packed[first * packed_stream..(first + count) * packed_stream];
        for (sums, packed) in sums.chunks_exact_mut(2 * N).zip(packed.chunks_exact(packed_stream)) {
            for sums in sums.chunks_exact_mut(2) {
                sums.copy_from_slice(bytemuck::cast_slice(&packed[..2]));
            }
        }
        for from in (0..fan_in).step_by(segment) {
            let inputs = segment.min(fan_in - from);
            let window = &mut window[..N * inputs / 2];
            widen::<N>(patch, weights.fan_in, (from, from + inputs), window);
            let last = from + inputs == fan_in;
            let skip = if last { BEHIND } else { 0 };
            let (segment, stream) = (Segment { inputs, skip }, inputs / 2 + skip);
            let together = room.len() / stream;
            let groups = packed.chunks(together * packed_stream).zip(sums.chunks_mut(together * 2 * N));
            for (pair, (packed, sums)) in (first..).step_by(together).zip(groups) {
                let count = packed.len() / packed_stream;
                let room = &mut room[..count * stream];
                for (packed, wide) in packed.chunks_exact(packed_stream).zip(room.chunks_exact_mut(stream)) {
                    part(&packed[2 + from / 4..], wide, inputs, last);
                }
                let sums = &mut sums[..count * 2 * N];
                if last {
                    values::<N>(window, room, segment, Start::Sums, sums, &mut out[2 * pair..], weights.outputs);
                } else {
                    multiply::<N>(window, room, segment, count, Start::Sums, End::Sums(sums));
                }
            }
        }
    }
}

/// A part of a stream from some of its weights on: `inputs` of them, and what stands behind if they are the last.
fn part(packed: &[u32], wide: &mut [u32], inputs: usize, last: bool) {
    let words = inputs.div_ceil(4);
    widen_words(&packed[..words], &mut wide[..inputs / 2]);
    if last {
        wide[inputs / 2..].copy_from_slice(&packed[words..][..BEHIND]);
    }
}
