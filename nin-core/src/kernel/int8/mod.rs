//! 8-bit layers: the door to their kernels. `docs/int8.md` in the repository has the arithmetic and the packings.
//!
//! The exporter sees to it that no sum overflows, and all builds agree. A file may say anything, though: sums wrap
//! around, so that whatever it holds is computed without a panic, though one that does not keep to that document may
//! come to other numbers in another build.
//!
//! [`read`] takes single parameters from any packing and rounds sums, [`pool`] has averages and maxima. `plain` is for
//! weights in rows on any processor, `dsp` for pairs of outputs on a Cortex-M with DSP instructions, `wide` for a
//! host's vectors; [`four_bit`] widens weights of 4 bits for each of them. [`affine`] has zero points and groups. Imports: `kernel`'s operands and vectors;
//! `packing`; `plan`.

pub(crate) mod affine;
#[cfg(nin_dsp)]
mod dsp;
pub(crate) mod four_bit;
mod nibbles;
mod plain;
pub(crate) mod pool;
pub(crate) mod read;
#[cfg(not(target_os = "none"))]
pub(crate) mod wide;

#[cfg(nin_dsp)]
pub(crate) use dsp::raise;
#[cfg(not(nin_dsp))]
pub(crate) use pool::raise;

use self::read::packed;
use super::operands::{LayerWeights, Patch};

/// Whether this build computes with weights packed so.
pub(crate) const fn runs(lanes: usize) -> bool {
    let host = cfg!(not(target_os = "none"));
    lanes == 1 || (lanes == 2 && (host || cfg!(nin_dsp))) || (lanes == 16 && host)
}

/// One layer for a tile of at most [`TILE`](crate::plan::TILE) pixels; `out` takes pixels × outputs values.
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
        2 => dsp::layer::<dsp::Eight>(patch, pixels, weights, work, out),
        #[cfg(not(target_os = "none"))]
        2 | 16 => wide::layer(patch, pixels, weights, work, out),
        _ => {
            let _ = work;
            plain::layer(patch, pixels, weights, out);
        }
    }
}
