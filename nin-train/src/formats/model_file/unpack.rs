//! Networks of integers, read back from their model files.

use nin_core::plan::LayerKind;
use nin_core::{Model, WeightType};

use super::Lanes;
use crate::integers::{Output, QuantizedLayer, QuantizedModel};
use crate::network::parameters::tensors;

impl QuantizedModel {
    /// The network in a model file; `None` if that has float weights.
    ///
    /// A file says no scales but those that its arithmetic needs. Those between layers are all made one here; since a
    /// ReLU keeps ratios, the network computes what it does with the scales that it was quantised with.
    pub fn from_model(model: &Model<'_>) -> Option<Self> {
        let lanes = Lanes::INT8.into_iter().find(|lanes| lanes.count() == model.lanes())?;
        if !matches!(model.weight_type(), WeightType::Int8 | WeightType::Int4) {
            return None;
        }
        let plan = model.plan();
        let (_, input_scale) = model.preprocessing(0);
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
            // The word that was read counts for layers of 4 bits.
            let word = if stored == WeightType::Int4 { 4 } else { 0 };
            let (bytes, after) = rest.split_at_checked(layer.weight_bytes(stored, model.lanes()) - word)?;
            rest = after;
            let bits = stored.bits() as u8;
            let packed = Packed { bytes, bits, outputs: layer.output.channels.into(), fan_in: layer.fan_in(), lanes };
            network.layers.push(packed.layer(layer.relu.then_some(own_scale), input_scale, pixels));
        }
        Some(network)
    }
}

/// One layer's part of a model file.
struct Packed<'m> {
    bytes: &'m [u8],
    bits: u8,
    outputs: usize,
    fan_in: usize,
    lanes: Lanes,
}

impl Packed<'_> {
    /// The layer; `own_scale` is that of its activations, if it makes such.
    fn layer(&self, own_scale: Option<f32>, input_scale: f32, pixels: usize) -> QuantizedLayer {
        let unit = f64::from(input_scale) / pixels as f64;
        let outputs: Vec<[i32; 3]> = (0..self.outputs).map(|output| self.output(output)).collect();
        let factor = |&[_, multiplier, shift]: &[i32; 3]| match own_scale {
            // A file may hold any shift; of one outside of 1…31 the engine takes the lowest five bits.
            Some(scale) => f64::from(multiplier) * f64::powi(2.0, -31 - (shift & 31)) * f64::from(scale),
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

    fn word(&self, index: usize) -> i32 {
        let bytes = self.bytes.get(4 * index..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| i32::from_le_bytes(*bytes))
    }

    /// Words of a pair's stream in the packing by two.
    fn stream(&self) -> usize {
        8 + self.fan_in.div_ceil(if self.bits == 4 { 4 } else { 2 })
    }

    /// Bias, multiplier and shift of an output.
    fn output(&self, output: usize) -> [i32; 3] {
        if self.lanes == Lanes::Two {
            let (first, end) = (output / 2 * self.stream(), (output / 2 + 1) * self.stream() - 6 + output % 2 * 3);
            return [self.word(first + output % 2) / 2, self.word(end), self.word(end + 2)];
        }
        let row = self.outputs.next_multiple_of(self.lanes.count());
        [output, row + output, 2 * row + output].map(|index| self.word(index))
    }

    fn weight(&self, output: usize, input: usize) -> i8 {
        if self.bits == 4 {
            return self.narrow_weight(output, input);
        }
        let row = 12 * self.outputs.next_multiple_of(self.lanes.count());
        let at = match self.lanes {
            Lanes::Two => {
                // Pairs are of a four's even and of its odd inputs, but of the two that may be left at the end.
                let (four, rest) = (input / 4 * 4, input % 4);
                let whole = self.fan_in.next_multiple_of(2) - four >= 4;
                let place = if whole { rest % 2 * 2 + rest / 2 } else { rest };
                4 * (output / 2 * self.stream() + 2) + 2 * (four + place) + output % 2
            }
            Lanes::Sixteen => {
                let four = output / 16 * self.fan_in.div_ceil(4) + input / 4;
                row + four * 64 + output % 16 * 4 + input % 4
            }
            Lanes::One | Lanes::Four => row + output * self.fan_in + input,
        };
        self.bytes.get(at).map_or(0, |&byte| byte as i8)
    }

    /// The same in 4 bits: the upper half of a byte, or its lower half.
    fn narrow_weight(&self, output: usize, input: usize) -> i8 {
        let row = 12 * self.outputs.next_multiple_of(self.lanes.count());
        let (at, lower) = match self.lanes {
            Lanes::Two => {
                let (four, rest) = (input / 4 * 4, input % 4);
                let whole = self.fan_in.next_multiple_of(2) - four >= 4;
                let (lower, second) = if whole { (rest % 2 == 1, rest / 2) } else { (false, rest) };
                (4 * (output / 2 * self.stream() + 2) + four + 2 * second + output % 2, lower)
            }
            Lanes::Sixteen => {
                let eight = output / 16 * self.fan_in.div_ceil(8) + input / 8;
                (row + eight * 64 + output % 16 * 4 + input % 4, input % 8 >= 4)
            }
            Lanes::One | Lanes::Four => (row + output * self.fan_in.div_ceil(2) + input / 2, input % 2 == 1),
        };
        let byte = self.bytes.get(at).copied().unwrap_or(0);
        (if lower { byte << 4 } else { byte & 0xF0 }) as i8
    }
}

#[cfg(test)]
mod tests {
    use super::{Lanes, Packed};

    /// The scale of the weights follows from the shift that the engine uses, whatever a file holds.
    #[test]
    fn any_shift_can_be_read() {
        let shifts = [(1, 1), (31, 31), (0, 0), (33, 1), (-1, 31), (i32::MAX, 31), (i32::MIN, 0)];
        for (shift, used) in shifts {
            let words = [7, 1 << 30, shift, 0x0000_0005i32];
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let packed = Packed { bytes: &bytes, bits: 8, outputs: 1, fan_in: 1, lanes: Lanes::One };
            let layer = packed.layer(Some(0.5), 1.0, 1);
            assert_eq!((layer.bias[0], layer.weights[0]), (7, 5));
            assert_eq!(layer.weight_scales, [f32::powi(2.0, 30 - 31 - used) * 0.5], "shift {shift}");
        }
    }
}
