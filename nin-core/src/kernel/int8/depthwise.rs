//! Depthwise convolutions on a board, a channel at a time.
//!
//! The sums of a channel's four pixels stay in registers. With windows of three or five columns, one or two columns
//! apart, each input is read once for all four pixels. Padding is not copied: a mask states which columns of a row are on
//! the map.
#![allow(unsafe_code)]

use super::read::finish;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::ROWS;
use crate::packing::affine::{Factor, Words};
use crate::plan::TILE;

/// The most rows of a window.
const HEIGHT: usize = 11;
/// The most columns under the windows of four pixels: the bits of a mask.
const COLUMNS: usize = 32;

/// Whether [`layer`] computes the layer: a channel for each output, and windows that are not too large.
pub fn fits(patch: &Patch<'_, u8>, weights: &LayerWeights<'_>) -> bool {
    let depthwise = usize::from(weights.groups) == patch.channels && weights.outputs == patch.channels;
    depthwise && !patch.flat && patch.height <= HEIGHT && columns(patch) <= COLUMNS
}

/// Returns the number of columns under the windows of four pixels.
fn columns(patch: &Patch<'_, u8>) -> usize {
    (TILE - 1) * patch.stride + patch.kernel
}

/// Computes one layer that [`fits`], with weights in rows, for a tile of pixels.
#[inline(never)] // else its rows would be on the stack of all other kernels
pub fn layer(patch: &Patch<'_, u8>, pixels: usize, words: &Words, weights: &LayerWeights<'_>, out: &mut [u8]) {
    let channels = patch.channels;
    for first in (0..pixels).step_by(TILE) {
        let start = patch.left + (first * patch.stride) as isize;
        // The columns from `left` on, before `right`, are on the map.
        let left = start.min(0).unsigned_abs();
        let right = columns(patch).min((patch.columns as isize - start).max(0) as usize);
        let on_map = if left < right { u32::MAX >> (COLUMNS - right) >> left << left } else { 0 };
        let rows: [Row<'_>; HEIGHT] = core::array::from_fn(|ky| {
            let y = (patch.rows.0 + ky).wrapping_sub(patch.above);
            if ky < patch.above || y >= patch.rows.1 || on_map == 0 {
                return Row { inputs: &[], on_map: 0 };
            }
            let from = start.max(0) as usize * channels;
            Row { inputs: &patch.line(y)[from..], on_map }
        });
        let tile = Tile { patch, rows: &rows[..patch.height], left, pixels: TILE.min(pixels - first) };
        tile.run(words, weights, &mut out[first * channels..]);
    }
}

/// A row under the windows of a tile.
#[derive(Clone, Copy)]
struct Row<'a> {
    /// The inputs from the first column on that is on the map.
    inputs: &'a [u8],
    /// A bit for each column: whether it is on the map.
    on_map: u32,
}

/// A tile of four pixels. Its first `pixels` pixels have outputs.
struct Tile<'a> {
    patch: &'a Patch<'a, u8>,
    rows: &'a [Row<'a>],
    /// The columns before the map.
    left: usize,
    pixels: usize,
}

impl Tile<'_> {
    /// Computes all channels of the tile into `out` (pixels × outputs).
    fn run(&self, words: &Words, weights: &LayerWeights<'_>, out: &mut [u8]) {
        match (self.patch.kernel, self.patch.stride) {
            // Cores with DSP instructions but no vectors have other kernels for these windows.
            #[cfg(any(not(nin_dsp), nin_mve))]
            (3, 1) => self.windows::<3, 1>(words, weights, out),
            #[cfg(any(not(nin_dsp), nin_mve))]
            (3, 2) => self.windows::<3, 2>(words, weights, out),
            (5, 1) => self.windows::<5, 1>(words, weights, out),
            (5, 2) => self.windows::<5, 2>(words, weights, out),
            _ => self.windows::<0, 0>(words, weights, out),
        }
    }

    /// Computes windows of K columns, S columns apart; any windows if K is 0.
    #[inline(never)]
    fn windows<const K: usize, const S: usize>(&self, words: &Words, weights: &LayerWeights<'_>, out: &mut [u8]) {
        let (kernel, stride) = if K == 0 { (self.patch.kernel, self.patch.stride) } else { (K, S) };
        let &Tile { patch, rows, left, pixels } = self;
        let (channels, outputs) = (patch.channels, weights.outputs);
        // Every column that is on the map is within its row.
        assert!(rows.iter().all(|row| {
            let end = COLUMNS - row.on_map.leading_zeros() as usize;
            row.on_map == 0 || row.inputs.len() >= (end - left) * channels
        }));
        let (parameters, taps) = weights.bytes.split_at(4 * ROWS * outputs);
        let parameters: &[i32] = bytemuck::cast_slice(parameters);
        let (biases, factors) = parameters.split_at(outputs);
        let (multipliers, shifts) = factors.split_at(outputs);
        let factors = multipliers.iter().zip(shifts).map(|(&multiplier, &shift)| Factor { multiplier, shift });
        let all = biases.iter().zip(factors).zip(taps.chunks_exact(weights.fan_in));
        let zero = i32::from(words.input_zero);
        for (channel, ((&bias, factor), taps)) in all.enumerate().take(channels) {
            // Sums are of inputs less the zero point, so that padding adds nothing.
            let all_taps = if zero == 0 { 0 } else { taps.iter().map(|&tap| i32::from(tap as i8)).sum() };
            let mut sums = [bias.wrapping_add(zero * all_taps); TILE];
            for (&Row { inputs, on_map }, taps) in rows.iter().zip(taps.chunks_exact(kernel)) {
                // The input of the first column, which may be before the map.
                let mut input = inputs.as_ptr().wrapping_add(channel).wrapping_sub(left * channels);
                if K == 0 {
                    for (kx, &tap) in taps.iter().enumerate() {
                        for (pixel, sum) in sums.iter_mut().enumerate() {
                            let column = kx + pixel * stride;
                            if on_map >> column & 1 == 1 {
                                // SAFETY: the column is on the map, and all of those are within the row, as was checked
                                // above.
                                let x = unsafe { *input.wrapping_add(column * channels) };
                                *sum = sum.wrapping_add(i32::from(tap as i8) * (i32::from(x) - zero));
                            }
                        }
                    }
                    continue;
                }
                let Some(taps) = taps.first_chunk::<K>() else { continue };
                let taps = taps.map(|tap| i32::from(tap as i8));
                for column in 0..(TILE - 1) * S + K {
                    if on_map >> column & 1 == 1 {
                        // SAFETY: as above.
                        let x = i32::from(unsafe { *input }) - zero;
                        for (pixel, sum) in sums.iter_mut().enumerate() {
                            if let Some(&tap) = taps.get(column.wrapping_sub(pixel * S)) {
                                *sum = sum.wrapping_add(tap * x);
                            }
                        }
                    }
                    // From one column to the next: a pointer for each of them would not fit the registers.
                    input = input.wrapping_add(channels);
                }
            }
            for (out, &sum) in out[channel..].iter_mut().step_by(outputs).zip(&sums[..pixels]) {
                *out = finish(words, factor, sum);
            }
        }
    }
}
