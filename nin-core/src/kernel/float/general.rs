//! Float layers in groups, with any activation: plain loops for any packing on any processor.

use super::stored::{Stored, split};
use crate::kernel::operands::{LayerWeights, Patch};
use crate::kernel::sum::{activate, sealed::Rounding};

/// Computes one layer for a tile of pixels. Each sum adds its products in the order of all float kernels.
pub(super) fn layer<W: Stored, R: Rounding>(
    patch: &Patch<'_, f32>,
    pixels: usize,
    weights: &LayerWeights<'_>,
    out: &mut [f32],
) {
    let (biases, packed) = split::<W>(weights);
    let &LayerWeights { outputs, fan_in, lanes, activation, .. } = weights;
    let groups = usize::from(weights.groups);
    // Channels that an output sums over, and outputs that sum over the same ones.
    let (channels, together) = (patch.channels / groups, outputs / groups);
    for (pixel, out) in out.chunks_exact_mut(outputs).take(pixels).enumerate() {
        let (left, right) = patch.valid(pixel);
        for (output, out) in out.iter_mut().enumerate() {
            let first = output / together * channels;
            let packed = &packed[output / lanes * lanes * fan_in + output % lanes..];
            let mut sum = biases[output];
            for (ky, y) in (patch.above..).zip(patch.rows.0..patch.rows.1) {
                let line = patch.line(y);
                for kx in left..right {
                    let at = (ky * patch.kernel + kx) * channels * lanes;
                    let x = &line[patch.at(pixel, kx) + first..][..channels];
                    for (x, weight) in x.iter().zip(packed[at..].iter().step_by(lanes)) {
                        R::add_product(&mut sum, *x, weight.widen());
                    }
                }
            }
            *out = activate(sum, activation);
        }
    }
}
