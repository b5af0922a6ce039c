//! Float layers with weights stored as f32 or f16: selects the kernel for the packing and the target.
//!
//! [`stored`] defines the two types. [`scalar`] computes any packing in plain loops, [`general`]
//! groups and other activations than a ReLU, `wide` sixteen outputs at a time
//! in a host's vectors, `m4f` four outputs in assembly on a Cortex-M with an FPU. Imports: `kernel`'s operands, sums
//! and vectors; `packing`; `plan`.

mod general;
#[cfg(nin_m4f)]
mod m4f;
mod scalar;
pub(crate) mod stored;
#[cfg(not(target_os = "none"))]
pub(crate) mod wide;

use half::f16;

#[cfg(nin_m4f)]
pub(crate) use m4f::raise;
pub(crate) use scalar::full_add;
#[cfg(not(nin_m4f))]
pub(crate) use scalar::raise;

use self::stored::Stored;
use super::operands::{LayerWeights, Patch};
use super::sum::{Fused, Separate, sealed::Rounding};

#[cfg(nin_m4f)]
use m4f::layer as by_four;

#[cfg(not(nin_m4f))]
#[inline(always)]
fn by_four<W: Stored, R: Rounding>(patch: &Patch<'_, f32>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [f32]) {
    scalar::layer::<W, R, 4>(patch, pixels, weights, out);
}

#[cfg(not(target_os = "none"))]
use wide::layer as by_sixteen;

#[cfg(target_os = "none")]
#[inline(always)]
fn by_sixteen<W: Stored, R: Rounding>(
    patch: &Patch<'_, f32>,
    pixels: usize,
    weights: &LayerWeights<'_>,
    out: &mut [f32],
) {
    scalar::layer::<W, R, 16>(patch, pixels, weights, out);
}

/// Layers with weights of this type and sums that `R` rounds.
pub trait Layers<R>: Stored {
    /// Computes one layer for a tile of up to [`TILE`](crate::plan::TILE) pixels; `out` holds pixels × outputs values.
    ///
    /// It is not generic, so a host's compiler compiles the kernels behind it once, with this crate, and not in every
    /// crate that uses a network. On a board it may be inlined into the firmware.
    fn layer(patch: &Patch<'_, f32>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [f32]);

    /// Computes one layer in groups or with another activation than a ReLU, otherwise as [`layer`](Self::layer).
    fn general(patch: &Patch<'_, f32>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [f32]);
}

macro_rules! layers {
    ($weights:ty, $rounding:ty) => {
        impl Layers<$rounding> for $weights {
            #[cfg_attr(target_os = "none", inline)]
            fn layer(patch: &Patch<'_, f32>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [f32]) {
                match weights.lanes {
                    4 => by_four::<$weights, $rounding>(patch, pixels, weights, out),
                    16 => by_sixteen::<$weights, $rounding>(patch, pixels, weights, out),
                    _ => scalar::layer::<$weights, $rounding, 1>(patch, pixels, weights, out),
                }
            }

            #[cfg_attr(target_os = "none", inline)]
            fn general(patch: &Patch<'_, f32>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [f32]) {
                general::layer::<$weights, $rounding>(patch, pixels, weights, out);
            }
        }
    };
}

layers!(f32, Separate);
layers!(f16, Separate);
layers!(f32, Fused);
layers!(f16, Fused);
