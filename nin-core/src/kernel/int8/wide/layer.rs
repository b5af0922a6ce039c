//! A packed layer, as the kernels for wide vectors read it.

use crate::kernel::operands::LayerWeights;
use crate::packing::ROWS;
use crate::packing::affine::Words;

/// A layer whose weights are packed in blocks of sixteen outputs and four inputs.
#[derive(Clone, Copy)]
pub struct PackedLayer<'m> {
    /// Inputs of an output, rounded up to a multiple of four.
    pub fan_in: usize,
    /// Outputs.
    pub outputs: usize,
    /// What is added to an output, and the range that it is then clamped to.
    pub zero: i32,
    pub range: (i32, i32),
    /// Biases, multipliers and shifts of each group.
    parameters: [&'m [[i32; 16]]; 3],
    /// For each group of sixteen outputs and each four inputs, four weights of each output.
    weights: &'m [[i8; 64]],
}

impl<'m> PackedLayer<'m> {
    pub fn new(weights: &LayerWeights<'m>, words: &Words) -> Self {
        let (outputs, fan_in) = (weights.outputs, weights.fan_in.next_multiple_of(4));
        let (parameters, packed) = weights.bytes.split_at(4 * ROWS * outputs.next_multiple_of(16));
        // `Network::new` has checked the alignment.
        let parameters: &[i32] = bytemuck::cast_slice(parameters);
        let packed: &[i8] = bytemuck::cast_slice(packed);
        let (biases, rest) = parameters.as_chunks().0.split_at(outputs.div_ceil(16));
        let (multipliers, shifts) = rest.split_at(biases.len());
        PackedLayer {
            fan_in,
            outputs,
            zero: words.output_zero.into(),
            range: (words.least.into(), words.most.into()),
            parameters: [biases, multipliers, shifts],
            weights: packed.as_chunks().0,
        }
    }

    /// Returns output `lane` of group `group`: its sum multiplied, rounded, moved by the zero point and
    /// clamped.
    #[inline(always)]
    pub fn output(&self, group: usize, lane: usize, sum: i32) -> u8 {
        let [_, multiplier, shift] = [0, 1, 2].map(|row| self.parameters(row, group)[lane]);
        finish(sum, multiplier, shift, self.zero, self.range)
    }

    /// Returns row 0, 1 or 2 of group `group`: biases, multipliers or shifts.
    #[inline(always)]
    pub fn parameters(&self, row: usize, group: usize) -> &'m [i32; 16] {
        &self.parameters[row][group]
    }

    /// Returns the weights of `groups` groups from `first` on, in blocks of four inputs.
    #[inline(always)]
    pub fn weights(&self, first: usize, groups: usize) -> &'m [[i8; 64]] {
        let fours = self.fan_in / 4;
        &self.weights[first * fours..][..groups * fours]
    }
}

/// Returns a sum times a multiplier in units of 2^−31, rounded, shifted by 1 to 31 bits, rounded with halves away from
/// zero, moved by the zero point, and clamped.
#[inline(always)]
pub fn finish(sum: i32, multiplier: i32, shift: i32, zero: i32, (least, most): (i32, i32)) -> u8 {
    let high = ((i64::from(sum) * i64::from(multiplier) + (1 << 30)) >> 31) as i32;
    // The model was checked. The mask removes the overflow check.
    let shift = shift & 31;
    let half = ((1u32 << shift) >> 1) as i32 + (high >> 31);
    let value = (high.wrapping_add(half) >> shift).wrapping_add(zero);
    value.max(least).min(most) as u8
}
