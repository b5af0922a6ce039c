//! Exchange with PyTorch by safetensors files.
//!
//! In memory, weights are channels-last. A safetensors file has PyTorch's shapes: `[out, in, rows, columns]` for a
//! convolution, `[out, in]` for a fully connected layer, whose inputs are flattened channels first.
//! [`Trained::to_safetensors`] names tensors as in the state dict of Dive into Deep Learning's `NiN` ([`book_names`]).
//! [`read`] accepts those names, or any others whose shapes and numbers show the order of the layers, with f64, f32, f16 or
//! bf16 numbers. Batch normalisation is folded into the layer that it follows.

mod error;
mod names;
mod norms;
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
use pairs::Parts;

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

/// How the tensors of a file become the parameters of a network.
#[derive(Clone, Debug)]
pub struct Matching {
    /// The names of the layers in the order of the line, each without `.weight`; empty if the file shows them. A name may
    /// be followed by `+` and the name of the batch normalisation that follows the layer.
    pub map: Vec<String>,
    /// What batch normalisation adds to a variance.
    pub epsilon: f64,
}

impl Default for Matching {
    /// Returns the matching without a map, and with PyTorch's epsilon, 1e-5.
    fn default() -> Self {
        Self { map: Vec::new(), epsilon: 1e-5 }
    }
}

/// The parameters of a network, and what they were made of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found {
    /// The parameters, in the order of [`parameters`](crate::network::parameters).
    pub parameters: Vec<f32>,
    /// For each layer with weights, its name in the line and the names of its tensors.
    pub layers: Vec<(String, Vec<String>)>,
    /// The number of tensors of 64-bit floats, which were rounded to 32 bits.
    pub rounded: usize,
}

/// Returns the parameters of a network of this architecture from a safetensors file.
///
/// # Errors
///
/// As [`read_matched`].
pub fn read(spec: &Spec, file: &[u8]) -> Result<Vec<f32>, TensorError> {
    Ok(read_matched(spec, file, &Matching::default())?.parameters)
}

/// Returns the parameters of a network of this architecture from a safetensors file, and which tensors they are.
///
/// Tensors are matched by the map, by [`book_names`] if the file has exactly those, or else by shape, which must fit
/// exactly. Among layers of equal shapes, the numbers in their names give the order (`10` after `9`), or the order of the
/// file if it is not the alphabet's.
///
/// # Errors
///
/// [`TensorError`] if the file is broken or does not contain this network. [`TensorError::Mismatch`] lists the
/// expected and the found tensors.
pub fn read_matched(spec: &Spec, file: &[u8], matching: &Matching) -> Result<Found, TensorError> {
    let plan = Plan::new(*spec);
    let (_, metadata) = SafeTensors::read_metadata(file)?;
    let file = SafeTensors::deserialize(file)?;
    // In the order of the file.
    let names = metadata.offset_keys();
    let found = names.iter().map(|name| Ok((name.as_str(), file.tensor(name)?)));
    let found: Vec<(&str, TensorView<'_>)> = found.collect::<Result<_, TensorError>>()?;
    let expected = tensors(&plan);
    let shapes: Vec<Vec<usize>> = expected.iter().map(torch_shape).collect();
    let stems = book_names(&plan);
    let layers = pairs::matched(&stems, &shapes, &found, &matching.map)
        .map_err(|problem| mismatch(problem, &stems, &shapes, &found))?;

    let mut parameters = vec![0.0; plan.parameters()];
    let mut sources = Vec::new();
    let mut rounded = 0;
    for (tensor, Parts { weight, bias, norm }) in expected.iter().zip(layers) {
        let mut weights = values(weight)?;
        let outputs = tensor.bias.len();
        let or = |named: Option<&(&str, TensorView<'_>)>, default: f32| {
            named.map_or_else(|| Ok(vec![default; outputs]), values)
        };
        let mut biases = or(bias, 0.0)?;
        let parts = [Some(weight), bias].into_iter().flatten().map(|(name, _)| *name);
        let mut source: Vec<String> = parts.map(str::to_owned).collect();
        if let Some(norm) = norm {
            source.extend(norm.names().map(str::to_owned));
            let [mean, variance] = [values(norm.mean)?, values(norm.variance)?];
            let [gain, shift] = [or(norm.gain, 1.0)?, or(norm.shift, 0.0)?];
            if [&variance, &gain, &shift].iter().any(|values| values.len() != outputs) {
                let problem = format!("the tensors of {} have different lengths", norm.name);
                return Err(mismatch(problem, &stems, &shapes, &found));
            }
            biases = norms::fold(&mut weights, &biases, [&mean, &variance, &gain, &shift], matching.epsilon);
            if !weights.iter().chain(&biases).all(|value| value.is_finite()) {
                return Err(TensorError::NotFinite { name: norm.variance.0.to_owned() });
            }
        }
        rounded += source.iter().filter(|name| file.tensor(name).is_ok_and(|view| view.dtype() == Dtype::F64)).count();
        tensor.torch_order().zip(weights).for_each(|(at, value)| parameters[at] = value);
        parameters[tensor.bias.clone()].copy_from_slice(&biases);
        sources.push((tensor.name(&plan), source));
    }
    Ok(Found { parameters, layers: sources, rounded })
}

/// A tensor's numbers; all of them finite.
fn values((name, tensor): &(&str, TensorView<'_>)) -> Result<Vec<f32>, TensorError> {
    let finite = |values: Vec<f32>| match values.iter().all(|value| value.is_finite()) {
        true => Ok(values),
        false => Err(TensorError::NotFinite { name: (*name).to_owned() }),
    };
    let data = tensor.data();
    match tensor.dtype() {
        Dtype::F64 => finite(data.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect()),
        Dtype::F32 => finite(data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()),
        Dtype::F16 => finite(data.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect()),
        Dtype::BF16 => finite(data.as_chunks().0.iter().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect()),
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
