//! Packing weights as the kernels read them: `[out / L][fan_in][L]`.
//!
//! L outputs stand side by side, so that a kernel reads one input and L weights in a row and needs no shuffles; each
//! output still sums its inputs in the same order, whatever L is.

use std::fmt;
use std::str::FromStr;

use half::f16;
use nin_core::{Model, WeightType};

use super::{ExportError, FloatWeights};
use crate::network::parameters::{Tensor, tensors};

/// How many outputs stand side by side in the packed weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lanes {
    /// Plain rows: the smallest file.
    One,
    /// For 8-bit weights on a Cortex-M with the DSP extension (M4, M7, M33): pairs, as its instructions take them.
    Two,
    /// For float weights on Cortex-M: four accumulators fit its registers.
    #[default]
    Four,
    /// For a host with vector registers.
    Sixteen,
}

impl Lanes {
    /// The packings of float weights.
    pub const FLOAT: [Self; 3] = [Self::One, Self::Four, Self::Sixteen];
    /// The packings of 8-bit weights.
    pub const INT8: [Self; 3] = [Self::One, Self::Two, Self::Sixteen];

    /// The number.
    pub const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
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
        [Self::One, Self::Two, Self::Four, Self::Sixteen]
            .into_iter()
            .find(|lanes| lanes.to_string() == text)
            .ok_or_else(|| ExportError::Lanes(text.to_owned()))
    }
}

impl FloatWeights<'_> {
    /// The weights' part of the file.
    pub(super) fn packed(&self) -> Result<Vec<u8>, ExportError> {
        let mut bytes = Vec::with_capacity(self.plan.weight_bytes(self.weight_type, self.lanes.count()));
        for tensor in tensors(self.plan) {
            let (weights, biases) = (&self.parameters[tensor.weight.clone()], &self.parameters[tensor.bias.clone()]);
            let layer = || tensor.name(self.plan);
            if !weights.iter().chain(biases).all(|value| value.is_finite()) {
                return Err(ExportError::NotFinite { layer: layer() });
            }
            if self.weight_type == WeightType::F16
                && let Some(weight) = weights.iter().find(|&&weight| f16::from_f32(weight).is_infinite())
            {
                return Err(ExportError::OutOfRange { layer: layer(), weight: weight.to_string() });
            }
            self.pack_layer(&tensor, weights, biases, &mut bytes);
        }
        Ok(bytes)
    }

    fn pack_layer(&self, tensor: &Tensor, weights: &[f32], biases: &[f32], bytes: &mut Vec<u8>) {
        let (outputs, fan_in, lanes) = (biases.len(), tensor.layer.fan_in(), self.lanes.count());
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

/// The flat parameters of a model file: what [`Trained::to_model`](crate::network::trained::Trained::to_model) packed,
/// f16 weights widened.
pub fn unpacked(model: &Model<'_>) -> Vec<f32> {
    let (plan, lanes, weight_type) = (model.plan(), model.lanes(), model.weight_type());
    let mut parameters = vec![0.0; plan.parameters()];
    let mut rest = model.weights();
    for Tensor { layer, weight, bias, .. } in tensors(plan) {
        let (outputs, fan_in) = (bias.len(), layer.fan_in());
        let (layer, after) = rest.split_at(layer.weight_bytes(weight_type, lanes));
        let (biases, weights) = layer.split_at(4 * outputs.next_multiple_of(lanes));
        rest = after;
        for (bias, bytes) in parameters[bias].iter_mut().zip(biases.chunks_exact(4)) {
            *bias = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        for (i, weight) in parameters[weight].iter_mut().enumerate() {
            let (output, input) = (i / fan_in, i % fan_in);
            let place = (output / lanes * fan_in + input) * lanes + output % lanes;
            *weight = match weight_type {
                WeightType::F16 => f16::from_le_bytes([weights[2 * place], weights[2 * place + 1]]).to_f32(),
                _ => {
                    let bytes = &weights[4 * place..4 * place + 4];
                    f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
                }
            };
        }
    }
    parameters
}
