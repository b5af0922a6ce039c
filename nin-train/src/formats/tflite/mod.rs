//! Imports networks from [TensorFlow Lite](https://ai.google.dev/edge/litert) models: of 8-bit integers, exactly, and of
//! floats.
//!
//! `flatbuffer` reads the file with checked bounds, `graph` its tensors and operators, `operators` names them. `layers`
//! computes what one operator becomes, `chain` follows the operators from the image to the logits and makes them a
//! line. `float` makes layers of a model of floats. What is outside of the family of networks that a line describes is an error that names the operator.
//!
//! Imports [`model_file`](super::model_file), [`lowering`] and [`support`](crate::support).

mod chain;
mod error;
mod flatbuffer;
mod float;
mod graph;
mod layers;
mod operators;

use nin_core::Spec;

use self::chain::Chain;
pub use self::chain::Place;
pub use self::error::TfLiteError;
use self::graph::{Graph, IDENTIFIER};
use self::layers::{quantization, size};
use super::lowering;
use super::model_file::AffineModel;
use crate::network::preprocessing::Preprocessing;

/// A network that TensorFlow Lite quantised.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The network, which can be written as a model file.
    pub model: AffineModel,
    /// For each operator that makes a map, where the map appears in the network.
    pub places: Vec<Place>,
}

/// Returns whether a file is a TensorFlow Lite model, by its first bytes.
pub fn is_tflite(file: &[u8]) -> bool {
    file.get(4..8) == Some(IDENTIFIER)
}

/// Imports a model of floats, or returns `None` if its maps are integers, which [`import`] reads.
///
/// # Errors
///
/// [`TfLiteError`] if the file is damaged, or names the operator that is outside of the family.
pub fn import_floats(file: &[u8]) -> Result<Option<lowering::Imported>, TfLiteError> {
    let graph = Graph::read(file)?;
    match float::is_float(&graph)? {
        true => float::import(&graph).map(Some),
        false => Ok(None),
    }
}

/// Imports a model of full-integer int8: the network computes the bytes of TensorFlow Lite's reference kernels.
///
/// # Errors
///
/// [`TfLiteError`] if the file is damaged, or names the operator that is outside of the family.
pub fn import(file: &[u8]) -> Result<Imported, TfLiteError> {
    let graph = Graph::read(file)?;
    let mut input = graph.input;
    let mut chain = Chain::new(&graph);
    // A model of floats or unsigned bytes with integers inside begins with their conversion.
    if let [operator] = graph.readers(input)[..]
        && operator.code == operators::QUANTIZE
    {
        input = operator.output;
    }
    let readers = graph.readers(input);
    let Some(first) = readers.first() else {
        return Err(TfLiteError::Model("has no operator that reads its input".to_owned()));
    };
    let image = graph.tensor(input)?;
    let [rows, columns, channels] = size(first, &image)?;
    let image = quantization(first, &image)?;
    chain.follow(input)?;
    let line = format!("{channels}x{rows}x{columns} {}", chain.words.join(" "));
    let spec: Spec = line.parse().map_err(|error| {
        TfLiteError::Model(format!("would be the line `{line}`, which is outside of the family: {error}"))
    })?;
    let preprocessing =
        Preprocessing { mean: vec![f32::from(image.unsigned_zero()); channels], scale: vec![image.scale; channels] };
    let Chain { records, places, .. } = chain;
    let model = AffineModel { spec, preprocessing, class_names: Vec::new(), records };
    if !model.fits() {
        return Err(TfLiteError::Model("has weights that do not fit its maps".to_owned()));
    }
    Ok(Imported { model, places })
}
