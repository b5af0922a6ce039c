//! Computes layers with 4-bit weights: widens a few outputs at a time to the 8-bit packing and runs the 8-bit kernel.
//!
//! A 4-bit weight is the upper half of a byte. One mask turns it into an 8-bit weight, a multiple of 16, without sign
//! extension. `docs/int8.md` in the repository defines the packings.

use super::nibbles::{UPPER, widen_words};
use super::read::{self, OutputParameters};
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::{Packing, Part, ROWS, STREAM_BIASES, STREAM_FACTORS, WeightType};
use crate::plan::TILE;
use crate::plan::work::widened_words;

/// A layer's weights without the word that states their bits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bits<'m> {
    /// Packed as in a model of 8-bit weights.
    Eight(LayerWeights<'m>),
    /// Two weights to a byte.
    Four(LayerWeights<'m>),
}

/// Returns the first word of a layer's weights: their bits.
pub(crate) fn bits(weights: &[u8]) -> u32 {
    weights.first_chunk().map_or(0, |&bytes| u32::from_le_bytes(bytes))
}

impl<'m> Bits<'m> {
    /// Reads the bits of a layer's weights.
    pub(crate) fn of(weights: &LayerWeights<'m>) -> Self {
        let (word, bytes) = weights.bytes.split_at(4);
        let inner = LayerWeights { bytes, ..*weights };
        // The model was checked: a layer has 4 bits or 8.
        if bits(word) == 4 { Bits::Four(inner) } else { Bits::Eight(inner) }
    }

    /// Returns the bias, multiplier and shift of output `index`.
    pub(crate) fn output(&self, index: usize) -> OutputParameters {
        match self {
            Bits::Four(weights) => OutputParameters::packed(weights.bytes, four_bit(weights), index),
            Bits::Eight(weights) => OutputParameters::of::<0>(weights, index),
        }
    }

    /// Sets the sums of a fully connected layer to its biases.
    pub(crate) fn begin(&self, sums: &mut [i32]) {
        for (output, sum) in sums.iter_mut().enumerate() {
            *sum = self.output(output).bias;
        }
    }

    /// Adds inputs from `first` on to the sums of a fully connected layer.
    pub(crate) fn add(&self, first: usize, inputs: impl Iterator<Item = i32> + Clone, sums: &mut [i32]) {
        for (output, sum) in sums.iter_mut().enumerate() {
            for (input, value) in (first..).zip(inputs.clone()) {
                *sum = sum.wrapping_add(value.wrapping_mul(self.weight(output, input).into()));
            }
        }
    }

    /// Returns the weight of `input` for `output` as an 8-bit integer.
    pub(crate) fn weight(&self, output: usize, input: usize) -> i8 {
        let weights = match self {
            Bits::Eight(weights) => return read::weight::<0>(weights, output, input),
            Bits::Four(weights) => weights,
        };
        let place = four_bit(weights).weight(output, input);
        let byte = weights.bytes[place.byte];
        (if matches!(place.part, Part::Lower) { byte << 4 } else { byte & 0xF0 }) as i8
    }
}

/// Returns the packing of a layer with 4-bit weights.
const fn four_bit(weights: &LayerWeights<'_>) -> Packing {
    Packing::new(WeightType::Int4, weights.lanes, weights.outputs, weights.fan_in)
}

/// Computes one layer with 4-bit weights for a tile of at most [`TILE`] pixels into `out` (pixels × outputs).
pub(crate) fn layer(
    patch: &Patch<'_, u8>,
    pixels: usize,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    #[cfg(nin_dsp)]
    if weights.lanes == 2 {
        return super::dsp::layer::<super::dsp::four_bit::Four>(patch, pixels, 0, weights, work, out);
    }
    by_outputs(pixels, weights, work, out, |weights, work, out| {
        super::layer::<0>(patch, pixels, weights, work, out);
    });
}

/// Computes a layer for a tile of pixels a few outputs at a time. `compute(weights, work, out)` computes these outputs from
/// 8-bit weights.
pub(super) fn by_outputs(
    pixels: usize,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
    mut compute: impl FnMut(&LayerWeights<'_>, &mut [u32], &mut [u8]),
) {
    let LayerWeights { outputs, fan_in, lanes, .. } = *weights;
    let (wide, work) = work.split_at_mut(widened_words(fan_in, lanes));
    let together = lanes.max(2);
    // A tile of five pixels, which only layers with zero points have, at most.
    let mut values = [0; (TILE + 1) * 16];
    for first in (0..outputs).step_by(together) {
        let count = together.min(outputs - first);
        let values = &mut values[..pixels * count];
        let bytes = widen(weights, first, count, wide);
        compute(&LayerWeights { bytes, outputs: count, ..*weights }, work, values);
        for (out, values) in out.chunks_exact_mut(outputs).zip(values.chunks_exact(count)) {
            out[first..first + count].copy_from_slice(values);
        }
    }
}

/// Widens `count` outputs from `first` on, and returns them as an 8-bit layer.
fn widen<'w>(weights: &LayerWeights<'_>, first: usize, count: usize, wide: &'w mut [u32]) -> &'w [u8] {
    let LayerWeights { bytes, fan_in, outputs, lanes, .. } = *weights;
    let words: &[u32] = bytemuck::cast_slice(bytes);
    if lanes == 2 {
        let stream = four_bit(weights).stream_words();
        let wide = &mut wide[..Packing::new(WeightType::Int8, 2, 2, fan_in).stream_words()];
        widen_stream(&words[first / 2 * stream..][..stream], wide);
        return bytemuck::cast_slice(wide);
    }
    let all = outputs.next_multiple_of(lanes);
    let padded = count.next_multiple_of(lanes);
    let (parameters, wide_weights) = wide.split_at_mut(ROWS * padded);
    for (row, parameters) in parameters.chunks_exact_mut(padded).enumerate() {
        parameters.copy_from_slice(&words[row * all + first..][..padded]);
    }
    if lanes == 16 {
        let eights = fan_in.div_ceil(8) * 16;
        let group = &words[ROWS * all + first / 16 * eights..][..eights];
        for (eight, wide) in group.chunks_exact(16).zip(wide_weights.chunks_mut(32)) {
            // The upper halves hold four inputs; the lower halves hold the next four, or padding at the end.
            let (upper, lower) = wide.split_at_mut(16);
            upper.iter_mut().zip(eight).for_each(|(wide, word)| *wide = word & UPPER);
            lower.iter_mut().zip(eight).for_each(|(wide, word)| *wide = word << 4 & UPPER);
        }
    } else {
        let rows = bytes[4 * ROWS * all + first * fan_in.div_ceil(2)..].chunks_exact(fan_in.div_ceil(2));
        let wide: &mut [u8] = bytemuck::cast_slice_mut(wide_weights);
        for (row, wide) in rows.zip(wide.chunks_exact_mut(fan_in)).take(count) {
            for (two, wide) in row.iter().zip(wide.chunks_mut(2)) {
                wide[0] = two & 0xF0;
                if let Some(second) = wide.get_mut(1) {
                    *second = two << 4;
                }
            }
        }
    }
    bytemuck::cast_slice(&wide[..])
}

/// Widens the whole stream of two outputs.
fn widen_stream(stream: &[u32], wide: &mut [u32]) {
    let (biases, rest) = stream.split_at(STREAM_BIASES);
    let (weights, factors) = rest.split_at(rest.len() - STREAM_FACTORS);
    let (wide_biases, wide) = wide.split_at_mut(STREAM_BIASES);
    let (wide, wide_factors) = wide.split_at_mut(wide.len() - STREAM_FACTORS);
    wide_biases.copy_from_slice(biases);
    widen_words(weights, wide);
    wide_factors.copy_from_slice(factors);
}
