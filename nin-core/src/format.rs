//! The ways a network can compute: what its weights, its activations and its sums are.

use core::marker::PhantomData;

use half::f16;

use self::private::{Arithmetic, LayerWeights};
use crate::kernel::Patch;
use crate::kernel::float::{self, Stored};
use crate::plan::WeightType;

/// Float activations with weights stored as `W`.
///
/// Every sum starts with its bias and takes its products in the order rows, columns, channels of the window, each
/// product rounded before it is added: so all builds for all targets agree bit for bit.
#[derive(Clone, Copy, Debug)]
pub struct Float<W>(PhantomData<W>);

/// 32-bit float weights.
pub type F32 = Float<f32>;

/// 16-bit float weights, widened exactly when used: half the flash, the same sums in the same order.
pub type F16 = Float<f16>;

/// How a [`Network`](crate::Network) computes: [`F32`] or [`F16`].
pub trait Format: private::Arithmetic {}

impl<W: Stored> Format for Float<W> {}

pub(crate) mod private {
    use crate::kernel::Patch;
    use crate::plan::WeightType;

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

        /// The larger value.
        fn max(a: Self::Value, b: Self::Value) -> Self::Value;
        /// Adds a value to a sum; `Sum::zeroed()` is empty.
        fn add(sum: &mut Self::Sum, value: Self::Value);
        /// `sum / count`.
        fn average(sum: Self::Sum, count: usize) -> Self::Value;
        /// `sum / count` for the logits: nothing is lost to a value's width.
        fn logit(sum: Self::Sum, count: usize) -> f32;

        /// One layer for `pixels` pixels, their sums, biases and ReLUs: `out` takes pixels × outputs values.
        fn layer(patch: &Patch<'_, Self::Value>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [Self::Value]);

        /// Sums of a fully connected layer before any input: its biases.
        fn full_begin(weights: &LayerWeights<'_>, sums: &mut [Self::Sum]);
        /// Adds inputs `first..first + values.len()` to the sums of a fully connected layer.
        fn full_add(weights: &LayerWeights<'_>, first: usize, values: &[Self::Value], sums: &mut [Self::Sum]);
        /// What a fully connected layer passes to the next: its sums after a ReLU.
        fn full_output(sums: &[Self::Sum], out: &mut [Self::Value]);
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

    fn max(a: f32, b: f32) -> f32 {
        if b > a { b } else { a }
    }

    fn add(sum: &mut f32, value: f32) {
        *sum += value;
    }

    fn average(sum: f32, count: usize) -> f32 {
        sum / count as f32
    }

    fn logit(sum: f32, count: usize) -> f32 {
        sum / count as f32
    }

    fn layer(patch: &Patch<'_, f32>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [f32]) {
        float::layer::<W>(patch, pixels, weights, out);
    }

    fn full_begin(weights: &LayerWeights<'_>, sums: &mut [f32]) {
        sums.copy_from_slice(&float::split::<W>(weights).0[..sums.len()]);
    }

    fn full_add(weights: &LayerWeights<'_>, first: usize, values: &[f32], sums: &mut [f32]) {
        float::full_add::<W>(weights, first, values, sums);
    }

    fn full_output(sums: &[f32], out: &mut [f32]) {
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = float::relu(sum);
        }
    }
}
