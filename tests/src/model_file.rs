//! A second writer of model files, written from `docs/model-file.md` alone. It can also write invalid files.

use half::f16;
use nin_core::plan::{Layer, Plan};
use nin_core::{Spec, WeightType};

use crate::random::Case;

/// The lanes of float files.
pub const LANES: [usize; 3] = [1, 4, 16];

/// The float weight types.
pub const WEIGHT_TYPES: [WeightType; 2] = [WeightType::F32, WeightType::F16];

/// The content of a model file.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// The architecture.
    pub spec: Spec,
    /// The weight type.
    pub weight_type: WeightType,
    /// The lanes: outputs whose weights are stored side by side.
    pub lanes: usize,
    /// The mean of each channel of the input.
    pub mean: Vec<f32>,
    /// The scale of each channel of the input.
    pub scale: Vec<f32>,
    /// The names of the classes, or none.
    pub names: Vec<String>,
    /// Layer by layer: weights `[out][fan-in]`, then biases.
    pub parameters: Vec<f32>,
    /// The decision of a file of version 2.
    pub decision: Option<DecisionBytes>,
}

/// The fields of a decision, as the document has them; they may be wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecisionBytes {
    /// Offset 32.
    pub temperature: f32,
    /// Offset 36.
    pub score: u8,
    /// Offset 38.
    pub unknown: u16,
    /// Offset 40.
    pub threshold: f32,
}

impl DecisionBytes {
    /// Probabilities are not calibrated, and no image is rejected.
    pub const PLAIN: DecisionBytes = DecisionBytes { temperature: 1.0, score: 0, unknown: u16::MAX, threshold: 0.0 };
}

impl ModelFile {
    /// Returns the content of a file for a random network.
    pub fn of(case: &Case, weight_type: WeightType, lanes: usize) -> ModelFile {
        ModelFile::plain(case.spec, case.parameters(), weight_type, lanes)
    }

    /// Returns a file's content without names, for images whose bytes are the input.
    pub fn plain(spec: Spec, parameters: Vec<f32>, weight_type: WeightType, lanes: usize) -> ModelFile {
        let channels = usize::from(spec.input().channels);
        let (mean, scale) = (vec![0.0; channels], vec![1.0; channels]);
        ModelFile { spec, weight_type, lanes, mean, scale, names: Vec::new(), parameters, decision: None }
    }

    /// Returns the bytes of the file.
    pub fn write(&self) -> Vec<u8> {
        self.write_with(&self.weights())
    }

    /// Returns the bytes of the file with the given bytes as its weights.
    pub fn write_with(&self, weights: &[u8]) -> Vec<u8> {
        self.write_parts(&self.spec.to_string(), weights)
    }

    /// Returns the bytes of the file with the given text as its architecture line.
    pub fn write_line(&self, line: &str) -> Vec<u8> {
        self.write_parts(line, &self.weights())
    }

    fn write_parts(&self, line: &str, weights: &[u8]) -> Vec<u8> {
        let names = self.names.join("\n");
        // A line that version 2 does not have makes version 3, with the decision of version 2.
        let extended = line.parse().is_ok_and(|spec: Spec| spec.is_extended());
        let decision = self.decision.or(extended.then_some(DecisionBytes::PLAIN));
        let version = if extended { 3u16 } else { 1 + u16::from(decision.is_some()) };
        let table_at = if decision.is_some() { 48 } else { 32 };
        let text_end = table_at + 8 * self.mean.len() + line.len() + names.len();
        let weights_at = text_end.next_multiple_of(16);
        let mut file = Vec::new();
        file.extend(b"NiNmodel");
        file.extend(version.to_le_bytes());
        file.push(match self.weight_type {
            WeightType::F32 => 1,
            WeightType::F16 => 2,
            WeightType::Int8 => 3,
            WeightType::Int4 => 4,
            other => panic!("{other:?}"),
        });
        file.push(self.lanes as u8);
        file.extend((weights_at as u32 + weights.len() as u32 + 4).to_le_bytes());
        file.extend((line.len() as u16).to_le_bytes());
        file.extend((names.len() as u16).to_le_bytes());
        file.extend((weights_at as u32).to_le_bytes());
        file.extend((weights.len() as u32).to_le_bytes());
        file.extend((self.mean.len() as u16).to_le_bytes());
        file.extend(0u16.to_le_bytes());
        if let Some(DecisionBytes { temperature, score, unknown, threshold }) = decision {
            file.extend(temperature.to_le_bytes());
            file.extend([score, 0]);
            file.extend(unknown.to_le_bytes());
            file.extend(threshold.to_le_bytes());
            file.extend(0u32.to_le_bytes());
        }
        file.extend(self.mean.iter().chain(&self.scale).flat_map(|number| number.to_le_bytes()));
        file.extend(line.bytes().chain(names.bytes()));
        file.resize(weights_at, 0);
        file.extend(weights);
        file.extend(crc32(&file).to_le_bytes());
        file
    }

    /// Returns the file at an address that is aligned for a model.
    pub fn aligned(&self) -> Aligned {
        Aligned::new(&self.write())
    }

    /// Returns float weights, packed as the document defines.
    fn weights(&self) -> Vec<u8> {
        let plan = Plan::new(self.spec);
        let mut bytes = Vec::new();
        let mut rest = &self.parameters[..];
        for layer in plan.layers().filter(Layer::has_weights) {
            let (fan_in, outputs) = (layer.fan_in(), usize::from(layer.output.channels));
            let (weights, others) = rest.split_at(outputs * fan_in);
            let (biases, others) = others.split_at(outputs);
            rest = others;
            let lanes = if layer.groups > 1 { 1 } else { self.lanes };
            let slots = outputs.next_multiple_of(lanes);
            for output in 0..slots {
                bytes.extend(biases.get(output).unwrap_or(&0.0).to_le_bytes());
            }
            for group in 0..slots / lanes {
                for input in 0..fan_in {
                    for lane in 0..lanes {
                        let output = group * lanes + lane;
                        let weight = if output < outputs { weights[output * fan_in + input] } else { 0.0 };
                        match self.weight_type {
                            WeightType::F32 => bytes.extend(weight.to_le_bytes()),
                            _ => bytes.extend(f16::from_f32(weight).to_le_bytes()),
                        }
                    }
                }
            }
            while bytes.len() % 4 != 0 {
                bytes.push(0);
            }
        }
        assert!(rest.is_empty(), "{} parameters too many", rest.len());
        bytes
    }
}

/// Returns the parameters as a file of this type stores them: f16 rounds weights, not biases.
pub fn stored(spec: Spec, parameters: &[f32], weight_type: WeightType) -> Vec<f32> {
    let mut stored = parameters.to_vec();
    if weight_type == WeightType::F16 {
        let mut rest = &mut stored[..];
        for layer in Plan::new(spec).layers().filter(Layer::has_weights) {
            let (weights, others) = rest.split_at_mut(layer.weights());
            weights.iter_mut().for_each(|weight| *weight = f16::from_f32(*weight).to_f32());
            rest = others.split_at_mut(layer.output.channels.into()).1;
        }
    }
    stored
}

/// Replaces the last four bytes of a file by the checksum of those before.
pub fn seal(file: &mut [u8]) {
    let (body, checksum) = file.split_last_chunk_mut::<4>().expect("a file of at least four bytes");
    *checksum = crc32(body).to_le_bytes();
}

/// Returns the CRC-32 of zip and Ethernet, computed bit by bit.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// Bytes at an address that is a multiple of 16.
#[derive(Clone, Debug)]
pub struct Aligned {
    words: Vec<u128>,
    len: usize,
}

impl Aligned {
    /// Copies `bytes`.
    pub fn new(bytes: &[u8]) -> Aligned {
        let mut words = vec![0u128; bytes.len().div_ceil(16)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Aligned { words, len: bytes.len() }
    }
}

impl std::ops::Deref for Aligned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn the_checksums_check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
