//! The model file of a network of integers, of 8 bits or 4: what `docs/int8.md` says about its packings.

use nin_core::{Plan, WeightType};

use super::{ExportError, Lanes, Parts};
use crate::integers::{GRAIN, Output, QuantizedLayer, QuantizedModel};
use crate::network::preprocessing::Preprocessing;

impl QuantizedModel {
    /// The model file. Lanes change speed, not results: 2 for a Cortex-M with the DSP extension (M4, M7, M33), 16 for
    /// a host, 1 for any other.
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

    /// The type of the model file's weights: [`WeightType::Int4`] if any layer has weights of 4 bits.
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
            match lanes {
                Lanes::Two => layer.pack_by_two(&mut bytes),
                Lanes::One | Lanes::Four | Lanes::Sixteen => layer.pack_in_rows(lanes, &mut bytes),
            }
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

    /// Whether every output has what it needs to become an activation, or a logit, and doubles as an accumulator.
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

    /// What stands as multiplier and shift of an output; of one that does not exist, 0 and 1.
    fn factor(&self, output: usize) -> ([u8; 4], u32) {
        match &self.output {
            Output::Activations { multipliers, shifts, .. } => {
                (multipliers.get(output).unwrap_or(&0).to_le_bytes(), shifts.get(output).copied().unwrap_or(1))
            }
            Output::Logits { scales } => (scales.get(output).unwrap_or(&0.0).to_le_bytes(), 0),
        }
    }

    /// A weight, or 0 where padding is.
    fn weight(&self, output: usize, input: usize) -> u8 {
        let fan_in = self.fan_in();
        match output < self.outputs() && input < fan_in {
            true => self.weights[output * fan_in + input] as u8,
            false => 0,
        }
    }

    fn bias(&self, output: usize) -> i32 {
        self.bias.get(output).copied().unwrap_or(0)
    }

    /// The weight of one input in the upper half of a byte, that of another in its lower half.
    fn two_weights(&self, output: usize, [upper, lower]: [usize; 2]) -> u8 {
        self.weight(output, upper) | self.weight(output, lower) >> 4
    }

    /// Biases, multipliers and shifts as three rows; then the weights, with 16 lanes four inputs of each at a time. In
    /// 4 bits a byte holds two inputs, with 16 lanes the one of four and of the next four.
    fn pack_in_rows(&self, lanes: Lanes, bytes: &mut Vec<u8>) {
        let (lanes, inputs) = if lanes == Lanes::Sixteen { (16, 4) } else { (1, 1) };
        let outputs = self.outputs().next_multiple_of(lanes);
        (0..outputs).for_each(|output| bytes.extend(self.bias(output).to_le_bytes()));
        (0..outputs).for_each(|output| bytes.extend(self.factor(output).0));
        (0..outputs).for_each(|output| bytes.extend(self.factor(output).1.to_le_bytes()));
        let narrow = self.bits == 4;
        for group in (0..outputs).step_by(lanes) {
            for first in (0..self.fan_in()).step_by(if narrow { 2 * inputs } else { inputs }) {
                for output in group..group + lanes {
                    bytes.extend((first..first + inputs).map(|input| match narrow {
                        true => self.two_weights(output, [input, input + inputs]),
                        false => self.weight(output, input),
                    }));
                }
            }
        }
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }

    /// Two outputs at a time, each pair one stream of words; in 4 bits a word holds both pairs of a four.
    fn pack_by_two(&self, bytes: &mut Vec<u8>) {
        let fan_in = self.fan_in().next_multiple_of(2);
        for a in (0..self.outputs()).step_by(2) {
            let b = a + 1;
            bytes.extend((2 * self.bias(a)).to_le_bytes());
            bytes.extend((2 * self.bias(b)).to_le_bytes());
            for four in (0..fan_in).step_by(4) {
                // A word of four activations falls apart into its even and its odd bytes. Behind the end is nothing.
                let whole = fan_in - four >= 4;
                let pairs = if whole { [[0, 2], [1, 3]] } else { [[0, 1], [4, 4]] };
                let [first, second] = pairs.map(|pair| pair.map(|input| four + input));
                if self.bits == 4 {
                    let halves = [[first[0], second[0]], [first[1], second[1]]];
                    bytes.extend(
                        halves.iter().flat_map(|&inputs| [a, b].map(|output| self.two_weights(output, inputs))),
                    );
                    continue;
                }
                for pair in [first, second].into_iter().take(if whole { 2 } else { 1 }) {
                    bytes.extend(pair.iter().flat_map(|&input| [a, b].map(|output| self.weight(output, input))));
                }
            }
            for output in [a, b] {
                let (multiplier, shift) = self.factor(output);
                let half = (1u32 << shift) >> 1;
                bytes.extend(multiplier);
                bytes.extend(half.to_le_bytes());
                bytes.extend(shift.to_le_bytes());
            }
        }
    }
}
