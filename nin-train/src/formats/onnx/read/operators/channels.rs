//! Operators on each channel or value alone: normalisation, arithmetic with constants, activations, rounding to bytes.

use nin_core::spec::Activation;

use super::Reader;
use crate::formats::lowering::Grid;
use crate::formats::onnx::read::axes::Axis;
use crate::formats::onnx::read::constant::Numbers;
use crate::formats::onnx::read::error::OnnxError;
use crate::formats::onnx::read::model::Node;
use crate::formats::onnx::read::values::{Map, per_channel};

impl Reader<'_, '_, '_> {
    pub(super) fn normalisation(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        if node.int("training_mode", 0)? != 0 {
            return Err(node.problem("is in training mode; call model.eval() before the export"));
        }
        let channels = self.net.size(map.layer)[2];
        let mut parts = Vec::new();
        for number in 1..5 {
            let part = self.input(node, number)?;
            let values = part.floats().filter(|values| values.len() == channels);
            parts.push(values.ok_or_else(|| node.problem("has factors that are not one float for each channel; fold it before a quantisation, as quant_pre_process of onnxruntime does"))?.to_vec());
        }
        let is_channels = map.axes.0.get(1).is_some_and(|sides| sides[..] == [Axis::Channels] || channels == 1);
        if !is_channels {
            return Err(node.problem("normalises another side than the channels"));
        }
        let epsilon = f64::from(node.float("epsilon", 1e-5)?);
        let each = |part: usize| parts[part].iter().map(|&value| f64::from(value));
        let numbers = each(0).zip(each(1)).zip(each(2).zip(each(3)));
        let folded = numbers.map(|((gain, offset), (mean, variance))| {
            let own = gain / (variance + epsilon).sqrt();
            (own as f32, (offset - mean * own) as f32)
        });
        let (factor, shift): (Vec<f32>, Vec<f32>) = folded.unzip();
        let layer = self.net.scale(map.layer, &factor, &shift, map.alone, &node.place);
        Ok(Map { layer, alone: true, ..map.clone() })
    }

    /// Adds an operator of a map and of a constant that is one number for each channel.
    pub(super) fn arithmetic(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let map_is_first = node.input(0).is_some_and(|name| self.values.map(name).is_some());
        let constant = self.input(node, usize::from(map_is_first))?;
        let size = self.net.size(map.layer);
        let Some(values) = per_channel(&constant, &map.axes, size) else {
            return Err(node.problem("combines a map with a constant that is not one number for each channel"));
        };
        let ones = vec![1.0; size[2]];
        let negative = |values: &[f32]| values.iter().map(|value| -value).collect::<Vec<f32>>();
        let (factor, shift) = match (node.op, map_is_first) {
            ("Mul", _) => (values, vec![0.0; size[2]]),
            ("Div", true) => (values.iter().map(|value| 1.0 / value).collect(), vec![0.0; size[2]]),
            ("Add", _) => (ones, values),
            ("Sub", true) => (ones, negative(&values)),
            ("Sub", false) => (negative(&ones), values),
            _ => return Err(node.problem("divides by a map")),
        };
        let layer = self.net.scale(map.layer, &factor, &shift, map.alone, &node.place);
        Ok(Map { layer, alone: true, ..map.clone() })
    }

    pub(super) fn activation(&mut self, node: &Node<'_>, map: &Map, activation: Activation) -> Map {
        let layer = self.net.activate(map.layer, activation, map.alone, &node.place);
        Map { layer, alone: true, ..map.clone() }
    }

    pub(super) fn clip(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let least = self.optional(node, 1)?.map_or(Some(f32::MIN), |least| least.single());
        let most = self.optional(node, 2)?.map_or(Some(f32::MAX), |most| most.single());
        match (least, most) {
            (Some(0.0), Some(6.0)) => Ok(self.activation(node, map, Activation::Relu6)),
            (Some(0.0), Some(most)) if most >= f32::MAX => Ok(self.activation(node, map, Activation::Relu)),
            _ => Err(node.problem("clips to another range than 0 to 6; lines have ReLU and ReLU6")),
        }
    }

    /// Adds a maximum with 0, or a minimum with 6 of what is positive.
    pub(super) fn bound(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let map_is_first = node.input(0).is_some_and(|name| self.values.map(name).is_some());
        let bound = self.input(node, usize::from(map_is_first))?.single();
        match (node.op, bound) {
            ("Max", Some(0.0)) => Ok(self.activation(node, map, Activation::Relu)),
            ("Min", Some(6.0)) if self.net.is_positive(map.layer) => Ok(self.activation(node, map, Activation::Relu6)),
            _ => Err(node.problem("bounds a map by another number than 0 and 6; lines have ReLU and ReLU6")),
        }
    }

    /// Reads the rounding of a map to bytes, or the return from bytes to numbers.
    pub(super) fn quantise(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let grid = self.grid(node, 1)?;
        let name = node.input(0).unwrap_or_default();
        let others = self.model.nodes.iter().filter(|other| other.inputs.contains(&name) && other.op != node.op);
        if node.op == "QuantizeLinear" && (others.count() > 0 || self.model.output == name) {
            return Err(node.problem("rounds a map that other operators read without rounding"));
        }
        if map.layer == 0 && !self.net.is_plain_image() {
            return Err(
                node.problem("rounds an image that is scaled before; a network of integers reads bytes as they are")
            );
        }
        self.net.quantise(map.layer, grid, &node.place)?;
        Ok(map.clone())
    }

    /// Returns the scale of a map, input `number`, and its zero point, the input after it.
    pub(super) fn grid(&mut self, node: &Node<'_>, number: usize) -> Result<Grid, OnnxError> {
        let scale = self.input(node, number)?.single().filter(|scale| *scale > 0.0 && scale.is_finite());
        let zero = match self.optional(node, number + 1)?.map(|zero| zero.numbers) {
            None => Some(0),
            Some(Numbers::Uint8(values)) if values.len() == 1 => Some(values[0]),
            // Bytes here are unsigned.
            Some(Numbers::Int8(values)) if values.len() == 1 => Some(values[0] as u8 ^ 0x80),
            Some(_) => None,
        };
        let (Some(scale), Some(zero)) = (scale, zero) else {
            return Err(node.problem("has more than one scale or zero point for a map, or none of 8 bits"));
        };
        Ok(Grid { scale, zero })
    }
}
