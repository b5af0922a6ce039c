//! 8-bit layers with zero points, and layers in groups.
//!
//! [`layer`] passes what the kernels for convolutions, zero points or depthwise layers compute to those; the rest is
//! computed here, by plain loops for any packing on any processor.

#[cfg(target_os = "none")]
use super::depthwise;
#[cfg(nin_dsp)]
use super::dsp;
use super::four_bit::by_outputs;
use super::read::{OutputParameters, clamp, finish, weight};
use super::shortcut::Terms;
#[cfg(target_os = "none")]
use super::shortcut::add;
#[cfg(not(target_os = "none"))]
use super::wide;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::ROWS;
use crate::packing::affine::{Factor, Words};
use crate::plan::TILE;

/// Computes one layer for a tile of pixels. Part of its caller, which has the words and the operands in registers.
#[inline(always)]
pub(crate) fn layer(
    patch: &Patch<'_, u8>,
    pixels: usize,
    words: &Words,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    if words.plain {
        // Pixels of a tile have no padding. The kernels for rows take no more than `TILE` of them.
        let small = pixels <= TILE || weights.lanes > 1;
        if weights.groups == 1 && words.is_relu() && (words.input_zero == 0 || patch.flat) && small {
            return super::layer::<0>(patch, pixels, weights, work, out);
        }
        #[cfg(not(target_os = "none"))]
        if weights.groups == 1 && weights.lanes == 16 {
            return wide::layer(patch, pixels, words, weights, work, out);
        }
        #[cfg(not(target_os = "none"))]
        if wide::channels::fits(patch, weights) {
            return wide::channels::depthwise(patch, pixels, words, weights, out);
        }
        #[cfg(nin_dsp)]
        if weights.groups == 1 && weights.lanes == 2 {
            if words.is_relu() {
                return dsp::layer::<dsp::Eight>(patch, pixels, words.input_zero, weights, work, out);
            }
            return dsp::zeros::layer::<dsp::Eight>(patch, pixels, words, weights, work, out);
        }
        #[cfg(nin_dsp)]
        if dsp::depthwise::fits(patch, pixels, weights, work.len()) {
            return dsp::depthwise::layer(patch, pixels, words, weights, work, out);
        }
    }
    #[cfg(target_os = "none")]
    if depthwise::fits(patch, weights) {
        return depthwise::layer(patch, pixels, words, weights, out);
    }
    general(patch, pixels, words, weights, out);
}

/// Computes one layer with 8-bit weights as [`layer`] does, for models with layers of both kinds: one copy of the code.
#[inline(never)]
pub(crate) fn eight_bit_layer(
    patch: &Patch<'_, u8>,
    pixels: usize,
    words: &Words,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    layer(patch, pixels, words, weights, work, out);
}

/// Computes one layer with 4-bit weights, which is not in groups, for a tile of pixels.
pub(crate) fn four_bit_layer(
    patch: &Patch<'_, u8>,
    pixels: usize,
    words: &Words,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    #[cfg(nin_dsp)]
    if words.plain && weights.lanes == 2 {
        if words.is_relu() {
            return dsp::layer::<dsp::four_bit::Four>(patch, pixels, words.input_zero, weights, work, out);
        }
        return dsp::zeros::layer::<dsp::four_bit::Four>(patch, pixels, words, weights, work, out);
    }
    by_outputs(pixels, weights, work, out, |weights, work, out| {
        eight_bit_layer(patch, pixels, words, weights, work, out);
    });
}

/// Computes one layer of any kind.
#[inline(never)] // one copy needs less flash
fn general(patch: &Patch<'_, u8>, pixels: usize, words: &Words, weights: &LayerWeights<'_>, out: &mut [u8]) {
    let mut done = 0;
    // A core with DSP instructions has streams for these.
    if cfg!(any(not(nin_dsp), nin_mve)) && patch.flat && (weights.groups, weights.lanes) == (1, 1) {
        while done + TILE <= pixels {
            four_pixels(&patch.lines[done * weights.fan_in..], words, weights, &mut out[done * weights.outputs..]);
            done += TILE;
        }
    }
    let &LayerWeights { outputs, fan_in, .. } = weights;
    let groups = usize::from(weights.groups);
    let (channels, together) = (patch.channels / groups, outputs / groups);
    for output in 0..outputs {
        let parameters = OutputParameters::of::<0>(weights, output);
        let first = output / together * channels;
        for pixel in done..pixels {
            // Rows of weights are read in place; from other packings they are picked one by one.
            let products = match weights.lanes {
                1 => {
                    let row = &weights.bytes[4 * ROWS * outputs + output * fan_in..][..fan_in];
                    window(patch, pixel, first, channels, |at, x| {
                        let products = row[at..at + channels].iter().map(|&weight| i32::from(weight as i8));
                        match x {
                            Some(x) => products.zip(x).map(|(weight, &x)| weight * i32::from(x)).sum(),
                            None => products.sum::<i32>() * i32::from(words.input_zero),
                        }
                    })
                }
                _ => window(patch, pixel, first, channels, |at, x| {
                    let products = (at..at + channels).enumerate().map(|(index, input)| {
                        let x = x.map_or(words.input_zero, |x| x[index]);
                        i32::from(weight::<0>(weights, output, input)) * i32::from(x)
                    });
                    products.fold(0, i32::wrapping_add)
                }),
            };
            out[pixel * outputs + output] = finish(words, parameters.factor(), parameters.bias.wrapping_add(products));
        }
    }
}

/// Computes a 1×1 layer with weights in rows for four pixels side by side: each weight is read once for all of them.
#[inline(never)]
fn four_pixels(inputs: &[u8], words: &Words, weights: &LayerWeights<'_>, out: &mut [u8]) {
    let &LayerWeights { outputs, fan_in, .. } = weights;
    let rows = weights.bytes[4 * ROWS * outputs..].chunks_exact(fan_in);
    let [a, b, c, d] = [0, 1, 2, 3].map(|pixel| &inputs[pixel * fan_in..][..fan_in]);
    for (output, row) in rows.take(outputs).enumerate() {
        let parameters = OutputParameters::of::<1>(weights, output);
        let mut sums = [parameters.bias; TILE];
        for ((((&weight, &a), &b), &c), &d) in row.iter().zip(a).zip(b).zip(c).zip(d) {
            let weight = i32::from(weight as i8);
            for (sum, x) in sums.iter_mut().zip([a, b, c, d]) {
                *sum = sum.wrapping_add(weight * i32::from(x));
            }
        }
        for (pixel, &sum) in sums.iter().enumerate() {
            out[pixel * outputs + output] = finish(words, parameters.factor(), sum);
        }
    }
}

/// Returns the sum over the places of a pixel's window. `products(at, x)` returns the sum of the products of the inputs
/// from `at` on, `channels` of them, with the values `x`; over padding there are none.
#[inline(always)]
fn window(
    patch: &Patch<'_, u8>,
    pixel: usize,
    first: usize,
    channels: usize,
    products: impl Fn(usize, Option<&[u8]>) -> i32,
) -> i32 {
    let (left, right) = patch.valid(pixel);
    let (mut sum, mut at) = (0i32, 0);
    for ky in 0..patch.height {
        let y = (patch.rows.0 + ky).wrapping_sub(patch.above);
        let line = (ky >= patch.above && y < patch.rows.1).then(|| patch.line(y));
        for kx in 0..patch.kernel {
            let line = line.filter(|_| left <= kx && kx < right);
            let x = line.map(|line| &line[patch.at(pixel, kx) + first..][..channels]);
            sum = sum.wrapping_add(products(at, x));
            at += channels;
        }
    }
    sum
}

/// Adds inputs from `first` on to the sums of a fully connected layer whose weights are in rows.
pub(crate) fn full_add(weights: &LayerWeights<'_>, first: usize, values: &[u8], sums: &mut [i32]) {
    let rows = weights.bytes[4 * ROWS * weights.outputs..].chunks_exact(weights.fan_in);
    for (sum, row) in sums.iter_mut().zip(rows) {
        let products = row[first..].iter().zip(values).map(|(&weight, &x)| i32::from(weight as i8) * i32::from(x));
        *sum = sum.wrapping_add(products.fold(0, i32::wrapping_add));
    }
}

/// Returns output `index` of a layer as a byte.
pub(crate) fn output(words: &Words, weights: &LayerWeights<'_>, index: usize, sum: i32) -> u8 {
    finish(words, OutputParameters::of::<0>(weights, index).factor(), sum)
}

/// Adds the values at a shortcut's end to those of its body, in place; `bytes` is the sum's part of the weights.
pub(crate) fn sum(bytes: &[u8], shortcut: &[u8], body: &mut [u8]) {
    #[cfg(nin_dsp)]
    let (shortcut, body) = {
        let count = dsp::sum::sum(bytes, shortcut, body);
        (&shortcut[count..], &mut body[count..])
    };
    let terms = Terms::read(bytes);
    #[cfg(not(target_os = "none"))]
    wide::channels::sum(&terms, shortcut, body);
    #[cfg(target_os = "none")]
    add(&terms, shortcut, body);
}

/// Returns the average of `count` bytes whose sum is given; the factor divides by the count.
pub(crate) fn average(words: &Words, factor: Factor, sum: i32, count: usize) -> u8 {
    clamp(words, factor.apply(sum.wrapping_sub((count as i32).wrapping_mul(words.input_zero.into()))))
}
