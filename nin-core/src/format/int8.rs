//! 8-bit activations and weights.

use super::arithmetic::{Arithmetic, Format};
use crate::kernel::int8::read::{OutputParameters, weight};
use crate::kernel::int8::{self, pool};
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::WeightType;

/// 8-bit integer weights and activations, as in TensorFlow Lite's specification; `docs/int8.md` in the repository
/// describes the arithmetic. Rows of an image are its bytes.
///
/// A firmware with a compiled-in model sets `LANES` to the model's [lanes](crate::Model::lanes), and then contains only
/// the kernels for that packing. With 0 it runs every packing that the build supports.
#[derive(Clone, Copy, Debug)]
pub enum Int8<const LANES: usize = 0> {}

impl<const LANES: usize> Format for Int8<LANES> {}

impl<const LANES: usize> Arithmetic for Int8<LANES> {
    const WEIGHTS: WeightType = WeightType::Int8;
    type Value = u8;
    type Sum = i32;
    const LEAST: u8 = 0;

    fn raise(most: &mut [u8], values: &[u8]) {
        int8::raise(most, values);
    }

    fn add(sum: &mut i32, value: u8) {
        *sum = sum.wrapping_add(i32::from(value));
    }

    fn average(sum: i32, count: usize) -> u8 {
        pool::average(sum, count)
    }

    fn layer(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, work: &mut [u32], out: &mut [u8]) {
        int8::layer::<LANES>(patch, pixels, weights, work, out);
    }

    // A model of this type has no such layers.
    fn general(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, work: &mut [u32], out: &mut [u8]) {
        Self::layer(patch, pixels, weights, work, out);
    }

    fn sum(_: &LayerWeights<'_>, _: &[u8], _: &mut [u8]) {}

    fn full_begin(weights: &LayerWeights<'_>, sums: &mut [i32]) {
        for (output, sum) in sums.iter_mut().enumerate() {
            *sum = OutputParameters::of::<LANES>(weights, output).bias;
        }
    }

    fn full_add(weights: &LayerWeights<'_>, first: usize, values: &[u8], sums: &mut [i32]) {
        for (output, sum) in sums.iter_mut().enumerate() {
            for (input, &value) in (first..).zip(values) {
                *sum = sum.wrapping_add(i32::from(value) * i32::from(weight::<LANES>(weights, output, input)));
            }
        }
    }

    fn full_add_averages(weights: &LayerWeights<'_>, averages: &[i32], _: usize, sums: &mut [i32]) {
        // The layer's scale includes the division by the count.
        for (output, sum) in sums.iter_mut().enumerate() {
            for (input, &average) in averages.iter().enumerate() {
                *sum = sum.wrapping_add(average.wrapping_mul(weight::<LANES>(weights, output, input).into()));
            }
        }
    }

    fn full_output(weights: &LayerWeights<'_>, sums: &[i32], out: &mut [u8]) {
        for (output, (out, &sum)) in out.iter_mut().zip(sums).enumerate() {
            *out = OutputParameters::of::<LANES>(weights, output).requantise(sum);
        }
    }

    fn full_logits(weights: &LayerWeights<'_>, sums: &mut [i32]) {
        for (output, sum) in sums.iter_mut().enumerate() {
            *sum = OutputParameters::of::<LANES>(weights, output).logit(*sum);
        }
    }

    fn average_logits(weights: &[u8], sums: &mut [i32], count: usize) {
        let scale = weights.first_chunk().map_or(0.0, |&bytes| f32::from_le_bytes(bytes));
        for sum in sums {
            *sum = (*sum as f32 / count as f32 * scale).to_bits() as i32;
        }
    }

    fn runs(lanes: usize) -> bool {
        (LANES == 0 || lanes == LANES) && int8::runs(lanes)
    }
}

/// Defines the items of [`Arithmetic`] that concern activations only, as for [`Int8`]: all formats with 8-bit
/// activations share them.
macro_rules! activations_of_int8 {
    () => {
        type Value = u8;
        type Sum = i32;
        const LEAST: u8 = <Int8>::LEAST;

        fn raise(most: &mut [u8], values: &[u8]) {
            <Int8>::raise(most, values);
        }

        fn add(sum: &mut i32, value: u8) {
            <Int8>::add(sum, value);
        }

        fn average(sum: i32, count: usize) -> u8 {
            <Int8>::average(sum, count)
        }

        fn runs(lanes: usize) -> bool {
            <Int8>::runs(lanes)
        }
    };
}
pub(super) use activations_of_int8;
