//! A second writer of 8-bit model files, written from `docs/int8.md` alone.

use nin_core::plan::{Layer as Planned, Plan};
use nin_core::{Spec, Stage, WeightType};

use crate::integer::{Finish, Integers, Layer};
use crate::model_file::{Aligned, ModelFile};

/// The packings of 8-bit weights.
pub const LANES: [usize; 3] = [1, 2, 16];

/// Returns the file of a network, for images whose bytes have the scale `input_scale`.
pub fn write(network: &Integers, lanes: usize, input_scale: f32, names: &[String]) -> Vec<u8> {
    whole(network, WeightType::Int8, lanes, input_scale, names, |layer, fan_in| packed(layer, fan_in, lanes))
}

/// Returns the file of a network whose layers have the given weight bits: 8, or 4 for weights that are multiples of 16.
pub fn write_in_bits(network: &Integers, bits: &[u8], lanes: usize, input_scale: f32, names: &[String]) -> Vec<u8> {
    let mut bits = bits.iter();
    whole(network, WeightType::Int4, lanes, input_scale, names, |layer, fan_in| {
        let &bits = bits.next().expect("bits for each layer");
        let mut bytes = u32::from(bits).to_le_bytes().to_vec();
        bytes.extend(if bits == 4 { packed_in_halves(layer, fan_in, lanes) } else { packed(layer, fan_in, lanes) });
        bytes
    })
}

fn whole(
    network: &Integers,
    weight_type: WeightType,
    lanes: usize,
    input_scale: f32,
    names: &[String],
    mut pack: impl FnMut(&Layer, usize) -> Vec<u8>,
) -> Vec<u8> {
    let plan = Plan::new(network.spec);
    let channels = usize::from(network.spec.input().channels);
    let mut weights = Vec::new();
    for (planned, layer) in plan.layers().filter(Planned::has_weights).zip(&network.layers) {
        weights.extend(pack(layer, planned.fan_in()));
        while weights.len() % 4 != 0 {
            weights.push(0);
        }
    }
    if ends_in_average(&network.spec) {
        weights.extend(network.scale.to_le_bytes());
    }
    let file = ModelFile {
        spec: network.spec,
        weight_type,
        lanes,
        mean: vec![0.0; channels],
        scale: vec![input_scale; channels],
        names: names.to_vec(),
        parameters: Vec::new(),
        decision: None,
    };
    file.write_with(&weights)
}

fn packed(layer: &Layer, fan_in: usize, lanes: usize) -> Vec<u8> {
    match lanes {
        2 => streams_of_two(layer, fan_in),
        _ => rows(layer, fan_in, lanes),
    }
}

/// Returns the 8-bit packing of a layer, padded with zero inputs, with two weights in each byte: of each two groups of
/// bytes, the first in the upper halves and the second in the lower halves.
fn packed_in_halves(layer: &Layer, fan_in: usize, lanes: usize) -> Vec<u8> {
    // A group: one input of a row, two inputs of a pair of outputs, four inputs of sixteen outputs.
    let (group, filled) = match lanes {
        1 => (1, fan_in.next_multiple_of(2)),
        2 => (4, fan_in.next_multiple_of(4)),
        _ => (64, fan_in.next_multiple_of(8)),
    };
    let mut wide = layer.clone();
    wide.weights =
        layer.weights.chunks(fan_in).flat_map(|row| (0..filled).map(|k| *row.get(k).unwrap_or(&0))).collect();
    let halves = |bytes: &[u8]| {
        let two = |two: &[u8]| (0..group).map(|k| two[k] | two[group + k] >> 4).collect::<Vec<u8>>();
        bytes.chunks_exact(2 * group).flat_map(two).collect::<Vec<u8>>()
    };
    let bytes = packed(&wide, filled, lanes);
    if lanes == 2 {
        // Two inputs that remain at the end form a pair of their own, not part of a group of four.
        let left = fan_in.next_multiple_of(2) % 4 == 2;
        let streams = bytes.chunks_exact(8 + 2 * filled + 24);
        return streams
            .flat_map(|stream| {
                let mut weights = stream[8..8 + 2 * filled].to_vec();
                if left {
                    let last = weights.len() - 8;
                    let [a, b] = [0, 1].map(|output| [weights[last + output], weights[last + 4 + output]]);
                    weights[last..].copy_from_slice(&[a[0], b[0], a[1], b[1], 0, 0, 0, 0]);
                }
                [&stream[..8], &halves(&weights), &stream[8 + 2 * filled..]].concat()
            })
            .collect();
    }
    let parameters = 12 * layer.bias.len().next_multiple_of(lanes);
    [&bytes[..parameters], &halves(&bytes[parameters..])].concat()
}

/// Returns the file at an address that is aligned for a model.
pub fn aligned(network: &Integers, lanes: usize) -> Aligned {
    Aligned::new(&write(network, lanes, 1.0 / 255.0, &[]))
}

fn ends_in_average(spec: &Spec) -> bool {
    let working = spec.stages().iter().rfind(|stage| !matches!(stage, Stage::Dropout(_)));
    matches!(working, Some(Stage::GlobalAverage))
}

/// Returns the multiplier, half unit and shift of each output, padded to a multiple of the lanes.
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

/// Returns a weight, or 0 where there is none.
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
    // The order of the inputs, in pairs.
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
