//! The messages of an ONNX model: nodes, initialisers, inputs, outputs.
//!
//! Field numbers are those of `onnx.proto`.

use std::collections::HashMap;

use super::error::OnnxError;
use super::wire::{Damaged, Message};
use crate::formats::lowering::{Place, Problem};
use crate::formats::onnx::graph::PRODUCER;

/// The most nodes and the most initialisers of a model: a line has far fewer.
const MOST_NODES: usize = 10_000;
/// The most inputs of a node that has any effect on an image: none of the family has more than nine.
const MOST_INPUTS: usize = 64;
/// The oldest set of operators that is read.
const OLDEST: i64 = 11;

/// A model.
#[derive(Debug)]
pub struct Model<'a> {
    /// The operators in the order of execution.
    pub nodes: Vec<Node<'a>>,
    /// The constants that are not made by a node, by name.
    pub initialisers: HashMap<&'a str, Message<'a>>,
    /// The input that the caller writes.
    pub input: Input<'a>,
    /// The name of the answer.
    pub output: &'a str,
    /// Whether this program wrote the model.
    pub is_own: bool,
    /// The line, if this program wrote the model.
    pub line: &'a str,
    /// The names of the classes, if this program wrote the model.
    pub class_names: Vec<String>,
    /// The number of operators that read each value; the answer counts as one more.
    pub readers: HashMap<&'a str, usize>,
}

/// The image.
#[derive(Debug)]
pub struct Input<'a> {
    pub name: &'a str,
    /// The type of its values, as a number of `TensorProto.DataType`.
    pub element: i64,
    /// Its shape; `None` is a side that the file leaves open.
    pub dims: Vec<Option<usize>>,
}

/// An operator.
#[derive(Debug)]
pub struct Node<'a> {
    pub place: Place,
    pub op: &'a str,
    /// Names of its inputs; an empty one is left out.
    pub inputs: Vec<&'a str>,
    pub outputs: Vec<&'a str>,
    message: Message<'a>,
}

fn text(bytes: &[u8]) -> Result<&str, Damaged> {
    std::str::from_utf8(bytes).map_err(|_| Damaged)
}

/// Returns the texts of a repeated field.
fn texts<'a>(message: Message<'a>, field: u32, most: usize) -> Result<Vec<&'a str>, Damaged> {
    let mut found = Vec::new();
    message.each(field, |bytes| {
        if found.len() < most {
            found.push(text(bytes)?);
        }
        Ok(())
    })?;
    Ok(found)
}

impl<'a> Model<'a> {
    /// Reads a file's messages.
    pub fn read(file: &'a [u8]) -> Result<Self, OnnxError> {
        let model = Message(file);
        let opset = opset(model)?;
        if opset < OLDEST {
            return Err(Problem::whole(format!(
                "has operators of version {opset}; export it with opset {OLDEST} or a later one"
            ))
            .into());
        }
        let graph = model.message(7)?.ok_or(Damaged)?;
        let mut messages = Vec::new();
        graph.each(1, |bytes| {
            if messages.len() <= MOST_NODES {
                messages.push(Message(bytes));
            }
            Ok(())
        })?;
        let mut initialisers = HashMap::new();
        graph.each(5, |bytes| {
            let tensor = Message(bytes);
            if initialisers.len() <= MOST_NODES {
                initialisers.insert(tensor.text(8)?, tensor);
            }
            Ok(())
        })?;
        if messages.len().max(initialisers.len()) > MOST_NODES {
            return Err(Problem::whole(format!("has more than {MOST_NODES} operators or constants")).into());
        }
        let nodes = messages.into_iter().enumerate().map(|(index, message)| Node::read(index, message));
        let nodes = nodes.collect::<Result<Vec<_>, Damaged>>()?;
        let mut inputs = Vec::new();
        graph.each(11, |bytes| {
            let value = Message(bytes);
            if inputs.len() < 2 && !initialisers.contains_key(value.text(1)?) {
                inputs.push(value);
            }
            Ok(())
        })?;
        let [input] = inputs[..] else {
            let problem =
                if inputs.is_empty() { "has no input" } else { "has several inputs; a network has one image" };
            return Err(Problem::whole(problem).into());
        };
        let outputs = {
            let mut outputs = Vec::new();
            graph.each(12, |bytes| {
                if outputs.len() < 2 {
                    outputs.push(Message(bytes).text(1)?);
                }
                Ok(())
            })?;
            outputs
        };
        let [output] = outputs[..] else {
            return Err(Problem::whole("has several outputs; a network has one answer").into());
        };
        let mut readers = HashMap::from([(output, 1)]);
        for name in nodes.iter().filter(|node| node.op != "Shape").flat_map(|node| &node.inputs) {
            *readers.entry(*name).or_insert(0) += 1;
        }
        let input = Input::read(input)?;
        let class_names = note(model, "classes")?.lines().map(str::to_owned).collect();
        let (is_own, line) = (model.text(2)? == PRODUCER, note(model, "line")?);
        Ok(Self { nodes, initialisers, input, output, is_own, line, class_names, readers })
    }

    /// Whether only one operator reads a value.
    pub fn is_read_once(&self, name: &str) -> bool {
        self.readers.get(name) == Some(&1)
    }
}

/// Returns the version of the operators.
fn opset(model: Message<'_>) -> Result<i64, Damaged> {
    let mut version = 0;
    model.each(8, |bytes| {
        let set = Message(bytes);
        if matches!(set.text(1)?, "" | "ai.onnx") {
            version = set.int(2)?;
        }
        Ok(())
    })?;
    Ok(version)
}

/// Returns the metadata under a key; nothing if there is none.
fn note<'a>(model: Message<'a>, key: &str) -> Result<&'a str, Damaged> {
    let mut text = "";
    model.each(14, |bytes| {
        let note = Message(bytes);
        if note.text(1)? == key {
            text = note.text(2)?;
        }
        Ok(())
    })?;
    Ok(text)
}

impl<'a> Input<'a> {
    fn read(value: Message<'a>) -> Result<Self, Damaged> {
        let tensor = value.message(2)?.and_then(|kind| kind.message(1).transpose()).transpose()?.unwrap_or_default();
        let mut dims = Vec::new();
        tensor.message(2)?.unwrap_or_default().each(1, |bytes| {
            let side = usize::try_from(Message(bytes).int(1)?).ok().filter(|&side| side > 0);
            if dims.len() < 8 {
                dims.push(side);
            }
            Ok(())
        })?;
        Ok(Self { name: value.text(1)?, element: tensor.int(1)?, dims })
    }
}

impl<'a> Node<'a> {
    fn read(index: usize, message: Message<'a>) -> Result<Self, Damaged> {
        let (op, domain) = (message.text(4)?, message.text(7)?);
        let name = if matches!(domain, "" | "ai.onnx") { op.to_owned() } else { format!("{domain}.{op}") };
        let (inputs, outputs) = (texts(message, 1, MOST_INPUTS)?, texts(message, 2, MOST_INPUTS)?);
        // An operator of another domain has a name that no operator of the family has, except onnxruntime's of integers.
        let is_known = name == op || (domain == "com.microsoft" && op.starts_with('Q'));
        let op = if is_known { op } else { "" };
        Ok(Self { place: Place { index, name }, op, inputs, outputs, message })
    }

    /// Returns an error that names the operator; `problem` continues the sentence.
    pub fn problem(&self, problem: impl Into<String>) -> OnnxError {
        self.place.problem(problem).into()
    }

    /// Returns the name of input `number`, if it is there.
    pub fn input(&self, number: usize) -> Option<&'a str> {
        self.inputs.get(number).copied().filter(|name| !name.is_empty())
    }

    /// Returns the name of its first output.
    pub fn output(&self) -> Result<&'a str, OnnxError> {
        self.outputs.first().copied().ok_or_else(|| self.problem("has no output"))
    }

    /// Returns an attribute.
    fn attribute(&self, name: &str) -> Result<Option<Message<'a>>, Damaged> {
        let mut found = None;
        self.message.each(5, |bytes| {
            let attribute = Message(bytes);
            if attribute.text(1)? == name {
                found = Some(attribute);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Returns an integer attribute, or its default.
    pub fn int(&self, name: &str, default: i64) -> Result<i64, Damaged> {
        self.attribute(name)?.map_or(Ok(default), |attribute| attribute.int(3))
    }

    /// Returns a float attribute, or its default.
    pub fn float(&self, name: &str, default: f32) -> Result<f32, Damaged> {
        Ok(self.attribute(name)?.map(|attribute| attribute.float(2)).transpose()?.flatten().unwrap_or(default))
    }

    /// Returns a text attribute, if it is there.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, Damaged> {
        self.attribute(name)?.map(|attribute| attribute.text(4)).transpose()
    }

    /// Returns the first eight of an attribute's integers, if it is there.
    pub fn ints(&self, name: &str) -> Result<Option<Vec<i64>>, Damaged> {
        let Some(attribute) = self.attribute(name)? else { return Ok(None) };
        let mut found = Vec::new();
        attribute.ints(8, |int| {
            if found.len() < 8 {
                found.push(int);
            }
        })?;
        Ok(Some(found))
    }

    /// Returns a tensor attribute, if it is there.
    pub fn tensor(&self, name: &str) -> Result<Option<Message<'a>>, Damaged> {
        Ok(self.attribute(name)?.map(|attribute| attribute.message(5)).transpose()?.flatten())
    }
}
