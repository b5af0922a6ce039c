//! 8-bit layers with weights in rows, for processors without vector instructions. Inputs are read from the lines.
//!
//! Two pixels at a time. A Cortex-M has [kernels](pairs) for three outputs at a time; the few layers that these do not
//! support are computed [one sum](one_by_one) at a time. Other processors compute [two outputs](by_two) at a time.

#[cfg(not(any(nin_mla, nin_muls)))]
mod by_two;
#[cfg(any(nin_mla, nin_muls))]
mod copy;
#[cfg(any(nin_mla, nin_muls))]
mod one_by_one;
#[cfg(any(nin_mla, nin_muls))]
mod pairs;
#[cfg(any(nin_muls, test))]
mod split;

use crate::kernel::operands::{LayerWeights, Patch};

/// Computes one layer for a tile of pixels.
pub fn layer(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [u8]) {
    for pixel in (0..pixels).step_by(2) {
        // If there is no second pixel, the first one is computed twice.
        let pair = [pixel, (pixel + 1).min(pixels - 1)];
        #[cfg(any(nin_mla, nin_muls))]
        if !pairs::layer(patch, pair, weights, out) {
            one_by_one::layer(patch, pair, weights, out);
        }
        #[cfg(not(any(nin_mla, nin_muls)))]
        by_two::layer(patch, pair, weights, out);
    }
}
