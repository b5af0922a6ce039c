//! What each operator of a model becomes.
//!
//! [`Reader`] reads one operator after the other. `constants` computes what depends on no image; `layers`, `channels`,
//! `pools` and `shape` make layers, `integers` those of operators of integers; `reasons` explains why an operator makes none.

mod channels;
mod constants;
mod integers;
mod layers;
mod pools;
mod reasons;
mod shape;

use nin_core::spec::Activation;

use self::integers::is_integer;
use self::reasons::reason;
use super::Beside;
use super::axes::{Axes, Axis};
use super::constant::Constant;
use super::error::OnnxError;
use super::model::{Input, Model, Node};
use super::values::{Map, Value, Values};
use crate::formats::lowering::{Id, Net, Problem, Size};

/// Makes layers of the operators of a model, one after the other.
pub struct Reader<'m, 'a, 'b> {
    model: &'m Model<'a>,
    values: Values<'m, 'a, 'b>,
    net: Net,
}

impl<'m, 'a, 'b> Reader<'m, 'a, 'b> {
    /// Begins with the image of a model of `bytes` bytes.
    pub fn new(model: &'m Model<'a>, bytes: usize, beside: Beside<'b>) -> Result<Self, OnnxError> {
        let (size, axes) = image(model)?;
        let mut values = Values::new(model, bytes, beside);
        let map = Map { layer: 0, axes, padding: [0; 4], alone: true, answered: false };
        values.insert(model.input.name, Value::Map(map));
        let mut net = Net::new(size)?;
        net.is_own = model.is_own;
        Ok(Self { model, values, net })
    }

    /// Returns the operators that lead to the answer, in their order.
    pub fn needed(&self) -> Vec<usize> {
        let mut names = std::collections::HashSet::from([self.model.output]);
        let mut needed = Vec::new();
        for (index, node) in self.model.nodes.iter().enumerate().rev() {
            if node.outputs.iter().any(|output| names.contains(output)) {
                names.extend(&node.inputs);
                needed.push(index);
            }
        }
        needed.reverse();
        needed
    }

    /// Returns the layers and the one whose output is the answer.
    pub fn answer(self) -> Result<(Net, Id), OnnxError> {
        match self.values.map(self.model.output) {
            Some(map) if map.padding == [0; 4] => Ok((self.net, map.layer)),
            _ => Err(Problem::whole("has an answer that does not depend on its image").into()),
        }
    }

    /// Reads one operator.
    pub fn operator(&mut self, node: &Node<'a>) -> Result<(), OnnxError> {
        let maps: Vec<Map> = node.inputs.iter().filter_map(|name| self.values.map(name)).collect();
        let output = node.output()?;
        let value = match &maps[..] {
            [] => self.constant(node)?.map(Value::Constant),
            [map] if node.op == "Shape" => {
                let dims = map.axes.dims(self.net.size(map.layer));
                Some(Value::Constant(Constant::row(dims.into_iter().map(|side| side as i64).collect())))
            }
            [map, ..]
                if map.answered && !matches!(node.op, "Identity" | "Cast" | "Reshape" | "Flatten" | "Squeeze") =>
            {
                return Err(node.problem("follows the network's answer"));
            }
            [map, ..] if map.padding != [0; 4] && !takes_padding(node.op) => {
                return Err(node.problem("follows a Pad that belongs to no window"));
            }
            [one, other] if node.op == "Add" => Some(Value::Map(self.sum(node, one, other)?)),
            [one, other] if node.op == "QLinearAdd" => Some(Value::Map(self.integer_sum(node, one, other)?)),
            [map] => Some(Value::Map(self.layer(node, map)?)),
            _ => return Err(node.problem(reason(node.op))),
        };
        if self.net.is_too_long() {
            return Err(node.problem("is one layer more than a line can have"));
        }
        // What is no constant that can be computed is missed by its reader.
        if let Some(value) = value {
            self.values.insert(output, value);
        }
        Ok(())
    }

    /// Returns what an operator makes of one map and of constants.
    fn layer(&mut self, node: &Node<'a>, map: &Map) -> Result<Map, OnnxError> {
        match node.op {
            "Conv" => self.convolution(node, map),
            "Gemm" | "MatMul" => self.full(node, map),
            "BatchNormalization" => self.normalisation(node, map),
            "Mul" | "Div" | "Add" | "Sub" => self.arithmetic(node, map),
            "Relu" => Ok(self.activation(node, map, Activation::Relu)),
            "Clip" => self.clip(node, map),
            "Max" | "Min" => self.bound(node, map),
            "MaxPool" | "AveragePool" | "GlobalMaxPool" => self.pool(node, map),
            "GlobalAveragePool" | "ReduceMean" => self.average(node, map),
            "Pad" => self.pad(node, map),
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose" => self.reshape(node, map),
            "Identity" | "Dropout" | "Cast" => Ok(map.clone()),
            "QuantizeLinear" | "DequantizeLinear" => self.quantise(node, map),
            op if is_integer(op) => self.integers(node, map),
            "Softmax" | "LogSoftmax" | "Sigmoid" if self.ends(node) => Ok(Map { answered: true, ..map.clone() }),
            "Softmax" | "LogSoftmax" => Err(node.problem("is not at the end of the network, where it is left out")),
            op => Err(node.problem(reason(op))),
        }
    }

    /// Whether only changes of shape follow an operator.
    fn ends(&self, node: &Node<'_>) -> bool {
        let mut names: Vec<&str> = node.outputs.clone();
        for next in &self.model.nodes[node.place.index + 1..] {
            if next.inputs.iter().any(|input| names.contains(input)) {
                if !matches!(next.op, "Identity" | "Cast" | "Reshape" | "Flatten" | "Squeeze") {
                    return false;
                }
                names.extend(&next.outputs);
            }
        }
        names.contains(&self.model.output)
    }

    fn sum(&mut self, node: &Node<'_>, one: &Map, other: &Map) -> Result<Map, OnnxError> {
        if one.axes != other.axes {
            return Err(node.problem("adds maps of different shapes"));
        }
        let layer = self.net.sum(one.layer, other.layer, &node.place)?;
        Ok(Map { axes: one.axes.clone(), ..self.made(layer) })
    }

    /// Returns a constant input.
    fn input(&mut self, node: &Node<'_>, number: usize) -> Result<Constant, OnnxError> {
        let name = node.input(number).ok_or_else(|| node.problem(format!("has no input {number}")))?;
        let found = self.values.constant(name, node)?;
        found.ok_or_else(|| node.problem(format!("reads {name}, which is no constant of a known type")))
    }

    /// Returns a constant input, if the operator has it.
    fn optional(&mut self, node: &Node<'_>, number: usize) -> Result<Option<Constant>, OnnxError> {
        node.input(number).is_some().then(|| self.input(node, number)).transpose()
    }

    /// Returns the integers of an attribute, or of an input in later versions of the operators.
    fn ints(&mut self, node: &Node<'_>, name: &str, number: usize) -> Result<Option<Vec<i64>>, OnnxError> {
        if let Some(ints) = node.ints(name)? {
            return Ok(Some(ints));
        }
        let constant = self.optional(node, number)?;
        Ok(constant.and_then(|constant| constant.ints().map(<[i64]>::to_vec)))
    }

    /// Returns the output of a new layer.
    fn made(&self, layer: Id) -> Map {
        let axes = Axes::channels_first(self.net.size(layer));
        Map { layer, axes, padding: [0; 4], alone: true, answered: false }
    }

    /// Returns the size of a map whose dimensions are images × channels × rows × columns.
    fn size(&self, node: &Node<'_>, map: &Map) -> Result<Size, OnnxError> {
        let size = self.net.size(map.layer);
        if map.axes != Axes::channels_first(size) {
            return Err(node.problem("reads a tensor that is no map of images × channels × rows × columns"));
        }
        Ok(size)
    }
}

/// Returns whether the image of a model has its channels last, by what is done with it first.
fn is_channels_last(model: &Model<'_>, dims: &[usize]) -> bool {
    let mut name = model.input.name;
    for _ in 0..model.nodes.len() {
        let Some(node) = model.nodes.iter().find(|node| node.inputs.contains(&name)) else { return false };
        match node.op {
            "Transpose" => return node.ints("perm").is_ok_and(|order| order.as_deref() == Some(&[0, 3, 1, 2])),
            // An image of one channel is transposed by a change of its shape.
            "Reshape" => return dims[3] == 1 && dims[1] != 1,
            "Mul" | "Add" | "Sub" | "Div" | "Cast" | "Identity" => {}
            _ => return false,
        }
        let Some(output) = node.outputs.first() else { return false };
        name = output;
    }
    false
}

/// Whether an operator may follow a Pad. Zeros stay zeros when they are rounded.
fn takes_padding(op: &str) -> bool {
    const WINDOWS: [&str; 5] = ["Conv", "MaxPool", "AveragePool", "QLinearConv", "QLinearAveragePool"];
    WINDOWS.contains(&op) || matches!(op, "QuantizeLinear" | "DequantizeLinear")
}

/// Returns the size of the image and its dimensions.
fn image(model: &Model<'_>) -> Result<(Size, Axes), Problem> {
    let Input { dims, .. } = &model.input;
    let [_, a, b, c] = dims[..] else {
        return Err(Problem::whole(format!(
            "has an input of {} dimensions; an image has four: images, channels, rows, columns",
            dims.len()
        )));
    };
    let (Some(a), Some(b), Some(c)) = (a, b, c) else {
        return Err(Problem::whole(
            "leaves the size of its image open; export it with fixed rows, columns and channels",
        ));
    };
    if is_channels_last(model, &[1, a, b, c]) {
        let size = [a, b, c];
        return Ok((size, Axes::of(&[Axis::Rows, Axis::Columns, Axis::Channels], size)));
    }
    let size = [b, c, a];
    Ok((size, Axes::channels_first(size)))
}
