//! Weights and maps as floats.

use super::graph::{Graph, Name};
use super::write::TensorForm;
use crate::network::parameters::Tensor;

/// The parameters of a network of floats.
pub(super) struct Floats<'a> {
    pub parameters: &'a [f32],
}

impl TensorForm for Floats<'_> {
    fn parameters(&self, graph: &mut Graph, number: usize, tensor: &Tensor, dims: &[usize]) -> [Name; 2] {
        let weights = tensor.torch_order().map(|at| self.parameters[at]);
        let biases = self.parameters[tensor.bias.clone()].iter().copied();
        [
            graph.floats(&format!("weight{number}"), dims, weights),
            graph.floats(&format!("bias{number}"), &dims[..1], biases),
        ]
    }

    fn output(&mut self, _: &mut Graph, _: usize, value: Name) -> Name {
        value
    }
}
