//! The results of TensorFlow Lite's reference kernels, tensor by tensor: 8-bit files in `fixtures/`.
//!
//! A file is complete: line, image, weights, scales and each operation's output, as signed bytes with a zero point of
//! −128. Here they are unsigned.

use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine};
use nin_core::{Plan, Spec};
use serde::Deserialize;

use crate::integer::{Bytes, Finish, Integers, Layer, multiplier};

/// One file.
#[derive(Debug, Deserialize)]
pub struct TfLite {
    /// The architecture line.
    pub line: String,
    input_int8: String,
    input_zero_point: i32,
    /// Every operation in order.
    pub ops: Vec<Op>,
}

/// One operation.
#[derive(Debug, Deserialize)]
pub struct Op {
    /// `CONV_2D`, `MAX_POOL_2D`, `AVERAGE_POOL_2D`, `RESHAPE`, …
    #[serde(rename = "op")]
    pub name: String,
    input_scale: String,
    input_zero_point: i32,
    output_scale: String,
    output_zero_point: i32,
    output_int8: String,
    weight_int8: Option<String>,
    #[serde(default)]
    weight_scales: Vec<String>,
    bias_int32: Option<String>,
}

impl TfLite {
    /// Reads `fixtures/NAME.json`.
    ///
    /// # Panics
    ///
    /// If it is missing, cannot be parsed, or has a zero point other than −128.
    pub fn load(name: &str) -> TfLite {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).with_extension("json");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file: TfLite = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(file.input_zero_point, -128);
        for op in &file.ops {
            assert_eq!((op.input_zero_point, op.output_zero_point), (-128, -128), "{}", op.name);
        }
        file
    }

    /// The architecture.
    pub fn spec(&self) -> Spec {
        self.line.parse().unwrap_or_else(|error| panic!("{}: {error}", self.line))
    }

    /// The image.
    pub fn image(&self) -> Bytes {
        let shape = self.spec().input();
        let values = unsigned(&self.input_int8);
        assert_eq!(values.len(), shape.len(), "an image of {shape}");
        Bytes { shape, values }
    }

    /// Returns the network, with multipliers and shifts computed from the scales.
    ///
    /// # Panics
    ///
    /// If operations and line do not match.
    pub fn network(&self) -> Integers {
        let spec = self.spec();
        let weighty: Vec<&Op> = self.ops.iter().filter(|op| op.weight_int8.is_some()).collect();
        let plan = Plan::new(spec);
        let layers: Vec<_> = plan.layers().filter(|layer| layer.has_weights()).collect();
        assert_eq!(weighty.len(), layers.len(), "layers with weights");
        let network = Integers {
            spec,
            layers: weighty.iter().map(|op| op.layer()).collect(),
            scale: self.ops.last().expect("an operation").output_scale() as f32,
        };
        for (have, layer) in network.layers.iter().zip(layers) {
            assert_eq!((have.weights.len(), have.bias.len()), (layer.weights(), layer.output.channels.into()));
        }
        network
    }
}

impl Op {
    /// Returns the operation's output, unsigned.
    pub fn output(&self) -> Vec<u8> {
        unsigned(&self.output_int8)
    }

    /// Returns the scale of the operation's output.
    pub fn output_scale(&self) -> f64 {
        scale(&self.output_scale)
    }

    fn layer(&self) -> Layer {
        let bytes = |text: &Option<String>| decode(text.as_deref().unwrap_or_else(|| panic!("{}: no data", self.name)));
        let (input, output) = (scale(&self.input_scale), self.output_scale());
        let bias: Vec<i32> = bytes(&self.bias_int32)
            .chunks_exact(4)
            .map(|bytes| i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        // One scale for all outputs, or one for each.
        let scales = self.weight_scales.iter().cycle().take(bias.len()).map(|text| scale(text));
        let factors: Vec<_> = scales.map(|weight| multiplier(input * weight / output)).collect();
        assert_eq!(factors.len(), bias.len(), "{}: scales", self.name);
        let weights = bytes(&self.weight_int8).iter().map(|&byte| byte as i8).collect();
        Layer { weights, bias, finish: Finish::Activations(factors) }
    }
}

/// A scale is a 32-bit float.
fn scale(text: &str) -> f64 {
    f64::from(text.parse::<f32>().unwrap_or_else(|error| panic!("'{text}' is no scale: {error}")))
}

fn decode(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).unwrap_or_else(|error| panic!("base64: {error}"))
}

/// Converts signed bytes with zero point −128 to unsigned bytes with zero point 0.
fn unsigned(text: &str) -> Vec<u8> {
    decode(text).into_iter().map(|byte| (byte as i8 as i16 + 128) as u8).collect()
}
