//! Two pixels times two outputs: four sums. Each input is read once for two outputs, each weight once for two pixels.

use crate::kernel::int8::read::OutputParameters;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::ROWS;

/// Computes one layer for two pixels.
pub fn layer(patch: &Patch<'_, u8>, pair: [usize; 2], weights: &LayerWeights<'_>, out: &mut [u8]) {
    let (outputs, fan_in) = (weights.outputs, weights.fan_in);
    let packed: &[i8] = bytemuck::cast_slice(&weights.bytes[4 * ROWS * outputs..][..outputs * fan_in]);
    for output in (0..outputs).step_by(2) {
        // If there is no second output, the first one is computed twice.
        let two = [output, (output + 1).min(outputs - 1)];
        let parameters = two.map(|output| OutputParameters::of::<1>(weights, output));
        let weights = two.map(|output| &packed[output * fan_in..][..fan_in]);
        let sums = sums(patch, pair, weights, parameters.map(|output| output.bias));
        for (pixel, sums) in pair.into_iter().zip(sums) {
            for ((output, parameters), sum) in two.into_iter().zip(&parameters).zip(sums) {
                out[pixel * outputs + output] = parameters.requantise(sum);
            }
        }
    }
}

/// Returns the sums of two outputs for two pixels, `[pixel][output]`.
fn sums(patch: &Patch<'_, u8>, pixels: [usize; 2], weights: [&[i8]; 2], biases: [i32; 2]) -> [[i32; 2]; 2] {
    let mut sums = [biases; 2];
    let [a, b] = pixels.map(|pixel| patch.valid(pixel));
    let channels = patch.channels;
    for y in patch.rows.0..patch.rows.1 {
        let line = patch.line(y);
        let row = (y + patch.above - patch.rows.0) * patch.kernel;
        let weights =
            |from: usize, to: usize| weights.map(|weights| &weights[(row + from) * channels..(row + to) * channels]);
        let inputs =
            |pixel: usize, from: usize, to: usize| &line[patch.at(pixels[pixel], from)..][..(to - from) * channels];
        if a == b {
            if a.0 < a.1 {
                both(&mut sums, [inputs(0, a.0, a.1), inputs(1, a.0, a.1)], weights(a.0, a.1));
            }
            continue;
        }
        for (pixel, (from, to)) in [a, b].into_iter().enumerate() {
            if from < to {
                one(&mut sums[pixel], inputs(pixel, from, to), weights(from, to));
            }
        }
    }
    sums
}

fn both(sums: &mut [[i32; 2]; 2], x: [&[u8]; 2], weights: [&[i8]; 2]) {
    let [[mut s00, mut s01], [mut s10, mut s11]] = *sums;
    for (((&x0, &x1), &w0), &w1) in x[0].iter().zip(x[1]).zip(weights[0]).zip(weights[1]) {
        let (x0, x1, w0, w1) = (i32::from(x0), i32::from(x1), i32::from(w0), i32::from(w1));
        s00 = s00.wrapping_add(x0 * w0);
        s01 = s01.wrapping_add(x0 * w1);
        s10 = s10.wrapping_add(x1 * w0);
        s11 = s11.wrapping_add(x1 * w1);
    }
    *sums = [[s00, s01], [s10, s11]];
}

fn one(sums: &mut [i32; 2], x: &[u8], weights: [&[i8]; 2]) {
    for ((&x, &w0), &w1) in x.iter().zip(weights[0]).zip(weights[1]) {
        sums[0] = sums[0].wrapping_add(i32::from(x) * i32::from(w0));
        sums[1] = sums[1].wrapping_add(i32::from(x) * i32::from(w1));
    }
}
