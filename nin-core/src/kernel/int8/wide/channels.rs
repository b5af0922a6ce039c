//! Depthwise layers and the sums of shortcuts: loops over channels, which the compiler vectorises for each instruction
//! set.

use super::layer::finish;
use crate::kernel::int8::shortcut::{Terms, add};
use crate::kernel::isa::{Isa, Vectors, Work};
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::ROWS;
use crate::packing::affine::Words;
use crate::plan::TILE;

/// Channels whose sums are computed together.
const TOGETHER: usize = 16;

/// Whether [`depthwise`] computes a plain layer: a channel for each output.
pub fn fits(patch: &Patch<'_, u8>, weights: &LayerWeights<'_>) -> bool {
    usize::from(weights.groups) == patch.channels && weights.outputs == patch.channels && weights.lanes == 1
}

/// Computes one plain layer that [`fits`] for a tile of pixels.
pub fn depthwise(patch: &Patch<'_, u8>, pixels: usize, words: &Words, weights: &LayerWeights<'_>, out: &mut [u8]) {
    depthwise_on(Isa::here(), patch, pixels, words, weights, out);
}

/// Does the same with the instruction set `isa`.
pub fn depthwise_on(
    isa: Isa,
    patch: &Patch<'_, u8>,
    pixels: usize,
    words: &Words,
    weights: &LayerWeights<'_>,
    out: &mut [u8],
) {
    let (parameters, taps) = weights.bytes.split_at(4 * ROWS * weights.outputs);
    isa.run(Depthwise { patch, pixels, words, parameters: bytemuck::cast_slice(parameters), taps, out });
}

/// A depthwise layer for a tile of pixels.
struct Depthwise<'a> {
    patch: &'a Patch<'a, u8>,
    pixels: usize,
    words: &'a Words,
    /// Biases, multipliers and shifts of all channels.
    parameters: &'a [i32],
    /// `[channel][row][column]` weights.
    taps: &'a [u8],
    /// `[pixel][channel]` outputs.
    out: &'a mut [u8],
}

impl Work for Depthwise<'_> {
    #[inline(always)]
    fn run<V: Vectors>(mut self, _: V) {
        let mut valid = [(0, 0); TILE];
        for (pixel, valid) in valid.iter_mut().enumerate().take(self.pixels) {
            *valid = self.patch.valid(pixel);
        }
        for first in (0..self.patch.channels).step_by(TOGETHER) {
            self.channels(first, &valid);
        }
    }
}

impl Depthwise<'_> {
    /// Computes sixteen channels from `first` on, or those that are left.
    #[inline(always)]
    fn channels(&mut self, first: usize, valid: &[(usize, usize); TILE]) {
        let patch = self.patch;
        let (channels, size) = (patch.channels, patch.height * patch.kernel);
        let count = TOGETHER.min(channels - first);
        let [biases, multipliers, shifts] = [0, 1, 2].map(|row| {
            let mut values = [0; TOGETHER];
            values[..count].copy_from_slice(&self.parameters[row * channels + first..][..count]);
            values
        });
        let mut sums = [biases; TILE];
        let taps = &self.taps[first * size..][..count * size];
        for ky in 0..patch.height {
            let y = (patch.rows.0 + ky).wrapping_sub(patch.above);
            let line = (ky >= patch.above && y < patch.rows.1).then(|| patch.line(y));
            for kx in 0..patch.kernel {
                let mut tap = [0; TOGETHER];
                for (tap, channel) in tap.iter_mut().zip(taps.chunks_exact(size)) {
                    *tap = i32::from(channel[ky * patch.kernel + kx] as i8);
                }
                for (pixel, (sums, (left, right))) in sums.iter_mut().zip(valid).enumerate().take(self.pixels) {
                    let line = line.filter(|_| *left <= kx && kx < *right);
                    let x = match line {
                        Some(line) => sixteen(&line[patch.at(pixel, kx) + first..], count),
                        None => [self.words.input_zero; TOGETHER],
                    };
                    for ((sum, tap), x) in sums.iter_mut().zip(tap).zip(x) {
                        *sum = sum.wrapping_add(tap * i32::from(x));
                    }
                }
            }
        }
        let (zero, range) = (self.words.output_zero.into(), (self.words.least.into(), self.words.most.into()));
        for (pixel, sums) in sums.iter().enumerate().take(self.pixels) {
            let mut values = [0; TOGETHER];
            for (index, value) in values.iter_mut().enumerate() {
                *value = finish(sums[index], multipliers[index], shifts[index], zero, range);
            }
            self.out[pixel * channels + first..][..count].copy_from_slice(&values[..count]);
        }
    }
}

/// Returns the first sixteen bytes, or the first `count` of them and zeros.
#[inline(always)]
fn sixteen(bytes: &[u8], count: usize) -> [u8; TOGETHER] {
    match bytes.first_chunk() {
        Some(chunk) if count == TOGETHER => *chunk,
        _ => {
            let mut padded = [0; TOGETHER];
            padded[..count].copy_from_slice(&bytes[..count]);
            padded
        }
    }
}

/// Adds the values at a shortcut's end to those of its body, in place.
pub fn sum(terms: &Terms, shortcut: &[u8], body: &mut [u8]) {
    sum_on(Isa::here(), terms, shortcut, body);
}

/// Does the same with the instruction set `isa`.
pub fn sum_on(isa: Isa, terms: &Terms, shortcut: &[u8], body: &mut [u8]) {
    isa.run(Addition { terms, shortcut, body });
}

/// The sum of a shortcut and its body.
struct Addition<'a> {
    terms: &'a Terms,
    shortcut: &'a [u8],
    body: &'a mut [u8],
}

impl Work for Addition<'_> {
    #[inline(always)]
    fn run<V: Vectors>(self, _: V) {
        add(self.terms, self.shortcut, self.body);
    }
}
