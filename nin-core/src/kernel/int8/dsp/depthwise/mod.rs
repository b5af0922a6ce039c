//! Depthwise 3×3 convolutions, a channel at a time.
//!
//! A channel's weights and the sums of N pixels stay in registers while its inputs are read along the row: the upper two
//! rows of each column as a pair for SMLAD, then the third row. For four pixels and 36 multiply-accumulates a channel
//! takes 105 instructions, rounding included. Where a tile has padding, its inputs are first copied to `work`, as many
//! channels at a time as fit.

mod channels;

use self::channels::Task;
use super::copy::{copy_each, copy_words, fill};
use super::rounding::clamp;
use super::together;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::ROWS;
use crate::packing::affine::Words;
use crate::plan::TILE;

/// Rows and columns of the window.
const SIDE: usize = 3;
/// Weights of a channel.
const TAPS: usize = SIDE * SIDE;

/// Whether [`layer`] computes the layer: a channel for each output, windows of 3×3, one or two columns apart, and `work`
/// words that hold the inputs of four channels. A file without streams has fewer, or none.
pub fn fits(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, work: usize) -> bool {
    let depthwise = usize::from(weights.groups) == patch.channels && weights.outputs == patch.channels;
    depthwise
        && (patch.kernel, patch.height) == (SIDE, SIDE)
        && patch.stride <= 2
        && work >= SIDE * ((together(pixels, most(patch, pixels)) - 1) * patch.stride + SIDE)
}

/// Returns the most pixels that are computed at once: with a stride of 1 there is a kernel for five, too.
fn most(patch: &Patch<'_, u8>, pixels: usize) -> usize {
    if patch.stride == 1 { pixels } else { TILE }
}

/// Computes one plain layer that [`fits`] for a tile of pixels.
pub fn layer(
    patch: &Patch<'_, u8>,
    pixels: usize,
    words: &Words,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    let most = most(patch, pixels);
    let mut first = 0;
    while first < pixels {
        let count = together(pixels - first, most);
        tile(patch, (first, count), words, weights, work, &mut out[first * weights.outputs..]);
        first += count;
    }
    clamp(words, &mut out[..pixels * weights.outputs]);
}

/// Computes 5, 4, 2 or 1 pixels of a tile.
fn tile(
    patch: &Patch<'_, u8>,
    (first, pixels): (usize, usize),
    words: &Words,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    let Patch { channels, stride, .. } = *patch;
    let columns = (pixels - 1) * stride + SIDE;
    let start = patch.left + (first * stride) as isize;
    let is_whole = patch.rows.1 - patch.rows.0 == SIDE && start >= 0 && start as usize + columns <= patch.columns;
    let (parameters, taps) = weights.bytes.split_at(4 * ROWS * channels);
    let parameters: &[i32] = bytemuck::cast_slice(parameters);
    let channel = |at: usize, rows: [&[u8]; SIDE], step: usize, count: usize, out: &mut [u8]| {
        let zero = i32::from(words.output_zero);
        let task = Task { rows, step, parameters, taps, channels, first: at, count, zero, out: &mut out[at..] };
        task.run(pixels, stride);
    };
    if is_whole {
        let rows = [0, 1, 2].map(|row| &patch.line(patch.rows.0 + row)[start as usize * channels..]);
        return channel(0, rows, channels, channels, out);
    }
    // As many channels at a time as fit, of about equal number, in whole words.
    let work: &mut [u8] = bytemuck::cast_slice_mut(work);
    let most = work.len() / (SIDE * columns) / 4 * 4;
    let block = channels.div_ceil(channels.div_ceil(most)).next_multiple_of(4);
    for at in (0..channels).step_by(block) {
        let count = block.min(channels - at);
        let room = &mut work[..SIDE * columns * count];
        // The padding is where the channels before had it.
        let padding = (at == 0 || count != block).then_some(words.input_zero);
        copy(patch, start, (at, count), columns, padding, room);
        let (row, rest) = room.split_at(columns * count);
        let (next, last) = rest.split_at(columns * count);
        channel(at, [row, next, last], count, count, out);
    }
}

/// Copies the inputs of some channels under a tile's windows, from column `start` on: rows × columns × channels. Padding
/// becomes `padding`, or stays as it is.
fn copy(
    patch: &Patch<'_, u8>,
    start: isize,
    (first, count): (usize, usize),
    columns: usize,
    padding: Option<u8>,
    room: &mut [u8],
) {
    let left = columns.min(start.min(0).unsigned_abs());
    let right = columns.min((patch.columns as isize - start).max(left as isize) as usize);
    for (ky, row) in room.chunks_exact_mut(columns * count).enumerate() {
        let y = (patch.rows.0 + ky).wrapping_sub(patch.above);
        if ky < patch.above || y >= patch.rows.1 {
            if let Some(zero) = padding {
                row.fill(zero);
            }
            continue;
        }
        if let Some(zero) = padding {
            fill(&mut row[..left * count], zero);
            fill(&mut row[right * count..], zero);
        }
        if left < right {
            let from = &patch.line(y)[(start + left as isize) as usize * patch.channels + first..];
            // All channels are side by side.
            let (times, bytes) =
                if count == patch.channels { (1, (right - left) * count) } else { (right - left, count) };
            let to = &mut row[left * count..];
            if patch.channels.is_multiple_of(4) && count.is_multiple_of(4) {
                copy_words(from, (times, bytes), patch.channels, to, count);
            } else {
                copy_each(from, (times, bytes), patch.channels, to, count);
            }
        }
    }
}
