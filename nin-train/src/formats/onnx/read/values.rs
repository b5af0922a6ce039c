//! What each name of a model stands for: a constant, or the output of a layer.

use std::collections::HashMap;

use super::Beside;
use super::axes::{Axes, Axis};
use super::constant::{Constant, external};
use super::error::OnnxError;
use super::model::{Model, Node};
use super::windows::Padding;
use super::wire::Message;
use crate::formats::lowering::{Id, Problem, Size};

/// The output of a layer.
#[derive(Clone, Debug)]
pub struct Map {
    pub layer: Id,
    /// The sides of the map in each dimension.
    pub axes: Axes,
    /// Zeros around it that the next window takes in.
    pub padding: Padding,
    /// Whether no other operator reads the layer.
    pub alone: bool,
    /// Whether it is the answer: a softmax has been left out.
    pub answered: bool,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Value {
    Constant(Constant),
    Map(Map),
}

/// What the names that were read stand for.
pub struct Values<'m, 'a, 'b> {
    model: &'m Model<'a>,
    known: HashMap<&'a str, Value>,
    /// The numbers of constants that may still be read: a few times those of the file.
    left: usize,
    beside: Beside<'b>,
    /// Files beside the model that were read.
    files: HashMap<String, Vec<u8>>,
}

/// The numbers that a small file may read, whatever its size.
const ALLOWANCE: usize = 1 << 16;

impl<'m, 'a, 'b> Values<'m, 'a, 'b> {
    /// Returns the values of a model of `bytes` bytes, none of them known.
    pub fn new(model: &'m Model<'a>, bytes: usize, beside: Beside<'b>) -> Self {
        let left = bytes.saturating_mul(2).saturating_add(ALLOWANCE);
        Self { model, known: HashMap::new(), left, beside, files: HashMap::new() }
    }

    /// States what a name stands for.
    pub fn insert(&mut self, name: &'a str, value: Value) {
        self.known.insert(name, value);
    }

    /// Returns the map that a name stands for, if it does; it is not alone if other operators read this name.
    pub fn map(&self, name: &str) -> Option<Map> {
        match self.known.get(name)? {
            Value::Map(map) => Some(Map { alone: map.alone && self.model.is_read_once(name), ..map.clone() }),
            Value::Constant(_) => None,
        }
    }

    /// Returns the constant that a name stands for, if it does.
    pub fn constant(&mut self, name: &str, node: &Node<'_>) -> Result<Option<Constant>, OnnxError> {
        let found = match self.known.get(name) {
            Some(Value::Constant(constant)) => Some(constant.clone()),
            Some(Value::Map(_)) => None,
            None => match self.model.initialisers.get(name) {
                Some(&tensor) => self.read(tensor, node)?,
                None => None,
            },
        };
        let Some(constant) = found else { return Ok(None) };
        self.count(constant.numbers.len(), node)?;
        Ok(Some(constant))
    }

    /// Limits the numbers of all constants to a small multiple of the file's size.
    fn count(&mut self, numbers: usize, node: &Node<'_>) -> Result<(), OnnxError> {
        match self.left.checked_sub(numbers) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(node.problem("reads constants that many other operators have read")),
        }
    }

    /// Reads a tensor of the model.
    pub fn read(&mut self, tensor: Message<'_>, node: &Node<'_>) -> Result<Option<Constant>, OnnxError> {
        let Some(place) = external(tensor)? else { return Constant::read(tensor, None) };
        let name = place.location;
        // A file in the model's folder, and none elsewhere.
        if name.is_empty() || name.contains(['/', '\\', ':']) || name.starts_with('.') {
            return Err(Problem::whole(format!("keeps weights in {name}, which is not in its own folder")).into());
        }
        if !self.files.contains_key(name) {
            let file = (self.beside)(name).map_err(|problem| OnnxError::External { file: name.to_owned(), problem })?;
            self.left = self.left.saturating_add(file.len());
            self.files.insert(name.to_owned(), file);
        }
        let file = self.files.get(name).map_or(&[][..], Vec::as_slice);
        let end = place.length.map_or(Some(file.len()), |length| place.offset.checked_add(length));
        let bytes = end.and_then(|end| file.get(place.offset..end)).ok_or_else(|| OnnxError::External {
            file: name.to_owned(),
            problem: format!("it ends before the weights of operator {}", node.place.index),
        })?;
        Constant::read(tensor, Some(bytes))
    }
}

/// Returns one number for each channel of a map from a constant that is broadcast to it; `None` if it differs along other
/// sides.
pub fn per_channel(constant: &Constant, axes: &Axes, size: Size) -> Option<Vec<f32>> {
    let values = constant.floats()?;
    let (rank, dims) = (axes.0.len(), &constant.dims);
    // The constant's dimensions are the last ones of the map.
    let leading = dims.len().saturating_sub(rank);
    if dims[..leading].iter().any(|&side| side != 1) {
        return None;
    }
    let dims = &dims[leading..];
    for (side, sides) in dims.iter().zip(&axes.0[rank - dims.len()..]) {
        let fits = *side == 1 || (sides[..] == [Axis::Channels] && *side == size[2]);
        if !fits {
            return None;
        }
    }
    match values {
        [single] => Some(vec![*single; size[2]]),
        values => (values.len() == size[2]).then(|| values.to_vec()),
    }
}
