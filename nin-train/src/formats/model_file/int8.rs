//! Writes the model file of a network of 8-bit or 4-bit integers. `docs/int8.md` defines the packings.

use nin_core::packing::Packing;
use nin_core::{Lanes, Plan, WeightType};

use super::pack::{put, put_weight};
use super::{ExportError, Parts};
use crate::integers::{GRAIN, Output, QuantizedLayer, QuantizedModel};
use crate::network::preprocessing::Preprocessing;

impl QuantizedModel {
    /// Returns the bytes of the model file. Lanes change the speed, not the results: 2 for a Cortex-M with the DSP
    /// extension (M4, M7, M33), 16 for a host, 1 for any other processor (also a Cortex-M with Helium and RISC-V).
    ///
    /// # Errors
    ///
    /// [`ExportError`] if the packing does not exist for integers, or the parts do not fit each other.
    pub fn to_bytes(&self, lanes: Lanes) -> Result<Vec<u8>, ExportError> {
        if !Lanes::INT8.contains(&lanes) {
            return Err(ExportError::Packing { lanes, weight_type: WeightType::Int8.name() });
        }
        let plan = self.plan();
        let preprocessing = Preprocessing::one_scale(self.spec.input().channels.into(), self.input_scale);
        let weights = self.packed(&plan, lanes)?;
        let (weight_type, class_names) = (self.weight_type(), &self.class_names);
        let parts = Parts { plan: &plan, preprocessing: &preprocessing, class_names, weight_type, lanes };
        parts.to_bytes(&weights)
    }

    /// Returns the type of the model file's weights: [`WeightType::Int4`] if any layer has weights of 4 bits.
    pub fn weight_type(&self) -> WeightType {
        if self.layers.iter().any(|layer| layer.bits == 4) { WeightType::Int4 } else { WeightType::Int8 }
    }

    fn packed(&self, plan: &Plan, lanes: Lanes) -> Result<Vec<u8>, ExportError> {
        let mut bytes = Vec::with_capacity(plan.weight_bytes(WeightType::Int8, lanes.count()));
        let mixed = self.weight_type() == WeightType::Int4;
        let planned: Vec<_> = plan.layers().filter(|layer| layer.has_weights()).collect();
        if planned.len() != self.layers.len() {
            return Err(ExportError::Integers);
        }
        for (layer, planned) in self.layers.iter().zip(planned) {
            let sizes = (planned.weights(), usize::from(planned.output.channels));
            if sizes != (layer.weights.len(), layer.outputs()) || !layer.is_whole(planned.relu) {
                return Err(ExportError::Integers);
            }
            if mixed {
                bytes.extend(u32::from(layer.bits).to_le_bytes());
            }
            layer.pack(lanes, &mut bytes);
        }
        if self.ends_in_average() {
            bytes.extend(self.last_scale().to_le_bytes());
        }
        Ok(bytes)
    }
}

impl QuantizedLayer {
    fn outputs(&self) -> usize {
        self.bias.len()
    }

    fn fan_in(&self) -> usize {
        self.weights.len() / self.outputs()
    }

    /// Returns whether weights and biases are in range and every output has the factors of an activation or a logit.
    fn is_whole(&self, activations: bool) -> bool {
        let whole_weights = match self.bits {
            4 => self.weights.iter().all(|weight| weight % GRAIN == 0),
            bits => bits == 8,
        };
        if !whole_weights || self.bias.iter().any(|bias| bias.unsigned_abs() >= 1 << 30) {
            return false;
        }
        match &self.output {
            Output::Activations { multipliers, shifts, .. } => {
                let counts = (multipliers.len(), shifts.len()) == (self.outputs(), self.outputs());
                activations && counts && shifts.iter().all(|shift| (1..=31).contains(shift))
            }
            Output::Logits { scales } => !activations && scales.len() == self.outputs(),
        }
    }

    /// Returns the stored multiplier and shift of an output; for a padding output, 0 and 1.
    fn factor(&self, output: usize) -> ([u8; 4], u32) {
        match &self.output {
            Output::Activations { multipliers, shifts, .. } => {
                (multipliers.get(output).unwrap_or(&0).to_le_bytes(), shifts.get(output).copied().unwrap_or(1))
            }
            Output::Logits { scales } => (scales.get(output).unwrap_or(&0.0).to_le_bytes(), 0),
        }
    }

    /// Appends the layer's part of the file. Padding outputs and inputs are zeros, with shifts of 1.
    fn pack(&self, lanes: Lanes, bytes: &mut Vec<u8>) {
        let weight_type = if self.bits == 4 { WeightType::Int4 } else { WeightType::Int8 };
        let packing = Packing::new(weight_type, lanes.count(), self.outputs(), self.fan_in());
        let start = bytes.len();
        bytes.resize(start + packing.bytes(), 0);
        let bytes = &mut bytes[start..];
        for output in 0..packing.padded_outputs() {
            let bias = self.bias.get(output).map_or(0, |bias| packing.bias_factor() * bias);
            let (multiplier, shift) = self.factor(output);
            put(bytes, packing.bias(output), bias.to_le_bytes());
            put(bytes, packing.multiplier(output), multiplier);
            put(bytes, packing.shift(output), shift.to_le_bytes());
            if let Some(at) = packing.half_unit(output) {
                put(bytes, at, ((1u32 << shift) >> 1).to_le_bytes());
            }
        }
        for (output, weights) in self.weights.chunks_exact(self.fan_in()).enumerate() {
            for (input, &weight) in weights.iter().enumerate() {
                put_weight(bytes, packing.weight(output, input), weight);
            }
        }
    }
}
