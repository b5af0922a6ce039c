//! Float activations.

use core::marker::PhantomData;

use half::f16;

use super::arithmetic::{Arithmetic, Format};
use crate::kernel::float::stored::split;
use crate::kernel::float::{self, Layers};
use crate::kernel::operands::{LayerWeights, Patch};
use crate::kernel::sum::{Fused, Rounding, Separate, activate, relu};
use crate::packing::{Lanes, WeightType};

/// Float activations with weights stored as `W`.
///
/// Every sum starts with its bias. The products are added in the order rows, columns, channels of the window, and each
/// is rounded before it is added. So all builds for all targets agree bit for bit, as long as no sum overflows
/// (infinities and the signs of NaNs differ between processors).
///
/// If `R` is [`Fused`], a product is not rounded before it is added. Results differ from those of [`Separate`], but all
/// builds agree bit for bit as well. Processors without a fused multiply-add are slow with it.
#[derive(Clone, Copy, Debug)]
pub struct Float<W, R = Separate>(PhantomData<(W, R)>);

/// 32-bit float weights.
pub type F32 = Float<f32>;

/// 16-bit float weights, widened exactly when used: half the flash, the same order of sums.
pub type F16 = Float<f16>;

/// [`F32`] with fused multiply-adds: product and sum are rounded once.
pub type F32Fused = Float<f32, Fused>;

/// [`F16`] with fused multiply-adds: product and sum are rounded once.
pub type F16Fused = Float<f16, Fused>;

impl<W: Layers<R>, R: Rounding> Format for Float<W, R> {}

impl<W: Layers<R>, R: Rounding> Arithmetic for Float<W, R> {
    const WEIGHTS: WeightType = W::TYPE;
    type Value = f32;
    type Sum = f32;
    const LEAST: f32 = f32::NEG_INFINITY;

    fn raise(most: &mut [f32], values: &[f32]) {
        float::raise(most, values);
    }

    fn add(sum: &mut f32, value: f32) {
        *sum += value;
    }

    fn average(sum: f32, count: usize) -> f32 {
        sum / count as f32
    }

    fn layer(patch: &Patch<'_, f32>, pixels: usize, weights: &LayerWeights<'_>, _: &mut [u32], out: &mut [f32]) {
        W::layer(patch, pixels, weights, out);
    }

    fn general(patch: &Patch<'_, f32>, pixels: usize, weights: &LayerWeights<'_>, _: &mut [u32], out: &mut [f32]) {
        W::general(patch, pixels, weights, out);
    }

    fn sum(weights: &LayerWeights<'_>, shortcut: &[f32], body: &mut [f32]) {
        for (value, shortcut) in body.iter_mut().zip(shortcut) {
            *value = activate(*value + shortcut, weights.activation);
        }
    }

    fn full_begin(weights: &LayerWeights<'_>, sums: &mut [f32]) {
        sums.copy_from_slice(&split::<W>(weights).0[..sums.len()]);
    }

    fn full_add(weights: &LayerWeights<'_>, first: usize, values: &[f32], sums: &mut [f32]) {
        float::full_add::<W, R>(weights, first, values, sums);
    }

    fn full_add_averages(weights: &LayerWeights<'_>, averages: &[f32], count: usize, sums: &mut [f32]) {
        for (first, &average) in averages.iter().enumerate() {
            float::full_add::<W, R>(weights, first, &[average / count as f32], sums);
        }
    }

    fn full_output(_: &LayerWeights<'_>, sums: &[f32], out: &mut [f32]) {
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = relu(sum);
        }
    }

    fn full_logits(_: &LayerWeights<'_>, _: &mut [f32]) {}

    fn average_logits(_: &[u8], sums: &mut [f32], count: usize) {
        for sum in sums {
            *sum /= count as f32;
        }
    }

    fn runs(lanes: usize) -> bool {
        Lanes::of(W::TYPE, lanes).is_some()
    }
}
