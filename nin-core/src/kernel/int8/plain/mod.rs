//! 8-bit layers with weights as they are: straight from the lines, for processors without vectors.
//!
//! Two pixels at a time. A Cortex-M has [kernels](pairs) for them, three outputs at a time, and for the few layers that
//! those do not take [one sum](one_by_one) after the other; elsewhere it is [two outputs](by_two).

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

/// One layer for a tile of pixels.
pub fn layer(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [u8]) {
    for pixel in (0..pixels).step_by(2) {
        // Without a second pixel the first stands in for it.
        let pair = [pixel, (pixel + 1).min(pixels - 1)];
        #[cfg(any(nin_mla, nin_muls))]
        if !pairs::layer(patch, pair, weights, out) {
            one_by_one::layer(patch, pair, weights, out);
        }
        #[cfg(not(any(nin_mla, nin_muls)))]
        by_two::layer(patch, pair, weights, out);
    }
}
