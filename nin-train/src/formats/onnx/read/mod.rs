//! Imports networks from ONNX models.
//!
//! `wire` reads protobuf's encoding, `model` the operators, `constant` their constants and what operators make of
//! constants. `axes` follows which side of an image a tensor's dimension is, `values` what each name stands for.
//! `operators` turns one operator after the other into layers, which [`lowering`](crate::formats::lowering) makes a line.

mod axes;
mod constant;
mod error;
mod model;
mod operators;
mod values;
mod windows;
pub(super) mod wire;

use nin_core::Spec;
use nin_core::plan::{LayerKind, Plan};

pub use self::error::OnnxError;
use self::model::Model;
use self::operators::Reader;
use self::wire::{Damaged, Message, Value};
use crate::formats::lowering::{Imported, Problem};
use crate::formats::model_file::{AffineModel, Integers};
use crate::integers::QuantizedModel;

/// Reads a file that a model names beside itself: its bytes, or why they cannot be read.
pub type Beside<'b> = &'b mut dyn FnMut(&str) -> Result<Vec<u8>, String>;

/// Returns whether a file is an ONNX model: a message with a version and a graph, and no field that ONNX does not have.
pub fn is_onnx(file: &[u8]) -> bool {
    let (mut version, mut graph) = (false, false);
    for field in Message(file).fields() {
        match field {
            Ok((1, Value::Int(1..=99))) => version = true,
            Ok((7, Value::Bytes(_))) => graph = true,
            Ok((2..=25, _)) => {}
            Ok(_) | Err(Damaged) => return false,
        }
    }
    version && graph
}

/// A network in an ONNX model.
#[derive(Clone, Debug)]
pub enum Network {
    /// Its weights are floats.
    Floats(Imported),
    /// Its weights and maps are 8-bit integers.
    Integers(Integers),
}

/// Imports a network: of floats, or of 8-bit integers in QDQ form.
///
/// # Errors
///
/// [`OnnxError`] if the file is damaged, or names the operator that is outside of the family.
pub fn import(file: &[u8], beside: Beside<'_>) -> Result<Network, OnnxError> {
    let model = Model::read(file)?;
    let mut reader = Reader::new(&model, file.len(), beside)?;
    for node in reader.needed() {
        reader.operator(&model.nodes[node])?;
    }
    let (net, answer) = reader.answer()?;
    if net.is_quantised() {
        let mut integers = net.lower_integers(answer)?;
        match &mut integers {
            Integers::Affine(AffineModel { spec, .. }) | Integers::Unsigned(QuantizedModel { spec, .. }) => {
                *spec = stated(&model, *spec);
            }
        }
        if model.class_names.len() == integers.spec().classes() {
            integers.name_classes(&model.class_names);
        }
        return Ok(Network::Integers(integers));
    }
    let mut trained = net.lower(answer)?;
    trained.spec = stated(&model, trained.spec);
    // Metadata of another program under this key is ignored.
    if model.class_names.len() == trained.spec.classes() {
        trained.class_names.clone_from(&model.class_names);
    }
    match model.input.element {
        UINT8 => Ok(Network::Floats(Imported { trained, floats: false })),
        FLOAT | FLOAT16 | DOUBLE => Ok(Network::Floats(Imported { trained, floats: true })),
        _ => Err(Problem::whole("has an input that is neither floats nor bytes").into()),
    }
}

/// Returns the line in a file of this program if it has the layers that the operators are: these do not show dropout, nor
/// which word of the line a layer belongs to. Otherwise returns `found`, the line of the operators.
fn stated(model: &Model<'_>, found: Spec) -> Spec {
    let layers = |spec: Spec| {
        let plan = Plan::new(spec);
        let layers = plan.layers().filter(|layer| layer.kind != LayerKind::Dropout);
        let layers = layers.map(|layer| (layer.kind, layer.input, layer.output, layer.groups, layer.relu, layer.relu6));
        layers.collect::<Vec<_>>()
    };
    let line = model.line.parse().ok().filter(|_| model.is_own);
    line.filter(|line| layers(*line) == layers(found)).unwrap_or(found)
}

const FLOAT: i64 = 1;
const UINT8: i64 = 2;
const FLOAT16: i64 = 10;
const DOUBLE: i64 = 11;
