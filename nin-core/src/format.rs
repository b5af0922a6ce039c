//! The ways a network can compute: what its weights, its activations and its sums are.

use core::marker::PhantomData;

use half::f16;

mod int4;

pub use self::int4::Int4;
use self::private::{Arithmetic, LayerWeights};
use crate::kernel::Patch;
use crate::kernel::float::{self, Stored};
use crate::kernel::int8;
use crate::plan::WeightType;

/// Float activations with weights stored as `W`.
///
/// Every sum starts with its bias and takes its products in the order rows, columns, channels of the window, each
/// product rounded before it is added: so all builds for all targets agree bit for bit, as long as no sum overflows (what
/// comes of an infinity, a NaN's sign for one, processors have their own ideas about).
///
/// With the feature `fma` a product is not rounded before it is added: a contract of its own, which all builds with the
/// feature keep bit for bit, on processors that do both in one instruction and on others, where it is slow.
#[derive(Clone, Copy, Debug)]
pub struct Float<W>(PhantomData<W>);

/// 32-bit float weights.
pub type F32 = Float<f32>;

/// 16-bit float weights, widened exactly when used: half the flash, the same sums in the same order.
pub type F16 = Float<f16>;

/// How a [`Network`](crate::Network) computes: [`F32`], [`F16`], [`Int8`] or [`Int4`]; no others can be added.
///
/// Its `Value`, in which rows of an image are given and an [`Observer`](crate::Observer) sees activations, is `f32` for
/// the first two (preprocessed, see [`Model::preprocess`](crate::Model::preprocess)) and `u8` for the others (an image's
/// bytes as they are).
pub trait Format: private::Arithmetic {}

impl<W: Stored> Format for Float<W> {}

pub(crate) mod private {
    use crate::kernel::Patch;
    use crate::plan::{Layer, WeightType};

    /// What the engine asks of a format; kept from outside so that it may change.
    pub trait Arithmetic {
        /// How its weights are stored.
        const WEIGHTS: WeightType;
        /// An activation as it stands in a line.
        type Value: bytemuck::Pod;
        /// An accumulator of an average or of the head: one state word.
        type Sum: bytemuck::Pod;
        /// No value is below it: where a maximum starts.
        const LEAST: Self::Value;

        /// Raises each of `most` to the value beside it, where that is larger.
        fn raise(most: &mut [Self::Value], values: &[Self::Value]);
        /// Adds a value to a sum; `Sum::zeroed()` is empty.
        fn add(sum: &mut Self::Sum, value: Self::Value);
        /// `sum / count`.
        fn average(sum: Self::Sum, count: usize) -> Self::Value;

        /// One layer for `pixels` pixels, their sums, biases and ReLUs: `out` takes pixels × outputs values; `work` is
        /// memory for the while.
        fn layer(
            patch: &Patch<'_, Self::Value>,
            pixels: usize,
            weights: &LayerWeights<'_>,
            work: &mut [u32],
            out: &mut [Self::Value],
        );

        /// Sums of a fully connected layer before any input: its biases.
        fn full_begin(weights: &LayerWeights<'_>, sums: &mut [Self::Sum]);
        /// Adds inputs `first..first + values.len()` to the sums of a fully connected layer.
        fn full_add(weights: &LayerWeights<'_>, first: usize, values: &[Self::Value], sums: &mut [Self::Sum]);
        /// The same with averages for inputs, `averages / count`, none of which is rounded to a value's width.
        fn full_add_averages(weights: &LayerWeights<'_>, averages: &[Self::Sum], count: usize, sums: &mut [Self::Sum]);
        /// What a fully connected layer passes to the next: its sums after a ReLU.
        fn full_output(weights: &LayerWeights<'_>, sums: &[Self::Sum], out: &mut [Self::Value]);
        /// The sums of the line's last fully connected layer as logits, in place.
        fn full_logits(weights: &LayerWeights<'_>, sums: &mut [Self::Sum]);
        /// Averages as logits, in place: `sums / count`; `weights` is what the head has of them.
        fn average_logits(weights: &[u8], sums: &mut [Self::Sum], count: usize);
        /// Bytes of a layer's part of `weights`, which begin with it.
        fn layer_bytes(layer: &Layer, lanes: usize, _weights: &[u8]) -> usize {
            layer.weight_bytes(Self::WEIGHTS, lanes)
        }
        /// Whether it can compute with weights packed so in this build.
        fn runs(lanes: usize) -> bool;
    }

    /// One layer's part of the packed weights.
    #[derive(Clone, Copy, Debug)]
    pub struct LayerWeights<'m> {
        /// Biases, then weights: [`Layer::weight_bytes`](crate::plan::Layer::weight_bytes) of them.
        pub bytes: &'m [u8],
        /// Inputs of one output.
        pub fan_in: usize,
        /// Outputs.
        pub outputs: usize,
        /// Outputs that lie side by side.
        pub lanes: usize,
    }

    impl LayerWeights<'_> {
        pub(crate) const EMPTY: Self = LayerWeights { bytes: &[], fan_in: 0, outputs: 0, lanes: 1 };
    }
}

impl<W: Stored> Arithmetic for Float<W> {
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

    fn full_begin(weights: &LayerWeights<'_>, sums: &mut [f32]) {
        sums.copy_from_slice(&float::split::<W>(weights).0[..sums.len()]);
    }

    fn full_add(weights: &LayerWeights<'_>, first: usize, values: &[f32], sums: &mut [f32]) {
        float::full_add::<W>(weights, first, values, sums);
    }

    fn full_add_averages(weights: &LayerWeights<'_>, averages: &[f32], count: usize, sums: &mut [f32]) {
        for (first, &average) in averages.iter().enumerate() {
            float::full_add::<W>(weights, first, &[average / count as f32], sums);
        }
    }

    fn full_output(_: &LayerWeights<'_>, sums: &[f32], out: &mut [f32]) {
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = float::relu(sum);
        }
    }

    fn full_logits(_: &LayerWeights<'_>, _: &mut [f32]) {}

    fn average_logits(_: &[u8], sums: &mut [f32], count: usize) {
        for sum in sums {
            *sum /= count as f32;
        }
    }

    fn runs(lanes: usize) -> bool {
        matches!(lanes, 1 | 4 | 16)
    }
}

/// 8-bit integer weights and activations, after TensorFlow Lite's specification; `docs/int8.md` in the repository has
/// the arithmetic. Rows of an image are its bytes as they are.
///
/// A firmware whose model is compiled in says how it is packed, by its [lanes](crate::Model::lanes), and carries the kernels
/// for that packing alone; with 0 it reads all that the build computes with.
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
        int8::average(sum, count)
    }

    fn layer(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, work: &mut [u32], out: &mut [u8]) {
        int8::layer::<LANES>(patch, pixels, weights, work, out);
    }

    fn full_begin(weights: &LayerWeights<'_>, sums: &mut [i32]) {
        for (output, sum) in sums.iter_mut().enumerate() {
            *sum = int8::Output::of::<LANES>(weights, output).bias;
        }
    }

    fn full_add(weights: &LayerWeights<'_>, first: usize, values: &[u8], sums: &mut [i32]) {
        for (output, sum) in sums.iter_mut().enumerate() {
            for (input, &value) in (first..).zip(values) {
                *sum = sum.wrapping_add(i32::from(value) * i32::from(int8::weight::<LANES>(weights, output, input)));
            }
        }
    }

    fn full_add_averages(weights: &LayerWeights<'_>, averages: &[i32], _: usize, sums: &mut [i32]) {
        // The count is part of the layer's scale.
        for (output, sum) in sums.iter_mut().enumerate() {
            for (input, &average) in averages.iter().enumerate() {
                *sum = sum.wrapping_add(average.wrapping_mul(int8::weight::<LANES>(weights, output, input).into()));
            }
        }
    }

    fn full_output(weights: &LayerWeights<'_>, sums: &[i32], out: &mut [u8]) {
        for (output, (out, &sum)) in out.iter_mut().zip(sums).enumerate() {
            *out = int8::Output::of::<LANES>(weights, output).requantise(sum);
        }
    }

    fn full_logits(weights: &LayerWeights<'_>, sums: &mut [i32]) {
        for (output, sum) in sums.iter_mut().enumerate() {
            *sum = int8::Output::of::<LANES>(weights, output).logit(*sum);
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
