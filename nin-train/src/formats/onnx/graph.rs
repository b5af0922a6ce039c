//! Builds an ONNX graph node by node.
//!
//! Field numbers are those of `onnx.proto`, version 1.8 of the format (IR version 7, operator set 13).

use super::proto::Message;

const IR_VERSION: i64 = 7;
const OPSET: i64 = 13;
/// The name of this program in its files.
pub(super) const PRODUCER: &str = "nin-train";

/// A value in the graph: an input, an initializer or a node's output.
pub(super) type Name = String;

/// Element types of `TensorProto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Float = 1,
    Uint8 = 2,
    Int8 = 3,
    Int32 = 6,
}

/// A node's attribute.
#[derive(Clone, Copy, Debug)]
pub(super) enum Attribute<'a> {
    Int(i64),
    Ints(&'a [i64]),
}

/// A graph under construction.
#[derive(Debug, Default)]
pub(super) struct Graph {
    graph: Message,
    values: usize,
}

impl Graph {
    /// Adds a constant (an initializer) and returns its name.
    pub fn constant(&mut self, name: &str, element: Element, dims: &[usize], data: Vec<u8>) -> Name {
        let tensor = Message::default()
            .each(dims, |message, &dim| message.int(1, dim as i64))
            .int(2, element as i64)
            .bytes(8, name)
            .bytes(9, data);
        self.graph = std::mem::take(&mut self.graph).message(5, &tensor);
        name.to_owned()
    }

    /// Adds a constant of floats and returns its name.
    pub fn floats(&mut self, name: &str, dims: &[usize], values: impl IntoIterator<Item = f32>) -> Name {
        self.constant(name, Element::Float, dims, values.into_iter().flat_map(f32::to_le_bytes).collect())
    }

    /// Adds a node with one output and returns the output's name.
    pub fn node(&mut self, op: &str, inputs: &[&Name], attributes: &[(&str, Attribute<'_>)]) -> Name {
        self.values += 1;
        let output = format!("{}{}", op.to_lowercase(), self.values);
        self.named(op, inputs, attributes, output)
    }

    /// Adds a node whose output has the name `output`.
    pub fn named(
        &mut self,
        op: &str,
        inputs: &[&Name],
        attributes: &[(&str, Attribute<'_>)],
        output: impl Into<Name>,
    ) -> Name {
        let output = output.into();
        let node = Message::default()
            .each(inputs, |message, input| message.bytes(1, input))
            .bytes(2, &output)
            .bytes(3, &output)
            .bytes(4, op)
            .each(attributes, |message, (name, value)| message.message(5, &attribute(name, *value)));
        self.graph = std::mem::take(&mut self.graph).message(1, &node);
        output
    }

    /// Returns the bytes of the model, with one input of bytes and one output of floats, both for any number of images.
    pub fn into_model(
        self,
        (input, input_dims): (&str, &[usize]),
        (output, output_dims): (&str, &[usize]),
        notes: &[(&str, &str)],
    ) -> Vec<u8> {
        let graph = self
            .graph
            .bytes(2, "network in network")
            .message(11, &value(input, Element::Uint8, input_dims))
            .message(12, &value(output, Element::Float, output_dims));
        Message::default()
            .int(1, IR_VERSION)
            .bytes(2, PRODUCER)
            .bytes(3, env!("CARGO_PKG_VERSION"))
            .message(7, &graph)
            .message(8, &Message::default().bytes(1, "").int(2, OPSET))
            .each(notes, |message, (key, text)| message.message(14, &Message::default().bytes(1, key).bytes(2, text)))
            .into_bytes()
    }
}

fn attribute(name: &str, value: Attribute<'_>) -> Message {
    const INT: i64 = 2;
    const INTS: i64 = 7;
    let message = Message::default().bytes(1, name);
    match value {
        Attribute::Int(value) => message.int(3, value).int(20, INT),
        Attribute::Ints(values) => message.each(values, |message, &value| message.int(8, value)).int(20, INTS),
    }
}

/// Returns the `ValueInfoProto` of a tensor for any number of images.
fn value(name: &str, element: Element, dims: &[usize]) -> Message {
    let images = Message::default().bytes(2, "images");
    let shape = Message::default()
        .message(1, &images)
        .each(dims, |message, &dim| message.message(1, &Message::default().int(1, dim as i64)));
    let tensor = Message::default().int(1, element as i64).message(2, &shape);
    Message::default().bytes(1, name).message(2, &Message::default().message(1, &tensor))
}
