//! 8-bit layers with zero points, and layers in groups: plain loops for any packing on any processor.

use super::read::{OutputParameters, weight};
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::ROWS;
use crate::packing::affine::{FACTOR, Factor, HEADER, Words};

/// Computes one layer for a tile of pixels.
pub(crate) fn layer(patch: &Patch<'_, u8>, pixels: usize, words: &Words, weights: &LayerWeights<'_>, out: &mut [u8]) {
    let &LayerWeights { outputs, fan_in, .. } = weights;
    let groups = usize::from(weights.groups);
    let (channels, together) = (patch.channels / groups, outputs / groups);
    for output in 0..outputs {
        let first = output / together * channels;
        let parameters = OutputParameters::of::<0>(weights, output);
        // Rows of weights are read in place; from other packings they are picked one by one.
        let row = match weights.lanes {
            1 => Some(&weights.bytes[4 * ROWS * outputs + output * fan_in..][..fan_in]),
            _ => None,
        };
        let at =
            |input: usize| i32::from(row.map_or_else(|| weight::<0>(weights, output, input), |row| row[input] as i8));
        for pixel in 0..pixels {
            let (left, right) = patch.valid(pixel);
            let mut sum = parameters.bias;
            for ky in 0..patch.height {
                let inside = patch.above <= ky && ky - patch.above < patch.rows.1 - patch.rows.0;
                if !inside && words.input_zero == 0 {
                    continue;
                }
                let line = if inside { patch.line(patch.rows.0 + ky - patch.above) } else { &[] };
                for kx in 0..patch.kernel {
                    let tap = (ky * patch.kernel + kx) * channels;
                    if inside && left <= kx && kx < right {
                        let x = &line[patch.at(pixel, kx) + first..][..channels];
                        for (input, &x) in (tap..).zip(x) {
                            sum = sum.wrapping_add(i32::from(x) * at(input));
                        }
                    } else if words.input_zero != 0 {
                        for input in tap..tap + channels {
                            sum = sum.wrapping_add(i32::from(words.input_zero) * at(input));
                        }
                    }
                }
            }
            out[pixel * outputs + output] = finish(words, &parameters, sum);
        }
    }
}

/// Returns output `index` of a layer as a byte.
pub(crate) fn output(words: &Words, weights: &LayerWeights<'_>, index: usize, sum: i32) -> u8 {
    finish(words, &OutputParameters::of::<0>(weights, index), sum)
}

#[inline(always)]
fn finish(words: &Words, parameters: &OutputParameters, sum: i32) -> u8 {
    let factor = Factor { multiplier: parameters.multiplier, shift: parameters.shift as i32 };
    clamp(words, if words.once { factor.apply_once(sum) } else { factor.apply(sum) })
}

/// Adds the output's zero point and keeps to its range.
#[inline(always)]
fn clamp(words: &Words, value: i32) -> u8 {
    let value = value.wrapping_add(words.output_zero.into());
    value.max(words.least.into()).min(words.most.into()) as u8
}

/// Adds the values at a shortcut's end to those of its body, in place; `bytes` is the sum's part of the weights.
pub(crate) fn sum(bytes: &[u8], shortcut: &[u8], body: &mut [u8]) {
    /// Bits below the unit of the addends.
    const FRACTION: u32 = 20;
    let words = Words::read(bytes);
    let zero = i32::from(bytes[HEADER]);
    let [ours, theirs, total] = [0, 1, 2].map(|index| Factor::read(bytes, HEADER + 4 + index * FACTOR));
    let addend = |value: u8, zero: i32, factor: Factor| factor.apply((i32::from(value) - zero) << FRACTION);
    for (body, &shortcut) in body.iter_mut().zip(shortcut) {
        let sum = addend(*body, words.input_zero.into(), ours).wrapping_add(addend(shortcut, zero, theirs));
        *body = clamp(&words, total.apply(sum));
    }
}

/// Returns the average of `count` bytes whose sum is given; the factor divides by the count.
pub(crate) fn average(words: &Words, factor: Factor, sum: i32, count: usize) -> u8 {
    clamp(words, factor.apply(sum.wrapping_sub((count as i32).wrapping_mul(words.input_zero.into()))))
}
