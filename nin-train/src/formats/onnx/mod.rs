//! Networks as ONNX files, for onnxruntime, tract and other runtimes, and the import of ONNX models of other programs
//! ([`import`], in `read`).
//!
//! In all forms the input `image` is bytes `(images, channels, rows, columns)` and the output `logits` is floats
//! `(images, classes)`. Preprocessing is part of the graph. Shapes and weights are in ONNX's order (channels first).
//!
//! An 8-bit network is written in QDQ form: operators on floats, with QuantizeLinear and DequantizeLinear around each
//! tensor. Runtimes convert this form to integer arithmetic. They round an accumulator once, `docs/int8.md` rounds it
//! twice: of the same inputs, an activation differs by at most one step, and the differences reach the logits.
//!
//! `write` turns a plan into operators. `floats` and `bytes` are the forms in which it writes weights and maps. `graph`
//! collects the operators, `proto` encodes them.

mod bytes;
mod floats;
mod graph;
mod proto;
mod read;
mod write;

use nin_core::Plan;

use crate::formats::model_file::Integers;
use crate::network::trained::Trained;
use bytes::Bytes;
use floats::Floats;
use graph::{Attribute, Element, Graph};
pub use read::{Beside, Network, OnnxError, import, is_onnx};
use write::{IMAGE, Writer};

/// Returns an ONNX file of a network with float weights.
pub fn floats(trained: &Trained) -> Vec<u8> {
    let plan = trained.plan();
    let channels = usize::from(trained.spec.input().channels);
    let mut graph = Graph::default();
    let mut image = graph.node("Cast", &[&IMAGE.to_owned()], &[("to", Attribute::Int(Element::Float as i64))]);
    let shape = [1, channels, 1, 1];
    if trained.preprocessing.mean.iter().any(|&mean| mean != 0.0) {
        let mean = graph.floats("mean", &shape, trained.preprocessing.mean.iter().copied());
        image = graph.node("Sub", &[&image, &mean], &[]);
    }
    let scale = graph.floats("scale", &shape, trained.preprocessing.scale.iter().copied());
    image = graph.node("Mul", &[&image, &scale], &[]);
    Writer::new(graph, &plan, Floats { parameters: &trained.parameters }, image).write(&trained.class_names)
}

/// Returns an ONNX file in QDQ form of a network with integer weights.
pub fn integers(model: &Integers) -> Vec<u8> {
    let mut graph = Graph::default();
    let (plan, mut form) = match model {
        Integers::Unsigned(model) => (model.plan(), Bytes::without_zero_points(model)),
        Integers::Affine(model) => (Plan::new(model.spec), Bytes::with_zero_points(model)),
    };
    let image = form.image(&mut graph);
    Writer::new(graph, &plan, form, image).write(model.class_names())
}
