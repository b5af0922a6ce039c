//! Four outputs at a time in WebAssembly's vectors of 128 bits.
#![allow(unsafe_code)]

use core::arch::wasm32::{
    i16x8_extend_high_i8x16, i16x8_extend_low_i8x16, i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane, i32x4_shuffle,
    i32x4_splat, u16x8_extend_low_u8x16, v128, v128_load,
};

use super::layer::PackedLayer;

/// Computes a tile of up to four pixels; the windows are `layer.fan_in` bytes long each.
pub fn layer(layer: &PackedLayer<'_>, windows: &[u8], pixels: usize, out: &mut [u8]) {
    match pixels {
        1 => tile::<1>(layer, windows, out),
        2 => tile::<2>(layer, windows, out),
        3 => tile::<3>(layer, windows, out),
        _ => tile::<4>(layer, windows, out),
    }
}

fn tile<const N: usize>(layer: &PackedLayer<'_>, windows: &[u8], out: &mut [u8]) {
    let windows: [&[[u8; 4]]; N] =
        core::array::from_fn(|pixel| windows[pixel * layer.fan_in..][..layer.fan_in].as_chunks().0);
    for group in 0..layer.outputs.div_ceil(16) {
        let biases = layer.parameters(0, group);
        let weights = layer.weights(group, 1);
        let count = 16.min(layer.outputs - 16 * group);
        for quarter in 0..count.div_ceil(4) {
            let sums = quarter_sums(weights, quarter, windows);
            for (pixel, sums) in sums.into_iter().enumerate() {
                let first = 16 * group + 4 * quarter;
                for (output, &sum) in (first..layer.outputs).zip(&sums) {
                    let lane = output % 16;
                    out[pixel * layer.outputs + output] = layer.output(group, lane, sum.wrapping_add(biases[lane]));
                }
            }
        }
    }
}

/// Returns the sums of products for four outputs of N pixels, without biases.
#[inline(always)]
fn quarter_sums<const N: usize>(weights: &[[i8; 64]], quarter: usize, windows: [&[[u8; 4]]; N]) -> [[i32; 4]; N] {
    // Two sums for each output: of its inputs 0 and 1, and of 2 and 3.
    let mut sums = [[i32x4_splat(0); 2]; N];
    for (k, weights) in weights.iter().enumerate() {
        let weights = load(&weights.as_chunks().0[quarter]);
        let weights = [i16x8_extend_low_i8x16(weights), i16x8_extend_high_i8x16(weights)];
        for (sums, window) in sums.iter_mut().zip(windows) {
            let inputs = u16x8_extend_low_u8x16(i32x4_splat(i32::from_le_bytes(window[k])));
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = i32x4_add(*sum, i32x4_dot_i16x8(inputs, weights));
            }
        }
    }
    sums.map(|[low, high]| {
        let sum = i32x4_add(i32x4_shuffle::<0, 2, 4, 6>(low, high), i32x4_shuffle::<1, 3, 5, 7>(low, high));
        [
            i32x4_extract_lane::<0>(sum),
            i32x4_extract_lane::<1>(sum),
            i32x4_extract_lane::<2>(sum),
            i32x4_extract_lane::<3>(sum),
        ]
    })
}

#[inline(always)]
fn load(bytes: &[i8; 16]) -> v128 {
    // SAFETY: the array has sixteen bytes, and the load needs no alignment.
    unsafe { v128_load(bytes.as_ptr().cast()) }
}
