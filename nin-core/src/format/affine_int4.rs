//! 8-bit activations with zero points, and layers whose weights are stored in 4 bits.

use super::affine::{Affine, split};
use super::arithmetic::{Arithmetic, Format};
use super::int8::{Int8, activations_of_int8};
use crate::kernel::int8::affine;
use crate::kernel::int8::four_bit::Bits;
use crate::kernel::int8::read::finish;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::WeightType;
use crate::packing::affine::Words;
use crate::plan::Layer;

/// [`Affine`] with the weights of some or all layers without groups stored in 4 bits: each is a multiple of 16 from −112
/// to 112, the upper half of a byte. With every packing the results are those of [`Affine`] with these weights.
#[derive(Clone, Copy, Debug)]
pub enum AffineInt4 {}

impl Format for AffineInt4 {}

/// Splits the words of a layer from its weights.
fn parts<'m>(weights: &LayerWeights<'m>) -> (Words, Bits<'m>) {
    let (words, weights) = split(weights);
    (words, if words.four_bits { Bits::Four(weights) } else { Bits::Eight(weights) })
}

impl Arithmetic for AffineInt4 {
    const WEIGHTS: WeightType = WeightType::AffineInt4;
    activations_of_int8!();

    fn layer(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, work: &mut [u32], out: &mut [u8]) {
        match parts(weights) {
            (words, Bits::Eight(weights)) => affine::eight_bit_layer(patch, pixels, &words, &weights, work, out),
            (words, Bits::Four(weights)) => affine::four_bit_layer(patch, pixels, &words, &weights, work, out),
        }
    }

    fn general(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, work: &mut [u32], out: &mut [u8]) {
        Self::layer(patch, pixels, weights, work, out);
    }

    fn sum(weights: &LayerWeights<'_>, shortcut: &[u8], body: &mut [u8]) {
        Affine::sum(weights, shortcut, body);
    }

    fn full_begin(weights: &LayerWeights<'_>, sums: &mut [i32]) {
        parts(weights).1.begin(sums);
    }

    fn full_add(weights: &LayerWeights<'_>, first: usize, values: &[u8], sums: &mut [i32]) {
        match parts(weights).1 {
            Bits::Eight(weights) if weights.lanes == 1 => affine::full_add(&weights, first, values, sums),
            weights => weights.add(first, values.iter().map(|&value| value.into()), sums),
        }
    }

    fn full_add_averages(weights: &LayerWeights<'_>, averages: &[i32], _: usize, sums: &mut [i32]) {
        // `round_averages` has rounded the averages to bytes.
        parts(weights).1.add(0, averages.iter().copied(), sums);
    }

    fn full_output(weights: &LayerWeights<'_>, sums: &[i32], out: &mut [u8]) {
        let (words, weights) = parts(weights);
        for (output, (out, &sum)) in out.iter_mut().zip(sums).enumerate() {
            *out = finish(&words, weights.output(output).factor(), sum);
        }
    }

    fn full_logits(weights: &LayerWeights<'_>, sums: &mut [i32]) {
        let (words, weights) = parts(weights);
        for (output, sum) in sums.iter_mut().enumerate() {
            *sum = words.logit(finish(&words, weights.output(output).factor(), *sum));
        }
    }

    fn round_averages(weights: &LayerWeights<'_>, sums: &mut [i32], count: usize) {
        Affine::round_averages(weights, sums, count);
    }

    fn average_logits(weights: &[u8], sums: &mut [i32], count: usize) {
        Affine::average_logits(weights, sums, count);
    }

    fn layer_bytes(layer: &Layer, lanes: usize, weights: &[u8]) -> usize {
        Affine::layer_bytes(layer, lanes, weights)
    }
}
