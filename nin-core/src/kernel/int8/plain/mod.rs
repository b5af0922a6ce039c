//! 8-bit layers with weights in rows. Inputs are read from the lines.
//!
//! A Cortex-M without Helium has [kernels](pairs) for two pixels and three outputs at a time. RISC-V and Helium have
//! kernels for [up to four pixels](quads). The few layers that these do not support are computed [one sum](one_by_one) at
//! a time. Other processors compute two pixels and [two outputs](by_two) at a time.

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

/// Computes one layer for a tile of pixels.
#[cfg(any(nin_mve, nin_rv32))]
pub fn layer(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [u8]) {
    quads::layer(patch, pixels, weights, out);
}

/// Computes one layer for a tile of pixels.
#[cfg(not(any(nin_mve, nin_rv32)))]
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
