//! Models of floats: each operator becomes layers, which [`lowering`](crate::formats::lowering) makes a line.

use std::collections::HashMap;

use half::f16;
use nin_core::spec::Activation;

use super::error::TfLiteError;
use super::graph::{Graph, Kind, Operator};
use super::layers::{Padding, activation, product, size, window};
use super::operators::{self, *};
use crate::formats::lowering::{Convolution, Id, Imported, Net, Place, Problem, Size};

/// The output of a layer.
#[derive(Clone, Copy, Debug)]
struct Map {
    layer: Id,
    /// Zeros around it that the next window takes in.
    padding: Padding,
    /// Whether no other operator reads the layer.
    alone: bool,
    /// Whether it was made a vector.
    flat: bool,
    /// Whether it is the answer: a softmax has been left out.
    answered: bool,
}

/// Makes layers of the operators of a model, one after the other.
struct Reader<'g, 'a> {
    graph: &'g Graph<'a>,
    net: Net,
    maps: HashMap<usize, Map>,
    /// Constants that were widened from 16 bits, by their tensor: the tensor that has the bits.
    widened: HashMap<usize, usize>,
    /// The numbers of constants that may still be read.
    left: usize,
}

/// Whether the maps of a model are floats.
pub fn is_float(graph: &Graph<'_>) -> Result<bool, TfLiteError> {
    let converted = matches!(graph.readers(graph.input)[..], [operator] if operator.code == QUANTIZE);
    Ok(graph.tensor(graph.input)?.kind == Kind::Float && !converted)
}

/// Imports a model of floats.
pub fn import(graph: &Graph<'_>) -> Result<Imported, TfLiteError> {
    let Some(&first) = graph.readers(graph.input).first() else {
        return Err(TfLiteError::Model("has no operator that reads its input".to_owned()));
    };
    let net = Net::new(size(first, &graph.tensor(graph.input)?)?)?;
    let left = graph.bytes.saturating_mul(2);
    let mut reader = Reader { graph, net, maps: HashMap::new(), widened: HashMap::new(), left };
    let image = Map { layer: 0, padding: [0; 4], alone: true, flat: false, answered: false };
    reader.maps.insert(graph.input, image);
    for operator in &graph.operators {
        reader.operator(operator)?;
    }
    match reader.map(graph.output) {
        Some(map) if map.padding == [0; 4] => Ok(Imported { trained: reader.net.lower(map.layer)?, floats: true }),
        _ => Err(TfLiteError::Model("has an answer that does not depend on its image".to_owned())),
    }
}

fn place(operator: &Operator<'_>) -> Place {
    Place { index: operator.index, name: operators::name(operator.code).to_owned() }
}

impl Reader<'_, '_> {
    /// Returns the map in a tensor; it is not alone if several operators read it.
    fn map(&self, tensor: usize) -> Option<Map> {
        let map = self.maps.get(&tensor)?;
        let readers = self.graph.readers(tensor).len() + usize::from(tensor == self.graph.output);
        Some(Map { alone: map.alone && readers == 1, ..*map })
    }

    fn made(&self, layer: Id) -> Map {
        Map { layer, padding: [0; 4], alone: true, flat: false, answered: false }
    }

    fn operator(&mut self, operator: &Operator<'_>) -> Result<(), TfLiteError> {
        let maps: Vec<Map> = operator.inputs.iter().flatten().filter_map(|&tensor| self.map(tensor)).collect();
        let made = match maps[..] {
            [] if operator.code == DEQUANTIZE => {
                self.widened.insert(operator.output, operator.input(0)?);
                return Ok(());
            }
            // What a shape is computed with.
            [] => return Ok(()),
            _ if operator.code == SHAPE => return Ok(()),
            [map, ..] if map.answered && !matches!(operator.code, RESHAPE | SQUEEZE) => {
                return Err(operator.problem("follows the network's answer"));
            }
            [map, ..]
                if map.padding != [0; 4]
                    && !matches!(operator.code, CONV_2D | DEPTHWISE_CONV_2D | MAX_POOL_2D | AVERAGE_POOL_2D) =>
            {
                return Err(operator.problem("follows a PAD that belongs to no window"));
            }
            [one, other] if operator.code == ADD => {
                let layer = self.net.sum(one.layer, other.layer, &place(operator))?;
                self.activated(operator, layer, operator.byte(0)?)?
            }
            [map] => self.layer(operator, map)?,
            _ => return Err(operator.problem(operators::reason(operator.code))),
        };
        if self.net.is_too_long() {
            return Err(operator.problem("is one layer more than a line can have"));
        }
        self.maps.insert(operator.output, made);
        Ok(())
    }

    /// Returns the floats of a constant input.
    fn floats(&mut self, operator: &Operator<'_>, number: usize) -> Result<Vec<f32>, TfLiteError> {
        let index = operator.input(number)?;
        let tensor = self.graph.tensor(self.widened.get(&index).copied().unwrap_or(index))?;
        let values: Vec<f32> = match tensor.kind {
            Kind::Float => tensor.data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            Kind::Half => tensor.data.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
            Kind::Int8 => {
                return Err(operator.problem(
                    "has 8-bit weights and maps of floats; convert the model without optimisations, or with full-integer \
                     int8 quantisation",
                ));
            }
            _ => return Err(operator.problem(format!("has an input {number} that is not floats"))),
        };
        // The tensor that has the bits may state another shape than the one that is read.
        if values.len() != product(&self.graph.tensor(index)?.shape) {
            return Err(operator.problem(format!("has an input {number} that is not constant")));
        }
        match self.left.checked_sub(values.len()) {
            Some(left) => self.left = left,
            None => return Err(operator.problem("has weights that many other operators have")),
        }
        Ok(values)
    }

    /// Returns the biases; zeros if there are none.
    fn bias(&mut self, operator: &Operator<'_>, outputs: usize) -> Result<Vec<f32>, TfLiteError> {
        match operator.inputs.get(2) {
            Some(Some(_)) => self.floats(operator, 2),
            _ => Ok(vec![0.0; outputs]),
        }
    }

    /// Adds an operator's own activation to a new layer.
    fn activated(&mut self, operator: &Operator<'_>, layer: Id, code: u8) -> Result<Map, TfLiteError> {
        let layer = match activation(operator, code)? {
            Activation::Identity => layer,
            activation => self.net.activate(layer, activation, true, &place(operator)),
        };
        Ok(self.made(layer))
    }

    fn layer(&mut self, operator: &Operator<'_>, map: Map) -> Result<Map, TfLiteError> {
        let size = self.net.size(map.layer);
        let is_window = matches!(operator.code, CONV_2D | DEPTHWISE_CONV_2D | MAX_POOL_2D | AVERAGE_POOL_2D | MEAN);
        if is_window && map.flat && size[..2] != [1, 1] {
            return Err(operator.problem("reads a map as a vector; only a fully connected layer can"));
        }
        let place = place(operator);
        match operator.code {
            CONV_2D | DEPTHWISE_CONV_2D => self.convolution(operator, map, size),
            MAX_POOL_2D | AVERAGE_POOL_2D => self.pool(operator, map, size),
            PAD => self.pad(operator, map),
            MEAN => {
                let axes = self.graph.tensor(operator.input(1)?)?;
                let mut axes: Vec<i32> = axes.ints().map(|axis| if axis < 0 { axis + 4 } else { axis }).collect();
                axes.sort_unstable();
                if axes != [1, 2] {
                    return Err(operator.problem("averages other sides than rows and columns"));
                }
                let layer = self.net.global_average(map.layer, &place);
                // Of one pixel it is the map itself.
                Ok(Map { alone: layer != map.layer || map.alone, ..self.made(layer) })
            }
            FULLY_CONNECTED => {
                let shape = self.graph.tensor(operator.input(1)?)?.shape;
                let &[outputs, _] = &shape[..] else {
                    return Err(operator.problem("has weights that are not of two dimensions"));
                };
                let (weights, bias) = (self.floats(operator, 1)?, self.bias(operator, outputs)?);
                if bias.len() != outputs {
                    return Err(operator.problem("has biases that do not fit its outputs"));
                }
                let layer = self.net.full(map.layer, weights, bias, map.alone, &place)?;
                self.activated(operator, layer, operator.byte(0)?)
            }
            RESHAPE | SQUEEZE => {
                let after = self.graph.tensor(operator.output)?.shape;
                let sides = |shape: &[usize]| shape.iter().copied().filter(|&side| side != 1).collect::<Vec<_>>();
                let (own, after) = (sides(&size), sides(&after));
                let flat = after.len() <= 1;
                if product(&own) != product(&after) || !(flat || own == after) {
                    return Err(operator.problem("turns a map into another map; only a map as a vector can follow"));
                }
                Ok(Map { flat: map.flat || flat, ..map })
            }
            RELU | RELU6 => {
                let activation = if operator.code == RELU { Activation::Relu } else { Activation::Relu6 };
                let layer = self.net.activate(map.layer, activation, map.alone, &place);
                Ok(Map { layer, alone: true, ..map })
            }
            MUL | ADD | SUB => self.arithmetic(operator, map, size[2]),
            SOFTMAX | LOGISTIC if operator.output == self.graph.output => Ok(Map { answered: true, ..map }),
            SOFTMAX => Err(operator.problem("is not at the end of the network, where it is left out")),
            code => Err(operator.problem(operators::reason(code))),
        }
    }

    fn convolution(&mut self, operator: &Operator<'_>, map: Map, input: Size) -> Result<Map, TfLiteError> {
        let shape = self.graph.tensor(operator.input(1)?)?.shape;
        let &[first, rows, columns, last] = &shape[..] else {
            return Err(operator.problem("has weights that are not of four dimensions"));
        };
        let depthwise = operator.code == DEPTHWISE_CONV_2D;
        let (act, dilations) = if depthwise { (4, [5, 6]) } else { (3, [4, 5]) };
        for dilation in dilations {
            if operator.int(dilation, 1)? != 1 {
                return Err(operator.problem("is dilated; lines have no dilation"));
            }
        }
        let (outputs, groups) = if depthwise { (last, input[2]) } else { (first, input[2] / last.max(1)) };
        let mut weights = self.floats(operator, 1)?;
        if depthwise && first != 1 {
            return Err(operator.problem("has weights that do not fit its map"));
        }
        if depthwise {
            // From [fan-in][out] to [out][fan-in].
            let fan_in = rows * columns;
            weights = (0..weights.len()).map(|i| weights[i % fan_in * outputs + i / fan_in]).collect();
        }
        let bias = self.bias(operator, outputs)?;
        if bias.len() != outputs || weights.is_empty() {
            return Err(operator.problem("has biases that do not fit its outputs"));
        }
        let strides = [operator.int(2, 1)?, operator.int(1, 1)?];
        let window = window(operator, input, [rows, columns], strides, map.padding)?;
        let convolution = Convolution { window, groups, weights, bias };
        let layer = self.net.convolution(map.layer, convolution, &place(operator))?;
        self.activated(operator, layer, operator.byte(act)?)
    }

    fn pool(&mut self, operator: &Operator<'_>, map: Map, input: Size) -> Result<Map, TfLiteError> {
        let [width, height] = [operator.int(3, 0)?, operator.int(4, 0)?].map(|side| usize::try_from(side).unwrap_or(0));
        let strides = [operator.int(2, 1)?, operator.int(1, 1)?];
        let window = window(operator, input, [height, width], strides, map.padding)?;
        let padded = map.padding != [0; 4];
        let place = place(operator);
        let layer = match operator.code {
            MAX_POOL_2D if !padded || self.net.is_positive(map.layer) => self.net.maximum(map.layer, window, &place)?,
            AVERAGE_POOL_2D if !padded || operator.byte(0)? == 1 => {
                self.net.average(map.layer, window, padded, &place)?
            }
            _ => return Err(operator.problem("follows a PAD whose zeros its pool would not count as a line does")),
        };
        self.activated(operator, layer, operator.byte(5)?)
    }

    fn pad(&mut self, operator: &Operator<'_>, map: Map) -> Result<Map, TfLiteError> {
        let amounts = self.graph.tensor(operator.input(1)?)?;
        let amounts: Vec<usize> = amounts.ints().map(|amount| usize::try_from(amount).unwrap_or(usize::MAX)).collect();
        let &[0, 0, above, below, left, right, 0, 0] = &amounts[..] else {
            return Err(operator.problem("pads other sides than rows and columns"));
        };
        let padding = [above, below, left, right];
        if map.flat || padding.iter().any(|&side| side > 255) {
            return Err(operator.problem("pads by more than 255 pixels, or no map"));
        }
        Ok(Map { padding, ..map })
    }

    /// Adds an operator of a map and of a constant that is one number for each channel.
    fn arithmetic(&mut self, operator: &Operator<'_>, map: Map, channels: usize) -> Result<Map, TfLiteError> {
        let map_is_first = self.maps.contains_key(&operator.input(0)?);
        let mut values = self.floats(operator, usize::from(map_is_first))?;
        if let [single] = values[..] {
            values = vec![single; channels];
        }
        if values.len() != channels || (map.flat && self.net.size(map.layer)[..2] != [1, 1]) {
            return Err(operator.problem("combines a map with a constant that is not one number for each channel"));
        }
        let negative = |values: &[f32]| values.iter().map(|value| -value).collect::<Vec<f32>>();
        let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
        let (factor, shift) = match (operator.code, map_is_first) {
            (MUL, _) => (values, zeros),
            (ADD, _) => (ones, values),
            (_, true) => (ones, negative(&values)),
            (_, false) => (negative(&ones), values),
        };
        let layer = self.net.scale(map.layer, &factor, &shift, map.alone, &place(operator));
        let code = operator.byte(0)?;
        match activation(operator, code)? {
            Activation::Identity => Ok(Map { layer, alone: true, ..map }),
            activation => {
                let layer = self.net.activate(layer, activation, true, &place(operator));
                Ok(Map { layer, alone: true, ..map })
            }
        }
    }
}

impl From<Problem> for TfLiteError {
    fn from(problem: Problem) -> Self {
        match problem.place {
            // The name comes from this program's own list.
            Some(Place { index, name }) => {
                let known = operators::by_name(&name);
                Self::Operator { index, name: known, problem: problem.text }
            }
            None => Self::Model(problem.text),
        }
    }
}
