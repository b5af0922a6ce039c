//! What each operator of a model becomes.

use nin_core::spec::Activation;

use super::Beside;
use super::axes::{Axes, Axis};
use super::constant::{Constant, Numbers, reshaped};
use super::error::OnnxError;
use super::model::{Input, Model, Node};
use super::values::{Map, Value, Values, per_channel};
use super::windows::{kernel, window};
use crate::formats::lowering::{Convolution, Grid, Id, Net, Problem, Size, Steps};

/// Makes layers of the operators of a model, one after the other.
pub struct Reader<'m, 'a, 'b> {
    model: &'m Model<'a>,
    values: Values<'m, 'a, 'b>,
    net: Net,
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
    matches!(op, "Conv" | "MaxPool" | "AveragePool" | "QuantizeLinear" | "DequantizeLinear")
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

impl<'m, 'a, 'b> Reader<'m, 'a, 'b> {
    /// Begins with the image of a model of `bytes` bytes.
    pub fn new(model: &'m Model<'a>, bytes: usize, beside: Beside<'b>) -> Result<Self, OnnxError> {
        let (size, axes) = image(model)?;
        let mut values = Values::new(model, bytes, beside);
        let map = Map { layer: 0, axes, padding: [0; 4], alone: true, answered: false };
        values.insert(model.input.name, Value::Map(map));
        Ok(Self { model, values, net: Net::new(size)? })
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

    /// Returns what an operator makes of constants, if that is known.
    fn constant(&mut self, node: &Node<'a>) -> Result<Option<Constant>, OnnxError> {
        if node.op == "Constant" {
            if let Some(tensor) = node.tensor("value")? {
                return self.values.read(tensor, node);
            }
            let numbers = match (node.ints("value_ints")?, node.int("value_int", i64::MIN)?) {
                (Some(ints), _) => return Ok(Some(Constant::row(ints))),
                (None, i64::MIN) => Numbers::Float(vec![node.float("value_float", 0.0)?]),
                (None, int) => Numbers::Int(vec![int]),
            };
            return Ok(Some(Constant { dims: Vec::new(), numbers }));
        }
        let mut inputs = Vec::new();
        for name in node.inputs.iter().filter(|name| !name.is_empty()) {
            let Some(constant) = self.values.constant(name, node)? else { return Ok(None) };
            inputs.push(constant);
        }
        let position = |at: i64, rank: usize| usize::try_from(if at < 0 { at + rank as i64 } else { at }).ok();
        Ok(match (node.op, &inputs[..]) {
            ("Identity" | "Dropout", [one, ..]) => Some(one.clone()),
            ("Cast", [one]) => match (node.int("to", 0)?, &one.numbers) {
                (1 | 10 | 11 | 16, Numbers::Int(values)) => {
                    let numbers = Numbers::Float(values.iter().map(|&value| value as f32).collect());
                    Some(Constant { dims: one.dims.clone(), numbers })
                }
                (1 | 10 | 11 | 16, Numbers::Float(_)) | (6 | 7, Numbers::Int(_)) => Some(one.clone()),
                _ => None,
            },
            ("Shape", [one]) => Some(Constant::row(one.dims.iter().map(|&side| side as i64).collect())),
            ("Reshape", [one, shape]) => {
                let zero_is_zero = node.int("allowzero", 0)? != 0;
                shape.ints().and_then(|shape| one.reshaped(shape, zero_is_zero))
            }
            ("Transpose", [one]) => {
                let rank = one.dims.len();
                let order = node.ints("perm")?.map_or_else(
                    || Some((0..rank).rev().collect()),
                    |order| order.iter().map(|&at| usize::try_from(at).ok()).collect::<Option<Vec<_>>>(),
                );
                order.and_then(|order| one.transposed(&order))
            }
            ("Squeeze", [one, ..]) => {
                let dims = one.dims.iter().filter(|&&side| side != 1).map(|&side| side as i64).collect::<Vec<_>>();
                one.reshaped(&dims, true)
            }
            ("Unsqueeze", [one, rest @ ..]) => {
                let axes = match (node.ints("axes")?, rest) {
                    (Some(axes), _) => Some(axes),
                    (None, [axes]) => axes.ints().map(<[i64]>::to_vec),
                    _ => None,
                };
                axes.and_then(|axes| {
                    let rank = one.dims.len() + axes.len();
                    let axes = axes.iter().map(|&at| position(at, rank)).collect::<Option<Vec<_>>>()?;
                    let mut own = one.dims.iter();
                    let side = |at| if axes.contains(&at) { Some(1) } else { own.next().map(|&side| side as i64) };
                    one.reshaped(&(0..rank).map(side).collect::<Option<Vec<_>>>()?, true)
                })
            }
            ("Concat", parts) => {
                let parts: Option<Vec<&[i64]>> = parts.iter().map(Constant::ints).collect();
                parts.map(|parts| Constant::row(parts.concat()))
            }
            ("Gather", [one, places]) => one.gathered(places),
            ("QuantizeLinear", [one, scale, ..]) => one.quantised(scale, node.int("axis", 1)?),
            ("DequantizeLinear", [one, scale, zero @ ..]) => one.dequantised(scale, zero.first(), node.int("axis", 1)?),
            ("Slice", [one, start, end, rest @ ..]) => {
                let step = rest.get(1).and_then(Constant::single).unwrap_or(1.0);
                let first = |constant: &Constant| constant.ints().and_then(|ints| ints.first().copied());
                first(start).zip(first(end)).and_then(|(start, end)| one.sliced(start, end, step as i64))
            }
            ("ConstantOfShape", [shape]) => {
                let length =
                    shape.ints().and_then(|ints| if let [one] = ints { usize::try_from(*one).ok() } else { None });
                let value = node.tensor("value")?.map(|tensor| Constant::read(tensor, None)).transpose()?.flatten();
                match value.map_or(Some(0.0), |value| value.single()) {
                    Some(0.0) => length.filter(|&length| length <= 64).map(|length| Constant::row(vec![0; length])),
                    _ => None,
                }
            }
            (op @ ("Add" | "Sub" | "Mul" | "Div"), [one, other]) => one.combined(other, op),
            _ => None,
        })
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

    /// Reads the rounding of a map to bytes, or the return from bytes to numbers.
    fn quantise(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let scale = self.input(node, 1)?.single().filter(|scale| *scale > 0.0 && scale.is_finite());
        let zero = match self.optional(node, 2)?.map(|zero| zero.numbers) {
            None => Some(0),
            Some(Numbers::Uint8(values)) if values.len() == 1 => Some(values[0]),
            // Bytes here are unsigned.
            Some(Numbers::Int8(values)) if values.len() == 1 => Some(values[0] as u8 ^ 0x80),
            Some(_) => None,
        };
        let (Some(scale), Some(zero)) = (scale, zero) else {
            return Err(node.problem("has more than one scale or zero point for a map, or none of 8 bits"));
        };
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
        self.net.quantise(map.layer, Grid { scale, zero }, &node.place)?;
        Ok(map.clone())
    }

    fn sum(&mut self, node: &Node<'_>, one: &Map, other: &Map) -> Result<Map, OnnxError> {
        if one.axes != other.axes {
            return Err(node.problem("adds maps of different shapes"));
        }
        let layer = self.net.sum(one.layer, other.layer, &node.place)?;
        Ok(Map { axes: one.axes.clone(), ..self.made(layer) })
    }

    fn convolution(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let weights = self.input(node, 1)?;
        let bias = self.optional(node, 2)?;
        let [outputs, channels, rows, columns] = weights.dims[..] else {
            let problem =
                format!("is a convolution along {} sides; an image has two", weights.dims.len().saturating_sub(2));
            return Err(node.problem(problem));
        };
        let size = self.size(node, map)?;
        let weights = weights.transposed(&[0, 2, 3, 1]);
        let weights = weights.ok_or_else(|| node.problem("has weights that do not fit its map"))?;
        let weights = Weights::new(node, &weights, bias.as_ref(), outputs)?;
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

    fn full(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let size = self.net.size(map.layer);
        let is_vector = map.axes.0.split_last().is_some_and(|(_, before)| before.iter().all(Vec::is_empty));
        if !is_vector || self.values.map(node.inputs[0]).is_none() {
            return Err(node.problem("reads a tensor that is no vector; flatten the map before it"));
        }
        let weights = self.input(node, 1)?;
        let is_gemm = node.op == "Gemm";
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
        let bias = if is_gemm { self.optional(node, 2)? } else { None };
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

    fn normalisation(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
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
    fn arithmetic(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
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

    fn activation(&mut self, node: &Node<'_>, map: &Map, activation: Activation) -> Map {
        let layer = self.net.activate(map.layer, activation, map.alone, &node.place);
        Map { layer, alone: true, ..map.clone() }
    }

    fn clip(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let least = self.optional(node, 1)?.map_or(Some(f32::MIN), |least| least.single());
        let most = self.optional(node, 2)?.map_or(Some(f32::MAX), |most| most.single());
        match (least, most) {
            (Some(0.0), Some(6.0)) => Ok(self.activation(node, map, Activation::Relu6)),
            (Some(0.0), Some(most)) if most >= f32::MAX => Ok(self.activation(node, map, Activation::Relu)),
            _ => Err(node.problem("clips to another range than 0 to 6; lines have ReLU and ReLU6")),
        }
    }

    /// Adds a maximum with 0, or a minimum with 6 of what is positive.
    fn bound(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let map_is_first = node.input(0).is_some_and(|name| self.values.map(name).is_some());
        let bound = self.input(node, usize::from(map_is_first))?.single();
        match (node.op, bound) {
            ("Max", Some(0.0)) => Ok(self.activation(node, map, Activation::Relu)),
            ("Min", Some(6.0)) if self.net.is_positive(map.layer) => Ok(self.activation(node, map, Activation::Relu6)),
            _ => Err(node.problem("bounds a map by another number than 0 and 6; lines have ReLU and ReLU6")),
        }
    }

    fn pool(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let size = self.size(node, map)?;
        let padded = map.padding != [0; 4];
        if node.op == "GlobalMaxPool" {
            let kernel = [size[0], size[1]];
            let layer = self.net.maximum(map.layer, window(node, size, kernel, [0; 4])?, &node.place)?;
            return Ok(self.made(layer));
        }
        let window = window(node, size, kernel(node)?, map.padding)?;
        let layer = match node.op {
            // Zeros of a Pad are values, and no value is below them after a ReLU.
            "MaxPool" if !padded || self.net.is_positive(map.layer) => {
                self.net.maximum(map.layer, window, &node.place)?
            }
            "MaxPool" => {
                return Err(node.problem("follows a Pad whose zeros are values; the padding of a pool is none"));
            }
            _ => {
                let counts = node.int("count_include_pad", 0)? != 0;
                let ceil = node.int("ceil_mode", 0)? != 0 && window.has_padding();
                let own = node.ints("pads")?.is_some_and(|pads| pads.iter().any(|&side| side != 0));
                if (padded && own && !counts) || (ceil && (counts || padded)) {
                    return Err(node.problem(
                        "counts some of its padding and not the rest; an average of a line counts all or none",
                    ));
                }
                self.net.average(map.layer, window, counts || padded, &node.place)?
            }
        };
        Ok(self.made(layer))
    }

    fn average(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        if node.op == "GlobalAveragePool" {
            self.size(node, map)?;
            let layer = self.net.global_average(map.layer, &node.place);
            // Of one pixel it is the map itself.
            return Ok(Map { alone: layer != map.layer || map.alone, ..self.made(layer) });
        }
        let rank = map.axes.0.len();
        let axes = self.ints(node, "axes", 1)?.unwrap_or_default();
        let places = axes.iter().map(|&at| usize::try_from(if at < 0 { at + rank as i64 } else { at }).ok());
        let places: Vec<usize> = places.collect::<Option<_>>().unwrap_or_default();
        let averaged: Vec<Axis> = places.iter().filter_map(|&at| map.axes.0.get(at)).flatten().copied().collect();
        let kept = |axis: &Axis| *axis == Axis::Channels;
        let left = map.axes.0.iter().flatten().filter(|axis| !averaged.contains(axis)).any(|axis| !kept(axis));
        if averaged.iter().any(kept) || left || places.is_empty() {
            return Err(node.problem("averages other sides than rows and columns"));
        }
        let keep = node.int("keepdims", 1)? != 0;
        let dims = (0..rank).filter(|at| keep || !places.contains(at));
        let axes = dims.map(|at| if places.contains(&at) { Vec::new() } else { map.axes.0[at].clone() }).collect();
        let layer = self.net.global_average(map.layer, &node.place);
        Ok(Map { axes: Axes(axes), alone: layer != map.layer || map.alone, ..self.made(layer) })
    }

    fn pad(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let mode = node.text("mode")?.unwrap_or("constant");
        let value = self.optional(node, 2)?.map_or(Some(0.0), |value| value.single());
        if !matches!(mode, "" | "constant") || value != Some(0.0) {
            return Err(node.problem("pads with other values than zeros"));
        }
        let amounts = self.ints(node, "pads", 1)?.unwrap_or_default();
        let rank = map.axes.0.len();
        let stated = self.ints(node, "axes", 3)?;
        let axes: Vec<i64> = stated.unwrap_or_else(|| (0..rank as i64).collect());
        let mut padding = [0; 4];
        let count = axes.len();
        for (number, &axis) in axes.iter().enumerate() {
            let (before, after) = (amounts.get(number), amounts.get(count + number));
            let side = |amount: Option<&i64>| amount.and_then(|&amount| u8::try_from(amount).ok()).map(usize::from);
            let (Some(before), Some(after)) = (side(before), side(after)) else {
                return Err(node.problem("pads by less than 0 or more than 255 pixels"));
            };
            let axis = if axis < 0 { axis + rank as i64 } else { axis };
            match axis {
                2 => (padding[0], padding[1]) = (before, after),
                3 => (padding[2], padding[3]) = (before, after),
                _ if (before, after) == (0, 0) => {}
                _ => return Err(node.problem("pads other sides than rows and columns")),
            }
        }
        self.size(node, map)?;
        Ok(Map { padding, ..map.clone() })
    }

    /// Adds an operator that changes the dimensions of a tensor and no value.
    fn reshape(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let size = self.net.size(map.layer);
        let dims = map.axes.dims(size);
        let rank = dims.len();
        let position = |at: i64, rank: usize| {
            usize::try_from(if at < 0 { at + rank as i64 } else { at }).ok().filter(|&at| at < rank)
        };
        let axes = match node.op {
            "Transpose" => {
                let order = node.ints("perm")?.map_or_else(
                    || (0..rank).rev().collect(),
                    |order| order.iter().filter_map(|&at| position(at, rank)).collect::<Vec<_>>(),
                );
                map.axes.transposed(&order)
            }
            "Flatten" => {
                let axis = node.int("axis", 1)?;
                let axis = if axis == rank as i64 { Some(rank) } else { position(axis, rank) };
                axis.map(|axis| Axes(vec![map.axes.0[..axis].concat(), map.axes.0[axis..].concat()]))
            }
            "Squeeze" => {
                let stated = self.ints(node, "axes", 1)?;
                let places: Vec<usize> = match &stated {
                    Some(axes) => axes.iter().filter_map(|&at| position(at, rank)).collect(),
                    None => (0..rank).filter(|&at| dims[at] == 1).collect(),
                };
                let kept = (0..rank).filter(|at| !places.contains(at)).map(|at| dims[at]).collect::<Vec<_>>();
                map.axes.reshaped(&kept, size)
            }
            "Unsqueeze" => {
                let places = self.ints(node, "axes", 1)?.unwrap_or_default();
                let rank = rank + places.len();
                let places: Vec<usize> = places.iter().filter_map(|&at| position(at, rank)).collect();
                let mut own = map.axes.0.iter();
                let side = |at| if places.contains(&at) { Some(Vec::new()) } else { own.next().cloned() };
                (0..rank).map(side).collect::<Option<Vec<_>>>().map(Axes)
            }
            _ => {
                let shape = self.input(node, 1)?;
                let mut shape = shape.ints().unwrap_or_default().to_vec();
                // A network reads one image, however many the file has.
                if let (Some(first), Some(Some(images))) = (shape.first_mut(), self.model.input.dims.first())
                    && *first == *images as i64
                {
                    *first = 1;
                }
                let zero_is_zero = node.int("allowzero", 0)? != 0;
                reshaped(&dims, &shape, zero_is_zero).and_then(|dims| map.axes.reshaped(&dims, size))
            }
        };
        let axes =
            axes.ok_or_else(|| node.problem("turns a map into another map; only a map as a vector can follow"))?;
        Ok(Map { axes, ..map.clone() })
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

/// Returns why an operator that is none of the family cannot be imported, as the end of a sentence.
fn reason(op: &str) -> &'static str {
    match op {
        "Resize" | "Upsample" | "ConvTranspose" | "DepthToSpace" => {
            "makes an image larger; rows cannot be streamed through it"
        }
        "Concat" => "joins several maps; a stage of a line has one input",
        "Split" | "Slice" | "Gather" => "cuts a map; a stage of a line reads whole rows",
        "Mul" | "Sub" | "Div" | "Add" => "combines maps with each other; only the two ends of a shortcut are added",
        "Sigmoid" | "Tanh" | "HardSwish" | "HardSigmoid" | "PRelu" | "LeakyRelu" | "Elu" | "Gelu" | "Selu"
        | "Softplus" | "Swish" | "Mish" | "Erf" => "is an activation that lines do not have; they have ReLU and ReLU6",
        "LSTM" | "GRU" | "RNN" => "is recurrent; a line describes a network of one image",
        "Attention" | "MultiHeadAttention" => {
            "is attention, which reads all pixels at once; rows cannot be streamed through it"
        }
        "LayerNormalization" | "InstanceNormalization" | "GroupNormalization" => {
            "normalises each image by its own numbers; a line has no such layer"
        }
        "QLinearConv" | "QLinearMatMul" | "QGemm" | "ConvInteger" | "MatMulInteger" | "DynamicQuantizeLinear" => {
            "is 8-bit arithmetic in another form than QDQ; quantise the model in the form QDQ"
        }
        _ => "is none that lines have: convolutions, pools, averages, shortcuts, fully connected layers",
    }
}
