//! A format, as programs name it and as the engine uses it.

use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::WeightType;
use crate::plan::Layer;

/// How a [`Network`](crate::Network) computes: [`F32`](crate::F32), [`F16`](crate::F16) and their [fused](crate::Fused)
/// forms, [`Int8`](crate::Int8) or [`Int4`](crate::Int4); no others can be added.
///
/// Its `Value`, in which rows of an image are given and an [`Observer`](crate::Observer) sees activations, is `f32` for
/// floats (preprocessed, see [`Model::preprocess`](crate::Model::preprocess)) and `u8` for the others (an image's
/// bytes as they are).
pub trait Format: Arithmetic {}

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
