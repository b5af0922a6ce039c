//! Random 8-bit networks with zero points: every kind of layer, with what makes a kernel's carry or rounding go wrong.

use nin_core::packing::affine::{Factor, Words};
use nin_core::plan::{Layer, LayerKind};
use nin_core::{Plan, Spec, WeightType};
use nin_train::formats::model_file::{AffineLayer, AffineModel, Record};
use nin_train::integers::GRAIN;
use nin_train::network::preprocessing::Preprocessing;

use crate::mix;

/// Lines with every kind of layer, at sizes that leave pixels, channels and inputs over.
pub const LINES: [&str; 15] = [
    "3x20x18 nin3/2+0,1:8 dw3+1:16 dw3/2+0,1:12 dw3+1:20 avg3/1 fc5",
    "1x19x10 nin10x4/2+4,5x1:10 dw3+1:10id dw3/2+same:7 avg2/2 fc7",
    "3x13x12 nin3+1:8 res(nin3+1:8 nin3+1:8id) proj(nin3/2+same:12 nin3+1:12id) gap fc10",
    "6x9x11 nin3+1:7id res(dw3+1:7id)r6 mean2/2+0,1 fc4",
    // Windows in several segments, an odd number of outputs, more outputs than sums are kept.
    "40x5x7 nin3+1:67id dw3/2+1id:20r6 gap",
    "70x4x6 nin3+1:66 res(dw3+1r6 nin3+1:66id)id gap fc3",
    // Depthwise windows of other sizes and strides.
    "5x7x9 dw5+2:6 dw3/3+1:9 max2/2 gap fc3",
    "4x9x10 dw3x2+1x0id:6 dw3/2x1+1:5 dw3/1x2+1:4 gap",
    // Groups, and fewer channels than a word has bytes.
    "8x9x9 nin3+1g2:8,6id nin3/2+1g3:9 gap fc4,3",
    "1x5x5 dw3+1id dw3+1 dw3/2+1 gap",
    "2x3x3 dw3+2id:3 gap fc2",
    // Rows of 1, 2 and 3 pixels; more channels than are copied at once.
    "30x3x1 dw3+1:9id res(dw3+1:9 dw3+1id)id gap fc2",
    "130x4x6 dw3+1id dw3/2+1:5 dw3+1:4 gap fc3",
    "3x16x15 nin3+1:5r6 proj(dw3/2+1r6:9id)id avg2/2 nin1:6id gap",
    // As many stages as fit.
    "3x9x11 nin3+1:4 res(nin3+1:4 nin3+1:4id) res(nin3+1:4 nin3+1:4id) res(nin3+1:4 nin3+1:4id) proj(nin3/2+1:6 nin3+1:6id) res(nin3+1:6 nin3+1:6id) res(nin3+1:6 nin3+1:6id) proj(nin3/2+1:8 nin3+1:8id) res(nin3+1:8 nin3+1:8id) res(nin3+1:8 nin3+1:8id) drop0.1 gap drop0.1 fc3",
];

/// A splitmix64 sequence.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix::mix(self.0) % end
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }

    fn multiplier(&mut self) -> i32 {
        self.between(1 << 30, (1 << 31) - 1) as i32
    }
}

/// A network of a line, from a seed. One layer in five has a range or factors that only the general kernels compute.
///
/// # Panics
///
/// If the line is wrong.
pub fn network(line: &str, seed: u64) -> AffineModel {
    let spec: Spec = line.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
    let mut random = Random(mix::mix(seed));
    let zero = if random.one_in(2) { 0 } else { random.byte() };
    let plan = Plan::new(spec);
    let layers = plan.layers().filter(|layer| layer.weight_bytes(WeightType::Affine, 1) > 0);
    let mut input = zero;
    let mut records = Vec::new();
    for layer in layers {
        let record = record(&layer, input, &mut random);
        input = match &record {
            Record::Layer(layer) => layer.words.output_zero,
            Record::Sum { words, .. } | Record::Average { words, .. } => words.output_zero,
        };
        records.push(record);
    }
    let channels = usize::from(spec.input().channels);
    let preprocessing = Preprocessing { mean: vec![zero.into(); channels], scale: vec![1.0 / 64.0; channels] };
    AffineModel { spec, preprocessing, class_names: Vec::new(), records }
}

/// Returns the network with weights of 4 bits in about three of four layers that may have them, from a seed: these
/// weights keep the upper half of their byte.
pub fn narrowed(mut model: AffineModel, seed: u64) -> AffineModel {
    let mut random = Random(mix::mix(seed ^ 4));
    let plan = Plan::new(model.spec);
    let layers = plan.layers().filter(|layer| layer.weight_bytes(WeightType::Affine, 1) > 0);
    for (layer, record) in layers.zip(&mut model.records) {
        if let Record::Layer(record) = record
            && layer.groups == 1
            && !random.one_in(4)
        {
            record.words.four_bits = true;
            record.weights.iter_mut().for_each(|weight| *weight = (*weight / GRAIN).clamp(-7, 7) * GRAIN);
        }
    }
    model
}

fn words(layer: &Layer, input_zero: u8, random: &mut Random) -> Words {
    let output_zero = match layer.relu {
        true if random.one_in(4) => random.byte() / 4,
        true => 0,
        false => 96 + random.byte() / 4,
    };
    let least = if layer.relu { output_zero } else { 0 };
    let most = if layer.relu6 || random.one_in(6) { 200 + random.byte() / 8 } else { 255 };
    let [plain, once, four_bits] = [false; 3];
    Words { input_zero, output_zero, least, most, plain, lanes: 1, once, four_bits, scale: 0.0625 }
}

fn record(layer: &Layer, input: u8, random: &mut Random) -> Record {
    let mut words = words(layer, input, random);
    match layer.kind {
        LayerKind::Sum => {
            let mut factors = [0; 2].map(|_| Factor { multiplier: random.multiplier(), shift: 1 });
            factors[random.below(2) as usize] = match random.one_in(6) {
                true => Factor { multiplier: random.multiplier(), shift: -1 },
                false => Factor { multiplier: 1 << 30, shift: 0 },
            };
            let total = Factor { multiplier: random.multiplier(), shift: random.between(18, 20) as i32 };
            let [ours, theirs] = factors;
            Record::Sum { words, shortcut_zero: random.byte(), factors: [ours, theirs, total] }
        }
        LayerKind::GlobalAverage => {
            let fraction = (random.multiplier() as f64) / layer.input.pixels() as f64;
            let shift = (f64::from(i32::MAX) / fraction).log2().floor() as i32;
            Record::Average { words, factor: Factor { multiplier: (fraction * f64::from(1 << shift)) as i32, shift } }
        }
        _ => {
            let (outputs, fan_in) = (usize::from(layer.output.channels), layer.fan_in());
            let mut weights: Vec<i8> = (0..outputs * fan_in).map(|_| random.between(-127, 127) as i8).collect();
            // What spreads the results of a sum of random products over the bytes.
            let spread = 7.5 + (fan_in as f64).log2() / 2.0;
            let shift = |random: &mut Random| (spread + random.below(2) as f64 - 0.5).round() as i32;
            let mut factors: Vec<Factor> =
                (0..outputs).map(|_| Factor { multiplier: random.multiplier(), shift: shift(random) }).collect();
            if random.one_in(5) {
                // Small weights, and a factor of up to 2.
                let output = random.below(outputs as u64) as usize;
                weights[output * fan_in..][..fan_in].iter_mut().for_each(|weight| *weight %= 2);
                factors[output].shift = random.between(-1, 0) as i32;
            }
            if random.one_in(5) {
                let output = random.below(outputs as u64) as usize;
                weights[output * fan_in..][..fan_in].fill(0);
                factors[output] = Factor { multiplier: random.multiplier(), shift: random.between(24, 31) as i32 };
            }
            let bias = |(weights, factor): (&[i8], &Factor)| {
                if weights.iter().all(|&weight| weight == 0) {
                    return -(1 << 30) + random.below(1 << 31) as i32;
                }
                let sum: i32 = weights.iter().map(|&weight| i32::from(weight)).sum();
                -128 * sum + random.between(-(40 << factor.shift.max(0)), 60 << factor.shift.max(0)) as i32
            };
            let bias = weights.chunks_exact(fan_in).zip(&factors).map(bias).collect();
            words.once = matches!(layer.kind, LayerKind::Full) && random.one_in(2);
            Record::Layer(AffineLayer { words, bias, factors, weights })
        }
    }
}
