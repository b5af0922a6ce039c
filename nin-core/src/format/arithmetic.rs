//! The traits of a format: the public one, and the one that the engine uses.

use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::WeightType;
use crate::plan::Layer;

/// The number format of a [`Network`](crate::Network): [`F32`](crate::F32), [`F16`](crate::F16) and their
/// [fused](crate::Fused) forms, [`Int8`](crate::Int8), [`Int4`](crate::Int4), [`Affine`](crate::Affine) or
/// [`AffineInt4`](crate::AffineInt4). The trait is sealed.
///
/// `Value` is the type of the image's rows and of the activations that an [`Observer`](crate::Observer) receives: `f32`
/// for float formats (preprocessed, see [`Model::preprocess`](crate::Model::preprocess)), `u8` for integer formats (the
/// image's bytes).
pub trait Format: Arithmetic {}

/// The operations of a format that the engine uses; not public, so that they may change.
pub trait Arithmetic {
    /// The type of the stored weights.
    const WEIGHTS: WeightType;
    /// An activation in a line.
    type Value: bytemuck::Pod;
    /// An accumulator of an average or of the head: one state word.
    type Sum: bytemuck::Pod;
    /// The smallest value: the start of a maximum.
    const LEAST: Self::Value;

    /// Replaces each value of `most` by the maximum of it and the corresponding one of `values`.
    fn raise(most: &mut [Self::Value], values: &[Self::Value]);
    /// Adds a value to a sum; `Sum::zeroed()` is the empty sum.
    fn add(sum: &mut Self::Sum, value: Self::Value);
    /// Returns `sum / count`.
    fn average(sum: Self::Sum, count: usize) -> Self::Value;

    /// Computes one layer with bias and ReLU for `pixels` pixels. `out` holds pixels × outputs values; `work` is
    /// working memory.
    fn layer(
        patch: &Patch<'_, Self::Value>,
        pixels: usize,
        weights: &LayerWeights<'_>,
        work: &mut [u32],
        out: &mut [Self::Value],
    );

    /// Computes one layer with bias of any kind: in groups, with any activation. The arguments are those of
    /// [`layer`](Self::layer).
    fn general(
        patch: &Patch<'_, Self::Value>,
        pixels: usize,
        weights: &LayerWeights<'_>,
        work: &mut [u32],
        out: &mut [Self::Value],
    );
    /// Adds the values of a shortcut to those of its body, in place, with the activation of `weights`.
    fn sum(weights: &LayerWeights<'_>, shortcut: &[Self::Value], body: &mut [Self::Value]);

    /// Sets the sums of a fully connected layer to its biases.
    fn full_begin(weights: &LayerWeights<'_>, sums: &mut [Self::Sum]);
    /// Adds inputs `first..first + values.len()` to the sums of a fully connected layer.
    fn full_add(weights: &LayerWeights<'_>, first: usize, values: &[Self::Value], sums: &mut [Self::Sum]);
    /// Adds all inputs, which are averages: `averages / count`, not rounded to a `Value`.
    fn full_add_averages(weights: &LayerWeights<'_>, averages: &[Self::Sum], count: usize, sums: &mut [Self::Sum]);
    /// Computes the output of a fully connected layer for the next: its sums after a ReLU.
    fn full_output(weights: &LayerWeights<'_>, sums: &[Self::Sum], out: &mut [Self::Value]);
    /// Turns the sums of the line's last fully connected layer into logits, in place.
    fn full_logits(weights: &LayerWeights<'_>, sums: &mut [Self::Sum]);
    /// Rounds averages to values, if the format does so; `weights` is the global average's part of the weights.
    fn round_averages(_weights: &LayerWeights<'_>, _sums: &mut [Self::Sum], _count: usize) {}
    /// Turns averages into logits, in place: `sums / count`; `weights` is the head's part of the weights.
    fn average_logits(weights: &[u8], sums: &mut [Self::Sum], count: usize);
    /// Returns the bytes of a layer's part, with which `weights` begins.
    fn layer_bytes(layer: &Layer, lanes: usize, _weights: &[u8]) -> usize {
        layer.weight_bytes(Self::WEIGHTS, lanes)
    }
    /// Whether this build can compute with weights packed in `lanes` lanes.
    fn runs(lanes: usize) -> bool;
}
