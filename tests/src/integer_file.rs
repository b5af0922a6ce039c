//! A second writer of 8-bit model files, straight from `docs/int8.md`.

use nin_core::plan::{Layer as Planned, Plan};
use nin_core::{Spec, Stage, WeightType};

use crate::integer::{Finish, Integers, Layer};
use crate::model_file::{Aligned, ModelFile};

/// The packings of 8-bit weights.
pub const LANES: [usize; 3] = [1, 2, 16];

/// The file of a network, for images whose bytes stand for `input_scale` each.
pub fn write(network: &Integers, lanes: usize, input_scale: f32, names: &[String]) -> Vec<u8> {
    let plan = Plan::new(network.spec);
    let channels = usize::from(network.spec.input().channels);
    let mut weights = Vec::new();
    for (planned, layer) in plan.layers().filter(Planned::has_weights).zip(&network.layers) {
        let packed = match lanes {
            2 => streams_of_two(layer, planned.fan_in()),
            _ => rows(layer, planned.fan_in(), lanes),
        };
        weights.extend(packed);
        while weights.len() % 4 != 0 {
            weights.push(0);
        }
    }
    if ends_in_average(&network.spec) {
        weights.extend(network.scale.to_le_bytes());
    }
    let file = ModelFile {
        spec: network.spec,
        weight_type: WeightType::Int8,
        lanes,
        mean: vec![0.0; channels],
        scale: vec![input_scale; channels],
        names: names.to_vec(),
        parameters: Vec::new(),
    };
    file.write_with(&weights)
}

/// The file where a model must stand.
pub fn aligned(network: &Integers, lanes: usize) -> Aligned {
    Aligned::new(&write(network, lanes, 1.0 / 255.0, &[]))
}

fn ends_in_average(spec: &Spec) -> bool {
    let working = spec.stages().iter().rfind(|stage| !matches!(stage, Stage::Dropout(_)));
    matches!(working, Some(Stage::GlobalAverage))
}

/// What stands for multiplier, half and shift of each output, padded to a multiple of the lanes.
fn factors(layer: &Layer, lanes: usize) -> Vec<[u32; 3]> {
    let (mut factors, padding): (Vec<[u32; 3]>, _) = match &layer.finish {
        Finish::Activations(factors) => {
            (factors.iter().map(|&(factor, shift)| [factor as u32, 1 << (shift - 1), shift]).collect(), [0, 1, 1])
        }
        Finish::Logits(scales) => (scales.iter().map(|scale| [scale.to_bits(), 0, 0]).collect(), [0, 0, 0]),
    };
    factors.resize(factors.len().next_multiple_of(lanes), padding);
    factors
}

fn padded_biases(layer: &Layer, lanes: usize) -> Vec<i32> {
    let mut biases = layer.bias.clone();
    biases.resize(biases.len().next_multiple_of(lanes), 0);
    biases
}

/// A weight; 0 where there is none.
fn weight(layer: &Layer, fan_in: usize, output: usize, input: usize) -> u8 {
    if output < layer.bias.len() && input < fan_in { layer.weights[output * fan_in + input] as u8 } else { 0 }
}

fn rows(layer: &Layer, fan_in: usize, lanes: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (biases, factors) = (padded_biases(layer, lanes), factors(layer, lanes));
    bytes.extend(biases.iter().flat_map(|bias| bias.to_le_bytes()));
    bytes.extend(factors.iter().flat_map(|factor| factor[0].to_le_bytes()));
    bytes.extend(factors.iter().flat_map(|factor| factor[2].to_le_bytes()));
    if lanes == 1 {
        bytes.extend(layer.weights.iter().map(|&weight| weight as u8));
        return bytes;
    }
    // [out/16][fan_in/4][16 outputs][4 inputs]
    for group in 0..biases.len() / 16 {
        for four in 0..fan_in.div_ceil(4) {
            for output in 0..16 {
                for input in 0..4 {
                    bytes.push(weight(layer, fan_in, group * 16 + output, four * 4 + input));
                }
            }
        }
    }
    bytes
}

fn streams_of_two(layer: &Layer, fan_in: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (biases, factors) = (padded_biases(layer, 2), factors(layer, 2));
    // The order of the inputs, two by two.
    let padded = fan_in.next_multiple_of(2);
    let mut order = Vec::new();
    for four in 0..padded / 4 {
        order.extend([4 * four, 4 * four + 2, 4 * four + 1, 4 * four + 3]);
    }
    order.extend(padded / 4 * 4..padded);
    for pair in 0..biases.len() / 2 {
        let (first, second) = (2 * pair, 2 * pair + 1);
        for output in [first, second] {
            bytes.extend((2 * biases[output]).to_le_bytes());
        }
        for inputs in order.chunks_exact(2) {
            for &input in inputs {
                bytes.push(weight(layer, fan_in, first, input));
                bytes.push(weight(layer, fan_in, second, input));
            }
        }
        for output in [first, second] {
            bytes.extend(factors[output].iter().flat_map(|word| word.to_le_bytes()));
        }
    }
    bytes
}
