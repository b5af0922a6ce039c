//! A packed layer, as the kernels for wide vectors read it.

use crate::kernel::operands::LayerWeights;
use crate::packing::ROWS;

/// A layer whose weights are packed in blocks of sixteen outputs and four inputs.
#[derive(Clone, Copy)]
pub struct PackedLayer<'m> {
    /// Inputs of an output, rounded up to a multiple of four.
    pub fan_in: usize,
    /// Outputs.
    pub outputs: usize,
    /// Biases, multipliers and shifts of each group.
    parameters: [&'m [[i32; 16]]; 3],
    /// For each group of sixteen outputs and each four inputs, four weights of each output.
    weights: &'m [[i8; 64]],
}

impl<'m> PackedLayer<'m> {
    pub fn new(weights: &LayerWeights<'m>) -> Self {
        let (outputs, fan_in) = (weights.outputs, weights.fan_in.next_multiple_of(4));
        let (parameters, packed) = weights.bytes.split_at(4 * ROWS * outputs.next_multiple_of(16));
        // `Network::new` has checked the alignment.
        let parameters: &[i32] = bytemuck::cast_slice(parameters);
        let packed: &[i8] = bytemuck::cast_slice(packed);
        let (biases, rest) = parameters.as_chunks().0.split_at(outputs.div_ceil(16));
        let (multipliers, shifts) = rest.split_at(biases.len());
        PackedLayer { fan_in, outputs, parameters: [biases, multipliers, shifts], weights: packed.as_chunks().0 }
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
