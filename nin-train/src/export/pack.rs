//! Packing weights as the kernels read them: `[out / L][fan_in][L]`.
//!
//! L outputs stand side by side, so that a kernel reads one input and L weights in a row and needs no shuffles; each
//! output still sums its inputs in the same order, whatever L is.

use std::fmt;
use std::str::FromStr;

use half::f16;
use nin_core::{Plan, WeightType};

use super::{ExportError, ModelFile};
use crate::views::{LayerView, weight_layers};

/// How many outputs stand side by side in the packed weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lanes {
    /// Plain rows: the smallest file.
    One,
    /// For Cortex-M: four accumulators fit its registers.
    #[default]
    Four,
    /// For a host with vector registers.
    Sixteen,
}

impl Lanes {
    /// The number.
    pub const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Four => 4,
            Self::Sixteen => 16,
        }
    }
}

impl fmt::Display for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.count().fmt(f)
    }
}

impl FromStr for Lanes {
    type Err = ExportError;

    fn from_str(text: &str) -> Result<Self, ExportError> {
        [Self::One, Self::Four, Self::Sixteen]
            .into_iter()
            .find(|lanes| lanes.to_string() == text)
            .ok_or_else(|| ExportError::Lanes(text.to_owned()))
    }
}

/// Bytes of a layer's biases and weights in the file.
pub(crate) fn packed_layer_len(view: &LayerView, weight_type: WeightType, lanes: Lanes) -> usize {
    let outputs = view.outputs().next_multiple_of(lanes.count());
    4 * outputs + (outputs * view.layer.fan_in() * weight_type.bytes()).next_multiple_of(4)
}

/// Bytes of all biases and weights in the file.
pub fn packed_len(plan: &Plan, weight_type: WeightType, lanes: Lanes) -> usize {
    weight_layers(plan).map(|view| packed_layer_len(&view, weight_type, lanes)).sum()
}

impl ModelFile<'_> {
    /// The weights' part of the file.
    pub(super) fn packed(&self) -> Result<Vec<u8>, ExportError> {
        let mut bytes = Vec::with_capacity(packed_len(self.plan, self.weight_type, self.lanes));
        for view in weight_layers(self.plan) {
            let (weights, biases) = (&self.parameters[view.weights.clone()], &self.parameters[view.biases.clone()]);
            let layer = || view.name(self.plan).to_string();
            if !weights.iter().chain(biases).all(|value| value.is_finite()) {
                return Err(ExportError::NotFinite { layer: layer() });
            }
            if self.weight_type == WeightType::F16
                && let Some(weight) = weights.iter().find(|&&weight| f16::from_f32(weight).is_infinite())
            {
                return Err(ExportError::OutOfRange { layer: layer(), weight: weight.to_string() });
            }
            self.pack_layer(&view, weights, biases, &mut bytes);
        }
        Ok(bytes)
    }

    fn pack_layer(&self, view: &LayerView, weights: &[f32], biases: &[f32], bytes: &mut Vec<u8>) {
        let (outputs, fan_in, lanes) = (view.outputs(), view.layer.fan_in(), self.lanes.count());
        let padded = outputs.next_multiple_of(lanes);
        for output in 0..padded {
            bytes.extend(biases.get(output).unwrap_or(&0.0).to_le_bytes());
        }
        for group in (0..padded).step_by(lanes) {
            for input in 0..fan_in {
                for output in group..group + lanes {
                    let weight = if output < outputs { weights[output * fan_in + input] } else { 0.0 };
                    match self.weight_type {
                        WeightType::F16 => bytes.extend(f16::from_f32(weight).to_le_bytes()),
                        _ => bytes.extend(weight.to_le_bytes()),
                    }
                }
            }
        }
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
}
