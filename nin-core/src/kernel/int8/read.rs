//! Reads one output's parameters or one weight of an 8-bit layer from any packing, and requantises sums.

use crate::kernel::operands::LayerWeights;
use crate::packing::affine::{Factor, Words};
use crate::packing::{Packing, WeightType};

/// Returns the lanes of the packing: `LANES`, or those of `weights` if `LANES` is 0. With a constant, the compiler
/// removes the code for other packings.
#[inline(always)]
pub(super) fn packed<const LANES: usize>(weights: &LayerWeights<'_>) -> usize {
    if LANES == 0 { weights.lanes } else { LANES }
}

/// One output's bias and requantisation parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutputParameters {
    pub bias: i32,
    pub multiplier: i32,
    pub shift: u32,
}

impl OutputParameters {
    /// Reads the parameters of output `index`, packed by `LANES` or, if that is 0, by the lanes of `weights`.
    pub fn of<const LANES: usize>(weights: &LayerWeights<'_>, index: usize) -> OutputParameters {
        let LayerWeights { bytes, outputs, fan_in, .. } = *weights;
        match packed::<LANES>(weights) {
            // A separate arm, so that the compiler can specialise it for streams.
            2 => OutputParameters::packed(bytes, Packing::new(WeightType::Int8, 2, outputs, fan_in), index),
            lanes => OutputParameters::packed(bytes, Packing::new(WeightType::Int8, lanes, outputs, fan_in), index),
        }
    }

    /// Reads the parameters of output `index` from any packing of integers.
    #[inline(always)]
    pub fn packed(bytes: &[u8], packing: Packing, index: usize) -> OutputParameters {
        let words: &[i32] = bytemuck::cast_slice(bytes);
        OutputParameters {
            bias: words[packing.bias(index) / 4] / packing.bias_factor(),
            multiplier: words[packing.multiplier(index) / 4],
            shift: words[packing.shift(index) / 4] as u32,
        }
    }

    /// Returns multiplier and shift of a layer with zero points.
    #[inline(always)]
    pub fn factor(&self) -> Factor {
        Factor { multiplier: self.multiplier, shift: self.shift as i32 }
    }

    /// Converts a sum of the last layer to a logit, as the bits of an f32. Its scale stands in place of the multiplier.
    pub fn logit(&self, sum: i32) -> i32 {
        (sum as f32 * f32::from_bits(self.multiplier as u32)).to_bits() as i32
    }

    /// Converts a sum to an activation: multiply, round, shift, round, clamp.
    #[inline(always)]
    pub fn requantise(&self, sum: i32) -> u8 {
        let high = ((i64::from(sum) * i64::from(self.multiplier) + (1 << 30)) >> 31) as i32;
        // The model was checked: shifts are 1 to 31. The mask removes the overflow check.
        let shift = self.shift & 31;
        let rounded = high.wrapping_add((1 << shift) >> 1) >> shift;
        rounded.clamp(0, 255) as u8
    }
}

/// Returns the weight of `input` for `output`, packed as in [`OutputParameters::of`].
pub(crate) fn weight<const LANES: usize>(weights: &LayerWeights<'_>, output: usize, input: usize) -> i8 {
    let LayerWeights { bytes, fan_in, outputs, .. } = *weights;
    let packing = Packing::new(WeightType::Int8, packed::<LANES>(weights), outputs, fan_in);
    bytes[packing.weight(output, input).byte] as i8
}

/// Adds the output's zero point and keeps to its range.
#[inline(always)]
pub(super) fn clamp(words: &Words, value: i32) -> u8 {
    let value = value.wrapping_add(words.output_zero.into());
    value.max(words.least.into()).min(words.most.into()) as u8
}

/// Returns an output as a byte: its sum times its factor, rounded, moved by the zero point and clamped.
#[inline(always)]
pub(crate) fn finish(words: &Words, factor: Factor, sum: i32) -> u8 {
    clamp(words, if words.once { factor.apply_once(sum) } else { factor.apply(sum) })
}
