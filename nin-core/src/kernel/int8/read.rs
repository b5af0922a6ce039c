//! One output's parameters and one weight of an 8-bit layer, read from any packing; and what becomes of a sum.

use crate::kernel::operands::LayerWeights;
use crate::packing::{Packing, WeightType};

/// How weights are packed, which the compiler knows if `LANES` are not 0: it leaves out what is for others.
#[inline(always)]
pub(super) fn packed<const LANES: usize>(weights: &LayerWeights<'_>) -> usize {
    if LANES == 0 { weights.lanes } else { LANES }
}

/// What one output has beside its weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutputParameters {
    pub bias: i32,
    pub multiplier: i32,
    pub shift: u32,
}

impl OutputParameters {
    /// Reads what output `index` of a layer has, packed as the compiler knows, or by 0 as `weights` say.
    pub fn of<const LANES: usize>(weights: &LayerWeights<'_>, index: usize) -> OutputParameters {
        let LayerWeights { bytes, outputs, fan_in, .. } = *weights;
        match packed::<LANES>(weights) {
            // By itself: of streams alone the compiler knows all.
            2 => OutputParameters::packed(bytes, Packing::new(WeightType::Int8, 2, outputs, fan_in), index),
            lanes => OutputParameters::packed(bytes, Packing::new(WeightType::Int8, lanes, outputs, fan_in), index),
        }
    }

    /// Reads what output `index` of a layer has, in any packing of integers.
    #[inline(always)]
    pub fn packed(bytes: &[u8], packing: Packing, index: usize) -> OutputParameters {
        let words: &[i32] = bytemuck::cast_slice(bytes);
        OutputParameters {
            bias: words[packing.bias(index) / 4] / packing.bias_factor(),
            multiplier: words[packing.multiplier(index) / 4],
            shift: words[packing.shift(index) / 4] as u32,
        }
    }

    /// A sum as a logit, in the bits of an f32: what stands for the multiplier is its scale.
    pub fn logit(&self, sum: i32) -> i32 {
        (sum as f32 * f32::from_bits(self.multiplier as u32)).to_bits() as i32
    }

    /// A sum as an activation: multiply, round, shift, round, clamp.
    #[inline(always)]
    pub fn requantise(&self, sum: i32) -> u8 {
        let high = ((i64::from(sum) * i64::from(self.multiplier) + (1 << 30)) >> 31) as i32;
        // A file may say anything; a shift outside of 1…31 is not worth a branch of its own.
        let shift = self.shift & 31;
        let rounded = high.wrapping_add((1 << shift) >> 1) >> shift;
        rounded.clamp(0, 255) as u8
    }
}

/// The weight of `input` for `output`, packed as [`OutputParameters::of`] says.
pub(crate) fn weight<const LANES: usize>(weights: &LayerWeights<'_>, output: usize, input: usize) -> i8 {
    let LayerWeights { bytes, fan_in, outputs, .. } = *weights;
    let packing = Packing::new(WeightType::Int8, packed::<LANES>(weights), outputs, fan_in);
    bytes[packing.weight(output, input).byte] as i8
}
