//! From a graph of operators to a line: one operator after the other, with shortcuts around some.

use nin_core::packing::affine::Words;
use nin_core::spec::{Activation, Window};

use super::error::TfLiteError;
use super::graph::{Graph, Operator};
use super::layers::{Order, Padding, Size, activation, layer, product, quantization, size, window, words};
use super::operators::{self, *};
use crate::formats::model_file::Record;
use crate::integers::factor;

/// The most numbers in a block.
const MOST_WIDTHS: usize = 6;

/// Where the output of an operator appears in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The operator.
    pub operator: usize,
    /// Its stage in the line.
    pub stage: usize,
    /// Its layer in the stage.
    pub step: usize,
}

/// What operators have become so far.
#[derive(Debug)]
pub struct Chain<'g, 'a> {
    graph: &'g Graph<'a>,
    /// The words of the line after its input.
    pub words: Vec<String>,
    /// What the file states of each layer.
    pub records: Vec<Record>,
    /// Where each operator's output appears.
    pub places: Vec<Place>,
    /// Stages so far.
    stages: usize,
    /// Layers in the last stage if it is a block that takes another 1×1 convolution.
    open: usize,
    /// Layers in the last stage if it is fully connected.
    full: usize,
    /// Whether the head has begun.
    head: bool,
    /// Padding that the next operator takes.
    padding: Padding,
    /// What opens a shortcut at the next block.
    opening: &'static str,
    /// Bytes of weights that were copied.
    copied: usize,
}

/// The two ways from the begin of a shortcut to its sum.
struct Shortcut<'g, 'a> {
    body: Vec<&'g Operator<'a>>,
    /// The body's output.
    inner: usize,
    projection: Option<&'g Operator<'a>>,
    /// The shortcut's end.
    outer: usize,
    add: &'g Operator<'a>,
}

impl<'g, 'a> Chain<'g, 'a> {
    pub fn new(graph: &'g Graph<'a>) -> Self {
        Self {
            graph,
            words: Vec::new(),
            records: Vec::new(),
            places: Vec::new(),
            stages: 0,
            open: 0,
            full: 0,
            head: false,
            padding: [0; 4],
            opening: "",
            copied: 0,
        }
    }

    /// Follows the operators from a tensor to the logits; returns the tensor of the logits.
    pub fn follow(&mut self, mut tensor: usize) -> Result<usize, TfLiteError> {
        let mut steps = 0;
        loop {
            steps += 1;
            if steps > self.graph.operators.len() + 1 {
                return Err(TfLiteError::Model("has operators in a circle".to_owned()));
            }
            match self.graph.readers(tensor)[..] {
                [] => return Ok(tensor),
                [operator] if operator.code == SOFTMAX || operator.code == DEQUANTIZE => {
                    // The network ends in its logits.
                    return match self.graph.readers(operator.output)[..] {
                        [] => Ok(tensor),
                        [next] if next.code == DEQUANTIZE && self.graph.readers(next.output).is_empty() => Ok(tensor),
                        [next, ..] => Err(next.problem("follows the network's answer")),
                    };
                }
                [operator] => {
                    self.operator(operator)?;
                    tensor = operator.output;
                }
                [first, second] => {
                    let shortcut = self.shortcut(tensor, first, second)?;
                    self.add(&shortcut)?;
                    tensor = shortcut.add.output;
                }
                [.., operator] => return Err(operator.problem("reads a map that more than two operators read")),
            }
        }
    }

    /// Adds one operator of the chain.
    fn operator(&mut self, operator: &Operator<'_>) -> Result<(), TfLiteError> {
        if self.padding != [0; 4]
            && !matches!(operator.code, CONV_2D | DEPTHWISE_CONV_2D | MAX_POOL_2D | AVERAGE_POOL_2D)
        {
            return Err(operator.problem("follows a PAD that belongs to no window"));
        }
        match operator.code {
            CONV_2D | DEPTHWISE_CONV_2D => self.convolution(operator),
            MAX_POOL_2D | AVERAGE_POOL_2D => self.pool(operator),
            PAD => self.pad(operator),
            MEAN => self.mean(operator),
            FULLY_CONNECTED => self.fully_connected(operator),
            RESHAPE | SQUEEZE => self.reshape(operator),
            ADD => Err(operator.problem("adds maps that are not the two ends of a shortcut")),
            code => Err(operator.problem(operators::reason(code))),
        }
    }

    /// Returns the sizes of an operator's first input and of its output.
    fn sizes(&self, operator: &Operator<'_>) -> Result<[Size; 2], TfLiteError> {
        let [input, output] = [operator.input(0)?, operator.output].map(|tensor| self.graph.tensor(tensor));
        Ok([size(operator, &input?)?, size(operator, &output?)?])
    }

    /// Limits the weights of all operators to about the file's size, if several share them.
    fn count(&mut self, operator: &Operator<'_>, weights: usize) -> Result<(), TfLiteError> {
        self.copied = self.copied.saturating_add(weights);
        if self.copied > self.graph.bytes {
            return Err(operator.problem("has weights that other operators have too"));
        }
        Ok(())
    }

    /// Begins a stage of one word.
    fn stage(&mut self, operator: &Operator<'_>, word: &str) {
        let opening = std::mem::take(&mut self.opening);
        self.words.push(format!("{opening}{word}"));
        self.places.push(Place { operator: operator.index, stage: self.stages, step: 0 });
        self.stages += 1;
        (self.open, self.full) = (0, 0);
    }

    /// Adds a layer to the stage of the last word.
    fn step(&mut self, operator: &Operator<'_>, step: usize, text: &str) {
        if let Some(word) = self.words.last_mut() {
            word.push_str(text);
        }
        self.places.push(Place { operator: operator.index, stage: self.stages - 1, step });
    }

    /// Returns the window, the groups and the layer of a convolution.
    fn convolved(&mut self, operator: &Operator<'_>) -> Result<(Window, usize, Activation, Size), TfLiteError> {
        let [input, output] = self.sizes(operator)?;
        let weights = self.graph.tensor(operator.input(1)?)?;
        let [first, height, width, last] = weights.shape[..] else {
            return Err(operator.problem("has weights that are not of four dimensions"));
        };
        let depthwise = operator.code == DEPTHWISE_CONV_2D;
        let (act, dilations) = if depthwise { (4, [5, 6]) } else { (3, [4, 5]) };
        for dilation in dilations {
            if operator.int(dilation, 1)? != 1 {
                return Err(operator.problem("is dilated; lines have no dilation"));
            }
        }
        let (outputs, channels) = if depthwise { (last, 1) } else { (first, last) };
        let groups = if depthwise { input[2] } else { input[2] / channels.max(1) };
        let whole = groups > 0
            && product(&[groups, channels]) == input[2]
            && outputs.is_multiple_of(groups)
            && outputs == output[2];
        if !whole || height == 0 || width == 0 {
            return Err(operator.problem("has weights that do not fit its maps"));
        }
        self.count(operator, weights.data.len())?;
        let activation = activation(operator, operator.byte(act)?)?;
        let order = if depthwise { Order::Inputs } else { Order::Outputs };
        let strides = [operator.int(2, 1)?, operator.int(1, 1)?];
        let window = window(operator, input, [height, width], strides, std::mem::take(&mut self.padding))?;
        let layer = layer(self.graph, operator, [outputs, product(&[height, width, channels])], order, activation)?;
        self.records.push(Record::Layer(layer));
        Ok((window, groups, activation, output))
    }

    fn convolution(&mut self, operator: &Operator<'_>) -> Result<(), TfLiteError> {
        let input = self.sizes(operator)?[0];
        let (window, groups, activation, [.., outputs]) = self.convolved(operator)?;
        if self.head {
            // After an average a 1×1 convolution is a fully connected layer.
            if input[..2] != [1, 1] || window != Window::PIXEL || groups != 1 {
                return Err(operator.problem("follows a global average; only 1×1 convolutions can"));
            }
            return self.full_layer(operator, outputs, activation);
        }
        let pixel = window == Window::PIXEL && groups == 1;
        if pixel && self.opening.is_empty() && (1..MOST_WIDTHS).contains(&self.open) {
            let separator = if self.words.last().is_some_and(|word| word.contains(':')) { "," } else { ":" };
            let step = self.open;
            self.step(operator, step, &format!("{separator}{outputs}{activation}"));
            self.open += 1;
            return Ok(());
        }
        let size = short(window);
        let word = match groups {
            1 => format!("nin{size}:{outputs}{activation}"),
            _ if groups == input[2] && groups == outputs => format!("dw{size}{activation}"),
            _ => format!("nin{size}g{groups}:{outputs}{activation}"),
        };
        self.stage(operator, &word);
        self.open = 1;
        Ok(())
    }

    fn pool(&mut self, operator: &Operator<'_>) -> Result<(), TfLiteError> {
        let [input, _] = self.sizes(operator)?;
        let [before, after] = [operator.input(0)?, operator.output].map(|tensor| self.graph.tensor(tensor));
        let [before, after] = [quantization(operator, &before?)?, quantization(operator, &after?)?];
        if before != after {
            return Err(operator.problem("has an output with another scale or zero point than its input"));
        }
        let range = words(before, after, activation(operator, operator.byte(5)?)?);
        if (range.least, range.most) != (0, 255) {
            return Err(operator.problem("has an activation that changes its output; pools of a line have none"));
        }
        if self.head {
            return Err(operator.problem("follows a global average"));
        }
        let [width, height] = [operator.int(3, 0)?, operator.int(4, 0)?].map(|side| usize::try_from(side).unwrap_or(0));
        let padding = std::mem::take(&mut self.padding);
        let strides = [operator.int(2, 1)?, operator.int(1, 1)?];
        let window = window(operator, input, [height, width], strides, padding)?;
        let padded = padding != [0; 4];
        let zero = before.unsigned_zero();
        let word = match operator.code {
            // Padding of PAD is a value like others: nothing is below byte 0.
            MAX_POOL_2D if !padded || zero == 0 => "max",
            AVERAGE_POOL_2D if !padded => {
                if window.has_padding() {
                    "mean"
                } else {
                    "avg"
                }
            }
            AVERAGE_POOL_2D if zero == 0 && operator.byte(0)? == 1 => "avg",
            _ => return Err(operator.problem("follows a PAD whose zeros its pool would not count as a line does")),
        };
        self.stage(operator, &format!("{word}{window}"));
        Ok(())
    }

    fn pad(&mut self, operator: &Operator<'_>) -> Result<(), TfLiteError> {
        let amounts = self.graph.tensor(operator.input(1)?)?;
        let amounts: Vec<usize> = amounts.ints().map(|amount| usize::try_from(amount).unwrap_or(usize::MAX)).collect();
        let &[0, 0, above, below, left, right, 0, 0] = &amounts[..] else {
            return Err(operator.problem("pads other sides than rows and columns"));
        };
        let padding = [above, below, left, right];
        if self.padding != [0; 4] || padding.iter().any(|&side| side > 255) {
            return Err(operator.problem("pads by more than 255 pixels, or a map that is padded already"));
        }
        self.padding = padding;
        Ok(())
    }

    fn mean(&mut self, operator: &Operator<'_>) -> Result<(), TfLiteError> {
        let [input, output] = self.sizes(operator)?;
        let mut axes: Vec<i32> = self.graph.tensor(operator.input(1)?)?.ints().collect();
        axes.iter_mut().filter(|axis| **axis < 0).for_each(|axis| *axis += 4);
        axes.sort_unstable();
        if axes != [1, 2] || self.head || output != [1, 1, input[2]] {
            return Err(operator.problem("averages other sides than rows and columns"));
        }
        let [before, after] = [operator.input(0)?, operator.output].map(|tensor| self.graph.tensor(tensor));
        let [before, after] = [quantization(operator, &before?)?, quantization(operator, &after?)?];
        let pixels = (input[0] * input[1]) as i64;
        let mean = factor(f64::from(before.scale) / f64::from(after.scale));
        let mut factor = mean.ok_or_else(|| operator.problem("has scales that are out of range"))?;
        // As TensorFlow Lite divides by the number of pixels: in the multiplier.
        let shift = i64::from(63 - (pixels as u64).leading_zeros()).min(32).min(31 - i64::from(factor.shift));
        factor.multiplier = ((i64::from(factor.multiplier) << shift) / pixels) as i32;
        factor.shift += shift as i32;
        self.stage(operator, "gap");
        self.records.push(Record::Average { words: words(before, after, Activation::Identity), factor });
        self.head = true;
        Ok(())
    }

    fn fully_connected(&mut self, operator: &Operator<'_>) -> Result<(), TfLiteError> {
        let weights = self.graph.tensor(operator.input(1)?)?;
        let input = self.graph.tensor(operator.input(0)?)?;
        let [outputs, fan_in] = weights.shape[..] else {
            return Err(operator.problem("has weights that are not of two dimensions"));
        };
        if fan_in == 0 || outputs == 0 || product(&input.shape) != fan_in || operator.byte(1)? != 0 {
            return Err(operator.problem("has weights that do not fit its input, or in another format"));
        }
        self.count(operator, weights.data.len())?;
        let activation = activation(operator, operator.byte(0)?)?;
        let layer = layer(self.graph, operator, [outputs, fan_in], Order::Outputs, activation)?;
        self.records.push(Record::Layer(layer));
        self.full_layer(operator, outputs, activation)
    }

    /// Adds a fully connected layer, whose record is there.
    fn full_layer(
        &mut self,
        operator: &Operator<'_>,
        outputs: usize,
        activation: Activation,
    ) -> Result<(), TfLiteError> {
        let last = self.answers(operator.output, 0);
        match activation {
            Activation::Identity if !last => {
                return Err(operator.problem("has no ReLU; every fully connected layer but the last has one"));
            }
            Activation::Relu | Activation::Relu6 if last => {
                return Err(operator.problem("is the last layer and has a ReLU; the last layer of a line has none"));
            }
            Activation::Relu6 => {
                return Err(operator.problem("has a ReLU6; fully connected layers of a line have a ReLU"));
            }
            _ => {}
        }
        if (1..MOST_WIDTHS).contains(&self.full) {
            let step = self.full;
            self.step(operator, step, &format!(",{outputs}"));
            self.full += 1;
        } else {
            self.stage(operator, &format!("fc{outputs}"));
            self.full = 1;
        }
        self.head = true;
        Ok(())
    }

    /// Whether no layer follows a tensor.
    fn answers(&self, tensor: usize, depth: usize) -> bool {
        depth < 8
            && self.graph.readers(tensor).iter().all(|reader| {
                matches!(reader.code, SOFTMAX | DEQUANTIZE)
                    || (matches!(reader.code, RESHAPE | SQUEEZE) && self.answers(reader.output, depth + 1))
            })
    }

    fn reshape(&mut self, operator: &Operator<'_>) -> Result<(), TfLiteError> {
        let [before, after] = [operator.input(0)?, operator.output].map(|tensor| self.graph.tensor(tensor));
        let (before, after) = (before?, after?);
        let vector = |shape: &[usize]| shape.iter().filter(|&&side| side != 1).count() <= 1;
        if product(&before.shape) != product(&after.shape) || !(vector(&after.shape) || before.shape == after.shape) {
            return Err(operator.problem("turns a map into another map; only a map as a vector can follow"));
        }
        if !vector(&before.shape) {
            // What reads the vector is fully connected to the map.
            for reader in self.graph.readers(operator.output) {
                if reader.code != FULLY_CONNECTED {
                    return Err(reader.problem("reads a map as a vector; only a fully connected layer can"));
                }
            }
        }
        if before.quantization()? != after.quantization()? {
            return Err(operator.problem("changes the scale of its map"));
        }
        Ok(())
    }

    /// Finds the sum that two operators lead to.
    fn shortcut(
        &self,
        tensor: usize,
        first: &'g Operator<'a>,
        second: &'g Operator<'a>,
    ) -> Result<Shortcut<'g, 'a>, TfLiteError> {
        let [(one, one_end, add), (other, other_end, same)] = [self.way(tensor, first)?, self.way(tensor, second)?];
        if add.index != same.index {
            return Err(add.problem("adds maps that are not the two ends of a shortcut"));
        }
        let projects = |way: &[&Operator<'_>]| matches!(way, [] | [Operator { code: CONV_2D, .. }]);
        // The longer way is the body.
        let ((body, inner), (way, outer)) = match (projects(&one), projects(&other)) {
            (_, true) if one.len() >= other.len() => ((one, one_end), (other, other_end)),
            (true, _) => ((other, other_end), (one, one_end)),
            (false, true) => ((one, one_end), (other, other_end)),
            (false, false) => {
                return Err(add.problem("adds two bodies; a shortcut has at most one 1×1 convolution"));
            }
        };
        if body.is_empty() {
            return Err(add.problem("adds a map to itself"));
        }
        Ok(Shortcut { body, inner, projection: way.first().copied(), outer, add })
    }

    /// Returns the operators from one on to the sum that follows them, and the tensor that the sum reads.
    fn way(
        &self,
        tensor: usize,
        first: &'g Operator<'a>,
    ) -> Result<(Vec<&'g Operator<'a>>, usize, &'g Operator<'a>), TfLiteError> {
        let (mut way, mut end, mut next) = (Vec::new(), tensor, first);
        loop {
            match next.code {
                ADD => return Ok((way, end, next)),
                CONV_2D | DEPTHWISE_CONV_2D | PAD => {}
                _ => return Err(next.problem("is between the ends of a shortcut, where only convolutions can be")),
            }
            way.push(next);
            end = next.output;
            next = match self.graph.readers(end)[..] {
                [reader] if way.len() < self.graph.operators.len() => self.find(reader),
                _ => return Err(next.problem("does not lead to a sum, or to several operators")),
            };
        }
    }

    /// Returns the operator as one of the graph's.
    fn find(&self, operator: &Operator<'_>) -> &'g Operator<'a> {
        &self.graph.operators[operator.index]
    }

    /// Adds the body of a shortcut, its projection and its sum.
    fn add(&mut self, shortcut: &Shortcut<'_, '_>) -> Result<(), TfLiteError> {
        let Shortcut { body, inner, projection, outer, add } = shortcut;
        if self.head || self.padding != [0; 4] {
            return Err(add.problem("ends a shortcut that begins after a PAD or a global average"));
        }
        let before = self.stages;
        self.opening = if projection.is_some() { "proj(" } else { "res(" };
        for operator in body {
            self.operator(operator)?;
        }
        if self.stages == before || self.padding != [0; 4] {
            return Err(add.problem("ends a shortcut around no convolution"));
        }
        if let Some(projection) = projection {
            let (window, groups, activation, _) = self.convolved(projection)?;
            let pixel = (window.rows.kernel, window.columns.kernel, window.has_padding()) == (1, 1, false);
            if !pixel || groups != 1 || activation != Activation::Identity {
                return Err(projection.problem("is on a shortcut and is not a 1×1 convolution without an activation"));
            }
        }
        let maps = [*inner, *outer, add.output].map(|tensor| self.graph.tensor(tensor));
        let [inner, outer, output] = maps;
        let (inner, outer, output) = (inner?, outer?, output?);
        if inner.shape != outer.shape || inner.shape != output.shape {
            return Err(add.problem("adds maps of different shapes"));
        }
        let [inner, outer, output] = [inner, outer, output].map(|map| quantization(add, &map));
        let (inner, outer, output) = (inner?, outer?, output?);
        let activation = activation(add, add.byte(0)?)?;
        // As TensorFlow Lite: both to half of the larger scale, with 20 bits below its unit.
        let unit = 2.0 * f64::from(inner.scale.max(outer.scale));
        let factors = [
            f64::from(inner.scale) / unit,
            f64::from(outer.scale) / unit,
            unit / (f64::from(1 << 20) * f64::from(output.scale)),
        ];
        let [Some(ours), Some(theirs), Some(total)] = factors.map(factor) else {
            return Err(add.problem("has scales that are out of range"));
        };
        if total.shift < 0 {
            return Err(add.problem("has an output scale far below those of its inputs"));
        }
        let words: Words = words(inner, output, activation);
        self.records.push(Record::Sum { words, shortcut_zero: outer.unsigned_zero(), factors: [ours, theirs, total] });
        if let Some(word) = self.words.last_mut() {
            word.push_str(&format!("){activation}"));
        }
        let stage = self.stages;
        if let Some(projection) = projection {
            self.places.push(Place { operator: projection.index, stage, step: 0 });
        }
        self.places.push(Place { operator: add.index, stage, step: usize::from(projection.is_some()) });
        self.stages += 1;
        self.open = 0;
        Ok(())
    }
}

/// Returns a block's window as in a line: a stride of 1 is left out.
fn short(window: Window) -> String {
    let text = window.to_string();
    if (window.rows.stride, window.columns.stride) == (1, 1) { text.replacen("/1", "", 1) } else { text }
}
