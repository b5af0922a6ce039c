//! 8-bit layers for processors with wide vectors: the windows of a tile are gathered, then multiplied.

use super::{Output, Patch, weight};
use crate::format::private::LayerWeights;
use crate::plan::TILE;

/// One layer for a tile of pixels.
pub fn layer(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, work: &mut [u32], out: &mut [u8]) {
    let fan_in = weights.fan_in.next_multiple_of(4);
    let work = &mut bytemuck::cast_slice_mut::<u32, u8>(work)[..TILE * fan_in];
    for (pixel, window) in work.chunks_exact_mut(fan_in).take(pixels).enumerate() {
        gather(patch, pixel, &mut window[..weights.fan_in]);
        window[weights.fan_in..].fill(0);
    }
    if weights.lanes == 16 {
        by_sixteen(work, pixels, weights, out);
    } else {
        one_by_one(work, pixels, weights, out);
    }
}

/// The window of one pixel, padding as zeros.
fn gather(patch: &Patch<'_, u8>, pixel: usize, window: &mut [u8]) {
    let channels = patch.channels;
    let (first, end) = patch.valid(pixel);
    let rows = patch.above..patch.above + patch.rows.1 - patch.rows.0;
    for (ky, window) in window.chunks_exact_mut(patch.kernel * channels).enumerate() {
        if rows.contains(&ky) && first < end {
            let line = patch.line(patch.rows.0 + ky - patch.above);
            let (before, rest) = window.split_at_mut(first * channels);
            let (inside, after) = rest.split_at_mut((end - first) * channels);
            before.fill(0);
            inside.copy_from_slice(&line[patch.at(pixel, first)..][..inside.len()]);
            after.fill(0);
        } else {
            window.fill(0);
        }
    }
}

/// Weights packed by sixteen outputs and four inputs.
fn by_sixteen(windows: &[u8], pixels: usize, weights: &LayerWeights<'_>, out: &mut [u8]) {
    let (outputs, fan_in) = (weights.outputs, weights.fan_in.next_multiple_of(4));
    let packed: &[i8] = bytemuck::cast_slice(&weights.bytes[12 * outputs.next_multiple_of(16)..]);
    for (group, packed) in packed.chunks_exact(16 * fan_in).enumerate() {
        let group = 16 * group;
        let count = 16.min(outputs - group);
        let mut parameters = [Output { bias: 0, multiplier: 0, shift: 1 }; 16];
        for (lane, parameters) in parameters[..count].iter_mut().enumerate() {
            *parameters = Output::of(weights, group + lane);
        }
        let windows = windows.chunks_exact(fan_in).take(pixels);
        for (window, out) in windows.zip(out.chunks_exact_mut(outputs)) {
            let mut sums = parameters.map(|output| output.bias);
            for (x, packed) in window.as_chunks::<4>().0.iter().zip(packed.as_chunks::<64>().0) {
                for (sum, w) in sums.iter_mut().zip(packed.as_chunks::<4>().0) {
                    *sum = sum.wrapping_add((0..4).map(|k| i32::from(x[k]) * i32::from(w[k])).sum());
                }
            }
            for (lane, out) in out[group..group + count].iter_mut().enumerate() {
                *out = parameters[lane].requantise(sums[lane]);
            }
        }
    }
}

/// Any packing, a weight at a time: what a board runs, computed elsewhere.
fn one_by_one(windows: &[u8], pixels: usize, weights: &LayerWeights<'_>, out: &mut [u8]) {
    let fan_in = weights.fan_in.next_multiple_of(4);
    for output in 0..weights.outputs {
        let parameters = Output::of(weights, output);
        let mut sums = [parameters.bias; TILE];
        for input in 0..weights.fan_in {
            let weight = i32::from(weight(weights, output, input));
            for (sum, window) in sums[..pixels].iter_mut().zip(windows.chunks_exact(fan_in)) {
                *sum = sum.wrapping_add(i32::from(window[input]) * weight);
            }
        }
        for (pixel, &sum) in sums[..pixels].iter().enumerate() {
            out[pixel * weights.outputs + output] = parameters.requantise(sum);
        }
    }
}
