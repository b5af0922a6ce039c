//! Exchange with PyTorch by safetensors files.
//!
//! In memory, weights are channels-last. A safetensors file has PyTorch's shapes: `[out, in, rows, columns]` for a
//! convolution, `[out, in]` for a fully connected layer, whose inputs are flattened channels first.
//! [`Trained::to_safetensors`] names tensors as in the state dict of Dive into Deep Learning's `NiN` ([`book_names`]).
//! [`read`] accepts those names, or any other names that sort in layer order, with f32, f16 or bf16 numbers.

mod error;
mod names;
mod pairs;

use std::collections::HashMap;

use ::safetensors::tensor::{Dtype, SafeTensors, TensorView};
use half::{bf16, f16};
use nin_core::plan::LayerKind;
use nin_core::{Plan, Spec};
use serde_json::{Value, json};

pub use error::TensorError;
pub use names::book_names;

use crate::network::parameters::{Tensor, tensors};
use crate::network::preprocessing::Preprocessing;
use crate::network::trained::Trained;

/// The metadata key under which [`Trained::to_safetensors`] stores architecture, preprocessing and class names. It is a
/// single key, so that the same network always gives the same bytes.
const KEY: &str = "nin";

/// The metadata of a network. A file that PyTorch wrote may lack any of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// The architecture line.
    pub line: Option<String>,
    /// The preprocessing of an image's bytes.
    pub preprocessing: Option<Preprocessing>,
    /// The names of the classes by label.
    pub class_names: Vec<String>,
}

/// Returns the shape of a weight in PyTorch.
fn torch_shape(tensor: &Tensor) -> Vec<usize> {
    match tensor.layer.kind {
        LayerKind::Convolution(_) => {
            let (rows, columns) = tensor.kernel();
            vec![tensor.bias.len(), tensor.channels(), rows, columns]
        }
        _ => vec![tensor.bias.len(), tensor.layer.fan_in()],
    }
}

impl Trained {
    /// Returns the bytes of a safetensors file with all parameters in f32.
    ///
    /// # Errors
    ///
    /// [`TensorError`] if the parameters do not fit the architecture.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, TensorError> {
        let plan = self.plan();
        if self.parameters.len() != plan.parameters() {
            return Err(TensorError::Parameters { got: self.parameters.len(), expected: plan.parameters() });
        }
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let mut made = Vec::new();
        for (tensor, name) in tensors(&plan).iter().zip(book_names(&plan)) {
            let weight: Vec<f32> = tensor.torch_order().map(|at| self.parameters[at]).collect();
            let bias = &self.parameters[tensor.bias.clone()];
            made.push((format!("{name}.weight"), torch_shape(tensor), bytes(&weight)));
            made.push((format!("{name}.bias"), vec![bias.len()], bytes(bias)));
        }
        let mut views = Vec::with_capacity(made.len());
        for (name, shape, data) in &made {
            views.push((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data)?));
        }
        let about = json!({
            "line": self.spec.to_string(),
            "mean": self.preprocessing.mean,
            "scale": self.preprocessing.scale,
            "classes": self.class_names,
        });
        Ok(::safetensors::serialize(views, Some(HashMap::from([(KEY.to_owned(), about.to_string())])))?)
    }
}

/// Returns the network's metadata from a safetensors file.
///
/// # Errors
///
/// [`TensorError`] if the file is broken.
pub fn about(file: &[u8]) -> Result<About, TensorError> {
    let (_, metadata) = SafeTensors::read_metadata(file)?;
    let text = metadata.metadata().as_ref().and_then(|map| map.get(KEY));
    // Metadata of another program under this key is ignored.
    let value: Value = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let numbers = |key: &str| -> Option<Vec<f32>> {
        value.get(key)?.as_array()?.iter().map(|number| number.as_f64().map(|number| number as f32)).collect()
    };
    let names = |value: &Value| -> Option<Vec<String>> {
        value.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
    };
    Ok(About {
        line: value.get("line").and_then(Value::as_str).map(str::to_owned),
        preprocessing: numbers("mean").zip(numbers("scale")).map(|(mean, scale)| Preprocessing { mean, scale }),
        class_names: value.get("classes").and_then(names).unwrap_or_default(),
    })
}

/// Returns the parameters of a network of this architecture from a safetensors file.
///
/// Tensors are matched by [`book_names`] if the file has exactly those, and else by order: names in natural order
/// (`10` after `9`), convolutions before fully connected layers. Shapes must fit exactly.
///
/// # Errors
///
/// [`TensorError`] if the file is broken or does not contain this network. [`TensorError::Mismatch`] lists the
/// expected and the found tensors.
pub fn read(spec: &Spec, file: &[u8]) -> Result<Vec<f32>, TensorError> {
    let plan = Plan::new(*spec);
    let file = SafeTensors::deserialize(file)?;
    let found: Vec<(&str, TensorView<'_>)> = file.iter().collect();
    let expected = tensors(&plan);
    let shapes: Vec<Vec<usize>> = expected.iter().map(torch_shape).collect();
    let stems = book_names(&plan);
    let pairs =
        pairs::matched(&stems, &shapes, &found).map_err(|problem| mismatch(problem, &stems, &shapes, &found))?;

    let mut parameters = vec![0.0; plan.parameters()];
    for (tensor, (weight, bias)) in expected.iter().zip(pairs) {
        tensor.torch_order().zip(values(weight)?).for_each(|(at, value)| parameters[at] = value);
        parameters[tensor.bias.clone()].copy_from_slice(&values(bias)?);
    }
    Ok(parameters)
}

/// A tensor's numbers; all of them finite.
fn values((name, tensor): &(&str, TensorView<'_>)) -> Result<Vec<f32>, TensorError> {
    let finite = |values: Vec<f32>| match values.iter().all(|value| value.is_finite()) {
        true => Ok(values),
        false => Err(TensorError::NotFinite { name: (*name).to_owned() }),
    };
    let pairs = || tensor.data().chunks_exact(2).map(|bytes| [bytes[0], bytes[1]]);
    match tensor.dtype() {
        Dtype::F32 => {
            let quads = tensor.data().chunks_exact(4);
            finite(quads.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect())
        }
        Dtype::F16 => finite(pairs().map(|bytes| f16::from_le_bytes(bytes).to_f32()).collect()),
        Dtype::BF16 => finite(pairs().map(|bytes| bf16::from_le_bytes(bytes).to_f32()).collect()),
        other => Err(TensorError::Dtype { name: (*name).to_owned(), dtype: format!("{other:?}") }),
    }
}

fn mismatch(problem: String, stems: &[String], shapes: &[Vec<usize>], found: &[(&str, TensorView<'_>)]) -> TensorError {
    let expected = stems.iter().zip(shapes).flat_map(|(stem, shape)| {
        [(format!("{stem}.weight"), shape.clone()), (format!("{stem}.bias"), vec![shape[0]])]
    });
    let mut found: Vec<_> = found.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.shape().to_vec())).collect();
    found.sort_by(|(a, _), (b, _)| names::natural(a, b));
    TensorError::Mismatch { problem, expected: expected.collect(), found }
}
