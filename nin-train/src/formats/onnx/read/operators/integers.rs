//! Operators of integers, the form that onnxruntime calls QOperator. Each is an operator of floats between the
//! conversions of its tensors, and states their scales and zero points itself.

use super::Reader;
use crate::formats::lowering::Grid;
use crate::formats::onnx::read::constant::{Constant, Numbers};
use crate::formats::onnx::read::error::OnnxError;
use crate::formats::onnx::read::model::Node;
use crate::formats::onnx::read::values::Map;

/// The operators of integers of one map. An input is followed by its scale and its zero point.
pub(super) fn is_integer(op: &str) -> bool {
    matches!(op, "QLinearConv" | "QLinearMatMul" | "QGemm" | "QLinearAveragePool" | "QLinearGlobalAveragePool")
}

impl Reader<'_, '_, '_> {
    /// Adds an operator of integers that reads one map.
    pub(super) fn integers(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let input = self.rounded(node, map, 1)?;
        let (layer, output) = match node.op {
            "QLinearConv" => {
                let (weights, bias) = self.steps(node, input, 0, Some(8))?;
                (self.convolved(node, map, &weights, bias.as_ref())?, 6)
            }
            "QGemm" => {
                let transposed = node.int("transB", 0)? != 0;
                let (weights, bias) = self.steps(node, input, if transposed { 0 } else { 1 }, Some(6))?;
                (self.connected(node, map, weights, bias)?, 7)
            }
            "QLinearMatMul" => {
                let (weights, _) = self.steps(node, input, 1, None)?;
                (self.connected(node, map, weights, None)?, 6)
            }
            _ if node.int("channels_last", 0)? != 0 => {
                return Err(node.problem("reads a map whose channels are last"));
            }
            "QLinearAveragePool" => (self.pool(node, map)?, 3),
            _ => (self.average(node, map)?, 3),
        };
        self.rounded(node, &layer, output)?;
        Ok(layer)
    }

    /// Adds the sum of two maps of integers.
    pub(super) fn integer_sum(&mut self, node: &Node<'_>, one: &Map, other: &Map) -> Result<Map, OnnxError> {
        self.rounded(node, one, 1)?;
        self.rounded(node, other, 4)?;
        let sum = self.sum(node, one, other)?;
        self.rounded(node, &sum, 6)?;
        Ok(sum)
    }

    /// States that a map is rounded with the scale that is input `number` and the zero point after it.
    fn rounded(&mut self, node: &Node<'_>, map: &Map, number: usize) -> Result<Grid, OnnxError> {
        let grid = self.grid(node, number)?;
        self.net.quantise(map.layer, grid, &node.place)?;
        Ok(grid)
    }

    /// Returns the weights, inputs 3 to 5, with a scale for each part of dimension `axis` or one for all, and the bias,
    /// input `bias`: integers in units of the sums.
    fn steps(
        &mut self,
        node: &Node<'_>,
        input: Grid,
        axis: i64,
        bias: Option<usize>,
    ) -> Result<(Constant, Option<Constant>), OnnxError> {
        let (weights, scale, zero) = (self.input(node, 3)?, self.input(node, 4)?, self.optional(node, 5)?);
        let weights = weights.dequantised(&scale, zero.as_ref(), axis);
        let weights = weights.ok_or_else(|| node.problem("has weights that are not symmetric 8-bit integers"))?;
        let bias = bias.map(|number| self.optional(node, number)).transpose()?.flatten();
        let Some(bias) = bias else { return Ok((weights, None)) };
        let (Some(steps), Some(scales)) = (bias.ints(), scale.floats().filter(|scales| !scales.is_empty())) else {
            return Err(node.problem("has biases that are not 32-bit integers"));
        };
        let unit = |output: usize| f64::from(input.scale) * f64::from(scales[output.min(scales.len() - 1)]);
        let values = steps.iter().enumerate().map(|(output, &steps)| steps as f64 * unit(output));
        let bias = Constant { dims: bias.dims.clone(), numbers: Numbers::Double(values.collect()) };
        Ok((weights, Some(bias)))
    }
}
