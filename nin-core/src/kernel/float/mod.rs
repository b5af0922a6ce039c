//! Float layers, with weights stored as f32 or f16: the door to their kernels.
//!
//! [`stored`] has the two types. [`scalar`] is any packing by plain loops; `wide` takes sixteen outputs at a time in a
//! host's vectors; `m4f` four outputs by hand on a Cortex-M with an FPU. Which of them runs for which packing is
//! decided here, once for all targets. Imports: `kernel`'s operands, sums and vectors; `packing`; `plan`.

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

/// Layers with weights of this type and sums that are rounded as `R` says.
pub trait Layers<R>: Stored {
    /// One layer for a tile of at most [`TILE`](crate::plan::TILE) pixels; `out` takes pixels × outputs values.
    ///
    /// It has no parameters, so a host's compiler makes the many kernels behind it once, with this crate, and not in
    /// every crate that has a network; on a board they are part of the one firmware.
    fn layer(patch: &Patch<'_, f32>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [f32]);
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
        }
    };
}

layers!(f32, Separate);
layers!(f16, Separate);
layers!(f32, Fused);
layers!(f16, Fused);
