//! One sum at a time: little code, for layers with fewer than three outputs or with windows in too many pieces.

use crate::kernel::int8::read::OutputParameters;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::ROWS;

/// Computes one layer for some pixels.
pub fn layer<const N: usize>(patch: &Patch<'_, u8>, pixels: [usize; N], weights: &LayerWeights<'_>, out: &mut [u8]) {
    let (outputs, fan_in, run) = (weights.outputs, weights.fan_in, patch.kernel * patch.channels);
    for pixel in pixels {
        let (left, right) = patch.valid(pixel);
        let (first, count) = (left * patch.channels, (right - left) * patch.channels);
        let rows = || (patch.rows.0..patch.rows.1).zip(patch.above..).take_while(|_| count > 0);
        for (output, value) in out[pixel * outputs..][..outputs].iter_mut().enumerate() {
            let parameters = OutputParameters::of::<1>(weights, output);
            let packed = &weights.bytes[4 * ROWS * outputs + output * fan_in + first..];
            let mut sum = parameters.bias;
            for (y, ky) in rows() {
                let x = &patch.line(y)[patch.at(pixel, left)..][..count];
                for (&x, &weight) in x.iter().zip(&packed[ky * run..]) {
                    sum = sum.wrapping_add(i32::from(x) * i32::from(weight as i8));
                }
            }
            *value = parameters.requantise(sum);
        }
    }
}
