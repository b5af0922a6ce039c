//! 8-bit layers with weights as they are: straight from the lines, without packing for one kind of processor.
//!
//! A Cortex-M without vectors computes three outputs of [two pixels](pairs) at a time. RISC-V and a Cortex-M with Helium
//! compute [up to four pixels](quads) at a time. The few layers that these do not take are computed [one
//! sum](one_by_one) after the other. Elsewhere it is [two pixels times two outputs](by_two).

#[cfg(not(any(nin_mla, nin_muls, nin_mve, nin_rv32)))]
mod by_two;
#[cfg(any(nin_mla, nin_muls, nin_mve, nin_rv32))]
mod copy;
#[cfg(any(nin_mla, nin_muls, nin_mve, nin_rv32))]
mod one_by_one;
#[cfg(any(nin_mla, nin_muls))]
mod pairs;
#[cfg(any(nin_mve, nin_rv32))]
mod quads;
#[cfg(any(nin_muls, test))]
mod split;

#[cfg(nin_mve)]
pub use self::quads::raise;
use crate::kernel::operands::{LayerWeights, Patch};

/// One layer for a tile of pixels.
#[cfg(any(nin_mve, nin_rv32))]
pub fn layer(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [u8]) {
    quads::layer(patch, pixels, weights, out);
}

/// One layer for a tile of pixels.
#[cfg(not(any(nin_mve, nin_rv32)))]
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
