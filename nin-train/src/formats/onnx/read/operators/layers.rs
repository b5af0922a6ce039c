//! Convolutions and fully connected layers.

use super::Reader;
use crate::formats::lowering::{Convolution, Steps};
use crate::formats::onnx::read::axes::Axis;
use crate::formats::onnx::read::constant::{Constant, Numbers};
use crate::formats::onnx::read::error::OnnxError;
use crate::formats::onnx::read::model::Node;
use crate::formats::onnx::read::values::Map;
use crate::formats::onnx::read::windows::window;

impl Reader<'_, '_, '_> {
    pub(super) fn convolution(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let (weights, bias) = (self.input(node, 1)?, self.optional(node, 2)?);
        self.convolved(node, map, &weights, bias.as_ref())
    }

    /// Adds a convolution with these weights.
    pub(super) fn convolved(
        &mut self,
        node: &Node<'_>,
        map: &Map,
        weights: &Constant,
        bias: Option<&Constant>,
    ) -> Result<Map, OnnxError> {
        let [outputs, channels, rows, columns] = weights.dims[..] else {
            let problem =
                format!("is a convolution along {} sides; an image has two", weights.dims.len().saturating_sub(2));
            return Err(node.problem(problem));
        };
        let size = self.size(node, map)?;
        let weights = weights.transposed(&[0, 2, 3, 1]);
        let weights = weights.ok_or_else(|| node.problem("has weights that do not fit its map"))?;
        let weights = Weights::new(node, &weights, bias, outputs)?;
        let groups = usize::try_from(node.int("group", 1)?).unwrap_or(0);
        if channels.saturating_mul(groups) != size[2] {
            return Err(node.problem("has weights that do not fit its map"));
        }
        let window = window(node, size, [rows, columns], map.padding)?;
        let Weights { floats, bias, steps } = weights;
        let convolution = Convolution { window, groups, weights: floats, bias };
        let layer = self.net.convolution(map.layer, convolution, &node.place)?;
        if let Some(steps) = steps {
            self.net.set_steps(layer, steps);
        }
        Ok(self.made(layer))
    }

    pub(super) fn full(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let bias = if node.op == "Gemm" { self.optional(node, 2)? } else { None };
        let weights = self.input(node, 1)?;
        self.connected(node, map, weights, bias)
    }

    /// Adds a fully connected layer with these weights.
    pub(super) fn connected(
        &mut self,
        node: &Node<'_>,
        map: &Map,
        weights: Constant,
        bias: Option<Constant>,
    ) -> Result<Map, OnnxError> {
        let size = self.net.size(map.layer);
        let is_vector = map.axes.0.split_last().is_some_and(|(_, before)| before.iter().all(Vec::is_empty));
        if !is_vector || self.values.map(node.inputs[0]).is_none() {
            return Err(node.problem("reads a tensor that is no vector; flatten the map before it"));
        }
        let is_gemm = matches!(node.op, "Gemm" | "QGemm");
        let weights = match (is_gemm && node.int("transB", 0)? != 0, weights.dims.len()) {
            (true, 2) => Some(weights),
            (false, 2) => weights.transposed(&[1, 0]),
            _ => None,
        };
        let Some(weights) = weights else { return Err(node.problem("has weights that are no matrix")) };
        let &[outputs, fan_in] = &weights.dims[..] else { return Err(node.problem("has weights that are no matrix")) };
        if (is_gemm && node.int("transA", 0)? != 0) || fan_in != size.iter().product::<usize>() || outputs == 0 {
            return Err(node.problem("has weights that do not fit its input"));
        }
        let (alpha, beta) = if is_gemm { (node.float("alpha", 1.0)?, node.float("beta", 1.0)?) } else { (1.0, 1.0) };
        // From the order of the tensor's values to rows, columns, channels.
        let places = map.axes.places(size);
        let Weights { floats, mut bias, mut steps } = Weights::new(node, &weights, bias.as_ref(), outputs)?;
        let mut ordered = vec![0.0; floats.len()];
        for (to, from) in ordered.chunks_exact_mut(fan_in).zip(floats.chunks_exact(fan_in)) {
            places.iter().zip(from).for_each(|(&place, weight)| to[place] = alpha * weight);
        }
        bias.iter_mut().for_each(|bias| *bias *= beta);
        if let Some(steps) = &mut steps {
            if (alpha, beta) != (1.0, 1.0) {
                return Err(node.problem("has integers as weights and other factors than 1"));
            }
            let from = steps.weights.clone();
            for (to, from) in steps.weights.chunks_exact_mut(fan_in).zip(from.chunks_exact(fan_in)) {
                places.iter().zip(from).for_each(|(&place, &weight)| to[place] = weight);
            }
        }
        let layer = self.net.full(map.layer, ordered, bias, map.alone && steps.is_none(), &node.place)?;
        if let Some(steps) = steps {
            self.net.set_steps(layer, steps);
        }
        let mut axes = map.axes.clone();
        if let Some(last) = axes.0.last_mut() {
            *last = if outputs > 1 { vec![Axis::Channels] } else { Vec::new() };
        }
        Ok(Map { axes, ..self.made(layer) })
    }
}

/// The weights of a layer, `[out][fan_in]`, as floats; with the integers that they are, if they are.
struct Weights {
    floats: Vec<f32>,
    bias: Vec<f32>,
    steps: Option<Steps>,
}

impl Weights {
    /// Reads weights whose first dimension is the outputs.
    fn new(node: &Node<'_>, weights: &Constant, bias: Option<&Constant>, outputs: usize) -> Result<Self, OnnxError> {
        let bias: Vec<f64> = match bias.map(|bias| &bias.numbers) {
            None => vec![0.0; outputs],
            Some(Numbers::Float(values)) if values.len() == 1 => vec![values[0].into(); outputs],
            Some(Numbers::Float(values)) => values.iter().map(|&value| value.into()).collect(),
            Some(Numbers::Double(values)) => values.clone(),
            Some(_) => return Err(node.problem("has biases that are not floats, nor 32-bit integers")),
        };
        if outputs == 0 || bias.len() != outputs {
            return Err(node.problem("has biases that do not fit its outputs"));
        }
        let rounded = bias.iter().map(|&bias| bias as f32).collect();
        match &weights.numbers {
            Numbers::Float(floats) => Ok(Self { floats: floats.clone(), bias: rounded, steps: None }),
            Numbers::Steps { values, scales, axis } if *axis == 0 || scales.len() == 1 => {
                let scales = if scales.len() == 1 { vec![scales[0]; outputs] } else { scales.clone() };
                if scales.len() != outputs || !scales.iter().all(|scale| *scale > 0.0 && scale.is_finite()) {
                    return Err(node.problem("has weights whose scales do not fit its outputs"));
                }
                let fan_in = (values.len() / outputs).max(1);
                let floats = values
                    .iter()
                    .enumerate()
                    .map(|(at, &value)| f32::from(value) * scales[(at / fan_in).min(outputs - 1)]);
                Ok(Self {
                    floats: floats.collect(),
                    bias: rounded,
                    steps: Some(Steps { weights: values.clone(), scales, bias }),
                })
            }
            _ => Err(node.problem(
                "has weights that are neither floats nor symmetric 8-bit integers with a scale for each output",
            )),
        }
    }
}
