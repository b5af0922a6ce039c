//! Reads networks of integers back from their model files.

use nin_core::packing::Packing;
use nin_core::plan::LayerKind;
use nin_core::{Model, WeightType};

use super::pack::{get, get_weight};
use crate::integers::{Output, QuantizedLayer, QuantizedModel};
use crate::network::parameters::tensors;

impl QuantizedModel {
    /// Returns the network in a model file, or `None` if the file has float weights.
    ///
    /// A file contains only the scales that its arithmetic needs. All scales between layers are set to the same value
    /// here. A ReLU preserves ratios, so the network computes the same as with the original scales.
    pub fn from_model(model: &Model<'_>) -> Option<Self> {
        if !matches!(model.weight_type(), WeightType::Int8 | WeightType::Int4) {
            return None;
        }
        let plan = model.plan();
        let input_scale = model.normalization(0).scale;
        let class_names = model.class_names().map(str::to_owned).collect();
        let mut network = Self { spec: *plan.spec(), layers: Vec::new(), input_scale, class_names };
        let average_scale = model.weights().last_chunk().filter(|_| network.ends_in_average());
        let tensors = tensors(plan);
        let mut rest = model.weights();
        for (number, tensor) in tensors.iter().enumerate() {
            let layer = &tensor.layer;
            let before = plan.layers().take(tensor.index).filter(|layer| layer.kind != LayerKind::Dropout).last();
            let pixels = match before {
                Some(before) if before.kind == LayerKind::GlobalAverage => before.input.pixels(),
                _ => 1,
            };
            let own_scale = match average_scale {
                Some(&scale) if number + 1 == tensors.len() => f32::from_le_bytes(scale),
                _ => input_scale,
            };
            let mut stored = WeightType::Int8;
            if model.weight_type() == WeightType::Int4 {
                let (bits, after) = rest.split_first_chunk()?;
                rest = after;
                stored = if u32::from_le_bytes(*bits) == 4 { WeightType::Int4 } else { WeightType::Int8 };
            }
            let packing = layer.packing(stored, model.lanes());
            let (bytes, after) = rest.split_at_checked(packing.bytes())?;
            rest = after;
            let bits = stored.bits() as u8;
            let packed = Packed { bytes, packing, bits, outputs: layer.output.channels.into(), fan_in: layer.fan_in() };
            network.layers.push(packed.layer(layer.relu.then_some(own_scale), input_scale, pixels));
        }
        Some(network)
    }
}

/// One layer's part of a model file.
struct Packed<'m> {
    bytes: &'m [u8],
    packing: Packing,
    bits: u8,
    outputs: usize,
    fan_in: usize,
}

impl Packed<'_> {
    /// Returns the layer; `own_scale` is the scale of its activations, if it has any.
    fn layer(&self, own_scale: Option<f32>, input_scale: f32, pixels: usize) -> QuantizedLayer {
        let unit = f64::from(input_scale) / pixels as f64;
        let outputs: Vec<[i32; 3]> = (0..self.outputs).map(|output| self.output(output)).collect();
        let factor = |&[_, multiplier, shift]: &[i32; 3]| match own_scale {
            Some(scale) => f64::from(multiplier) * f64::powi(2.0, (-31_i32).saturating_sub(shift)) * f64::from(scale),
            None => f64::from(f32::from_bits(multiplier as u32)),
        };
        QuantizedLayer {
            weights: (0..self.outputs * self.fan_in).map(|i| self.weight(i / self.fan_in, i % self.fan_in)).collect(),
            bits: self.bits,
            bias: outputs.iter().map(|output| output[0]).collect(),
            input_scale,
            pixels,
            weight_scales: outputs.iter().map(|output| (factor(output) / unit) as f32).collect(),
            output: match own_scale {
                Some(scale) => Output::Activations {
                    scale,
                    multipliers: outputs.iter().map(|output| output[1]).collect(),
                    shifts: outputs.iter().map(|output| output[2] as u32).collect(),
                },
                None => {
                    Output::Logits { scales: outputs.iter().map(|output| f32::from_bits(output[1] as u32)).collect() }
                }
            },
        }
    }

    /// Returns bias, multiplier and shift of an output.
    fn output(&self, output: usize) -> [i32; 3] {
        let packing = self.packing;
        let places = [packing.bias(output), packing.multiplier(output), packing.shift(output)];
        let [bias, multiplier, shift] = places.map(|at| i32::from_le_bytes(get(self.bytes, at)));
        [bias / packing.bias_factor(), multiplier, shift]
    }

    fn weight(&self, output: usize, input: usize) -> i8 {
        get_weight(self.bytes, self.packing.weight(output, input))
    }
}
