//! Dispatches an 8-bit layer to a kernel. `docs/int8.md` in the repository defines the arithmetic and the packings.
//!
//! The exporter ensures that no sum overflows, and then all builds compute the same values. Sums wrap around, so a file
//! from elsewhere cannot cause a panic; if it breaks the rules of that document, builds may differ in its results.
//!
//! [`read`] reads single parameters from any packing and rounds sums; [`pool`] computes averages and maxima. `plain`
//! computes weights in rows on any processor, `dsp` pairs of outputs on a Cortex-M with DSP instructions, and `wide`
//! uses a host's vector instructions. [`four_bit`] widens 4-bit weights for each of them. [`affine`] computes layers with
//! zero points and groups, `depthwise` those with a channel for each output on a board, and [`shortcut`] the sums of shortcuts. Imports: `kernel`'s operands and vectors; `packing`; `plan`.

pub(crate) mod affine;
#[cfg(any(target_os = "none", test))]
pub(crate) mod depthwise;
#[cfg(nin_dsp)]
mod dsp;
pub(crate) mod four_bit;
mod nibbles;
mod plain;
pub(crate) mod pool;
pub(crate) mod read;
pub(crate) mod shortcut;
#[cfg(not(target_os = "none"))]
pub(crate) mod wide;

#[cfg(all(nin_dsp, not(nin_mve)))]
pub(crate) use dsp::raise;
#[cfg(nin_mve)]
pub(crate) use plain::raise;
#[cfg(not(nin_dsp))]
pub(crate) use pool::raise;

use self::read::packed;
use super::operands::{LayerWeights, Patch};
#[cfg(not(target_os = "none"))]
use crate::packing::affine::Words;

/// Returns whether this build has a kernel for weights that are packed by `lanes`.
pub(crate) const fn runs(lanes: usize) -> bool {
    let host = cfg!(not(target_os = "none"));
    lanes == 1 || (lanes == 2 && (host || cfg!(nin_dsp))) || (lanes == 16 && host)
}

/// Computes one layer for a tile of at most [`TILE`](crate::plan::TILE) pixels into `out` (pixels × outputs). From streams
/// of two outputs, a board computes one pixel more.
#[inline(always)]
pub(crate) fn layer<const LANES: usize>(
    patch: &Patch<'_, u8>,
    pixels: usize,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    match packed::<LANES>(weights) {
        #[cfg(nin_dsp)]
        2 => dsp::layer::<dsp::Eight>(patch, pixels, 0, weights, work, out),
        #[cfg(not(target_os = "none"))]
        2 | 16 => wide::layer(patch, pixels, &Words::RELU, weights, work, out),
        _ => {
            let _ = work;
            plain::layer(patch, pixels, weights, out);
        }
    }
}
