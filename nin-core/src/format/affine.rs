//! 8-bit activations with zero points, and 8-bit weights.

use super::arithmetic::{Arithmetic, Format};
use super::int8::{Int8, activations_of_int8};
use crate::kernel::int8::affine;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::WeightType;
use crate::packing::affine::{Factor, HEADER, Words};
use crate::plan::Layer;

/// 8-bit integer weights and activations with a zero point for each map, exactly as TensorFlow Lite's reference kernels
/// compute them: depthwise convolutions, shortcuts, layers without a ReLU. `nin-train import` writes such models.
/// Activations are unsigned: TensorFlow Lite's plus 128. Rows of an image are its bytes.
#[derive(Clone, Copy, Debug)]
pub enum Affine {}

impl Format for Affine {}

/// Splits the words of a layer from its weights.
pub(super) fn split<'m>(weights: &LayerWeights<'m>) -> (Words, LayerWeights<'m>) {
    let (words, bytes) = weights.bytes.split_at(HEADER);
    let words = Words::read(words);
    (words, LayerWeights { bytes, lanes: words.lanes.into(), ..*weights })
}

impl Arithmetic for Affine {
    const WEIGHTS: WeightType = WeightType::Affine;
    activations_of_int8!();

    fn layer(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, work: &mut [u32], out: &mut [u8]) {
        let (words, weights) = split(weights);
        affine::layer(patch, pixels, &words, &weights, work, out);
    }

    fn general(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, work: &mut [u32], out: &mut [u8]) {
        Self::layer(patch, pixels, weights, work, out);
    }

    fn sum(weights: &LayerWeights<'_>, shortcut: &[u8], body: &mut [u8]) {
        affine::sum(weights.bytes, shortcut, body);
    }

    fn full_begin(weights: &LayerWeights<'_>, sums: &mut [i32]) {
        <Int8>::full_begin(&split(weights).1, sums);
    }

    fn full_add(weights: &LayerWeights<'_>, first: usize, values: &[u8], sums: &mut [i32]) {
        let weights = split(weights).1;
        match weights.lanes {
            1 => affine::full_add(&weights, first, values, sums),
            _ => <Int8>::full_add(&weights, first, values, sums),
        }
    }

    fn full_add_averages(weights: &LayerWeights<'_>, averages: &[i32], count: usize, sums: &mut [i32]) {
        // `round_averages` has rounded the averages to bytes.
        <Int8>::full_add_averages(&split(weights).1, averages, count, sums);
    }

    fn full_output(weights: &LayerWeights<'_>, sums: &[i32], out: &mut [u8]) {
        let (words, weights) = split(weights);
        for (output, (out, &sum)) in out.iter_mut().zip(sums).enumerate() {
            *out = affine::output(&words, &weights, output, sum);
        }
    }

    fn full_logits(weights: &LayerWeights<'_>, sums: &mut [i32]) {
        let (words, weights) = split(weights);
        for (output, sum) in sums.iter_mut().enumerate() {
            *sum = words.logit(affine::output(&words, &weights, output, *sum));
        }
    }

    fn round_averages(weights: &LayerWeights<'_>, sums: &mut [i32], count: usize) {
        let (words, factor) = (Words::read(weights.bytes), Factor::read(weights.bytes, HEADER));
        for sum in sums {
            *sum = affine::average(&words, factor, *sum, count).into();
        }
    }

    fn average_logits(weights: &[u8], sums: &mut [i32], _: usize) {
        let words = Words::read(weights);
        for sum in sums {
            *sum = words.logit(*sum as u8);
        }
    }

    fn layer_bytes(layer: &Layer, lanes: usize, weights: &[u8]) -> usize {
        layer.affine_bytes(lanes, weights).unwrap_or(0)
    }
}
