//! 8-bit arithmetic with layers whose weights are stored in 4 bits.

use super::arithmetic::{Arithmetic, Format};
use super::int8::{Int8, activations_of_int8};
use crate::kernel::int8;
use crate::kernel::int8::four_bit::{self, Bits};
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::WeightType;
use crate::plan::Layer;

/// [`Int8`] with the weights of some or all layers stored in 4 bits: each is a multiple of 16 from −112 to 112, the
/// upper half of a byte. With every packing the results are those of [`Int8`] with these weights.
#[derive(Clone, Copy, Debug)]
pub enum Int4 {}

impl Format for Int4 {}

impl Arithmetic for Int4 {
    const WEIGHTS: WeightType = WeightType::Int4;
    activations_of_int8!();

    fn layer(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, work: &mut [u32], out: &mut [u8]) {
        match Bits::of(weights) {
            Bits::Eight(weights) => int8::layer::<0>(patch, pixels, &weights, work, out),
            Bits::Four(weights) => four_bit::layer(patch, pixels, &weights, work, out),
        }
    }

    // A model of this type has no such layers.
    fn general(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, work: &mut [u32], out: &mut [u8]) {
        Self::layer(patch, pixels, weights, work, out);
    }

    fn sum(_: &LayerWeights<'_>, _: &[u8], _: &mut [u8]) {}

    fn full_begin(weights: &LayerWeights<'_>, sums: &mut [i32]) {
        Bits::of(weights).begin(sums);
    }

    fn full_add(weights: &LayerWeights<'_>, first: usize, values: &[u8], sums: &mut [i32]) {
        Bits::of(weights).add(first, values.iter().map(|&value| value.into()), sums);
    }

    fn full_add_averages(weights: &LayerWeights<'_>, averages: &[i32], _: usize, sums: &mut [i32]) {
        // The layer's scale includes the division by the count.
        Bits::of(weights).add(0, averages.iter().copied(), sums);
    }

    fn full_output(weights: &LayerWeights<'_>, sums: &[i32], out: &mut [u8]) {
        let weights = Bits::of(weights);
        for (output, (out, &sum)) in out.iter_mut().zip(sums).enumerate() {
            *out = weights.output(output).requantise(sum);
        }
    }

    fn full_logits(weights: &LayerWeights<'_>, sums: &mut [i32]) {
        let weights = Bits::of(weights);
        for (output, sum) in sums.iter_mut().enumerate() {
            *sum = weights.output(output).logit(*sum);
        }
    }

    fn average_logits(weights: &[u8], sums: &mut [i32], count: usize) {
        <Int8>::average_logits(weights, sums, count);
    }

    fn layer_bytes(layer: &Layer, lanes: usize, weights: &[u8]) -> usize {
        if layer.has_weights() { layer.mixed_bytes(four_bit::bits(weights), lanes).unwrap_or(0) } else { 0 }
    }
}
