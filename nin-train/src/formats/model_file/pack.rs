//! Packs weights as [`nin_core::packing`] defines, and unpacks them.
//!
//! The weights of L outputs (lanes) are interleaved: a kernel reads one input and L consecutive weights, without
//! shuffles. Each output sums its inputs in the same order for every L.

use half::f16;
use nin_core::packing::{Part, Place};
use nin_core::{Model, WeightType};

use super::{ExportError, FloatWeights};
use crate::network::parameters::{Tensor, tensors};

impl FloatWeights<'_> {
    /// Returns the weights' part of the file.
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
        let packing = tensor.layer.packing(self.weight_type, self.lanes.count());
        let fan_in = tensor.layer.fan_in();
        let start = bytes.len();
        bytes.resize(start + packing.bytes(), 0);
        let layer = &mut bytes[start..];
        for (output, (bias, weights)) in biases.iter().zip(weights.chunks_exact(fan_in)).enumerate() {
            put(layer, packing.bias(output), bias.to_le_bytes());
            for (input, &weight) in weights.iter().enumerate() {
                let at = packing.weight(output, input).byte;
                match self.weight_type {
                    WeightType::F16 => put(layer, at, f16::from_f32(weight).to_le_bytes()),
                    _ => put(layer, at, weight.to_le_bytes()),
                }
            }
        }
    }
}

/// Writes `value` at the offset `at`.
pub(super) fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

/// Writes an integer weight to its place, which holds 0. A weight of 4 bits is a multiple of 16.
pub(super) fn put_weight(bytes: &mut [u8], place: Place, weight: i8) {
    bytes[place.byte] |= match place.part {
        Part::Whole | Part::Upper => weight as u8,
        Part::Lower => weight as u8 >> 4,
    };
}

/// Returns the integer weight at a place, or 0 if `bytes` is too short.
pub(super) fn get_weight(bytes: &[u8], place: Place) -> i8 {
    let [byte] = get(bytes, place.byte);
    let byte = match place.part {
        Part::Whole => byte,
        Part::Upper => byte & 0xF0,
        Part::Lower => byte << 4,
    };
    byte as i8
}

/// Returns the bytes at the offset `at`, or zeros if `bytes` is too short.
pub(super) fn get<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0; N])
}

/// Returns the flat parameters that [`Trained::to_model`](crate::network::trained::Trained::to_model) packed into a
/// model file, with f16 weights converted to f32.
pub fn unpacked(model: &Model<'_>) -> Vec<f32> {
    let (plan, lanes, weight_type) = (model.plan(), model.lanes(), model.weight_type());
    let mut parameters = vec![0.0; plan.parameters()];
    let mut rest = model.weights();
    for Tensor { layer, weight, bias, .. } in tensors(plan) {
        let (packing, fan_in) = (layer.packing(weight_type, lanes), layer.fan_in());
        let (bytes, after) = rest.split_at(packing.bytes());
        rest = after;
        for (output, bias) in parameters[bias].iter_mut().enumerate() {
            *bias = f32::from_le_bytes(get(bytes, packing.bias(output)));
        }
        for (i, weight) in parameters[weight].iter_mut().enumerate() {
            let at = packing.weight(i / fan_in, i % fan_in).byte;
            *weight = match weight_type {
                WeightType::F16 => f16::from_le_bytes(get(bytes, at)).to_f32(),
                _ => f32::from_le_bytes(get(bytes, at)),
            };
        }
    }
    parameters
}
