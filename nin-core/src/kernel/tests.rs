//! Layers packed by sixteen, depthwise layers and sums, on every instruction set that this processor has, against plain
//! arithmetic: each result equal bit for bit.

use std::vec;
use std::vec::Vec;

use half::f16;

use super::float::wide;
use super::int8;
use super::isa::Isa;
use super::operands::{LayerWeights, Patch};
use super::sum::sealed::Rounding;
use super::sum::{Fused, Separate};
use crate::packing::affine::{FACTOR, Factor, HEADER, Words};
use crate::plan::TILE;

/// A linear congruential generator: numbers without a pattern that matters here.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    fn below(&mut self, end: usize) -> usize {
        self.bits() as usize % end
    }

    /// −1 to 1.
    fn float(&mut self) -> f32 {
        self.bits() as i32 as f32 / i32::MAX as f32
    }
}

/// A layer on some tile of a map.
struct Case {
    rows: usize,
    columns: usize,
    channels: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    /// Row and first column of the tile, counted in outputs.
    at: (usize, usize),
    pixels: usize,
}

impl Case {
    fn random(random: &mut Random) -> Self {
        let kernel = [1, 1, 2, 3, 5][random.below(5)];
        let (rows, columns) = (kernel + random.below(6), kernel + random.below(12));
        let (stride, padding) = (1 + random.below(2), random.below(kernel));
        let places = |size: usize| (size + 2 * padding - kernel) / stride + 1;
        let column = random.below(places(columns).div_ceil(TILE)) * TILE;
        Case {
            rows,
            columns,
            channels: 1 + random.below(40),
            outputs: 1 + random.below(150),
            kernel,
            stride,
            padding,
            at: (random.below(places(rows)), column),
            pixels: TILE.min(places(columns) - column),
        }
    }

    fn is_flat(&self) -> bool {
        (self.kernel, self.stride, self.padding) == (1, 1, 0)
    }

    fn fan_in(&self) -> usize {
        self.kernel * self.kernel * self.channels
    }

    /// The tile's windows; of a 1×1 layer that could stand behind another in its block, as that one passes its pixels
    /// on.
    fn patch<'a, V>(&self, map: &'a [V]) -> Patch<'a, V> {
        if self.is_flat() {
            let start = (self.at.0 * self.columns + self.at.1) * self.channels;
            return Patch::pixels(&map[start..][..self.pixels * self.channels], self.channels);
        }
        let top = (self.at.0 * self.stride) as isize - self.padding as isize;
        let first = top.max(0) as usize;
        let end = (top + self.kernel as isize).min(self.rows as isize) as usize;
        Patch {
            lines: map,
            slots: self.rows,
            row: self.columns * self.channels,
            channels: self.channels,
            columns: self.columns,
            kernel: self.kernel,
            height: self.kernel,
            stride: self.stride,
            rows: (first, end),
            above: (first as isize - top) as usize,
            left: (self.at.1 * self.stride) as isize - self.padding as isize,
            flat: false,
        }
    }

    /// The window of a pixel in the order of the weights; `None` where padding is.
    fn window<V: Copy>(&self, map: &[V], pixel: usize) -> Vec<Option<V>> {
        let mut window = Vec::new();
        for ky in 0..self.kernel {
            for kx in 0..self.kernel {
                let y = (self.at.0 * self.stride + ky).checked_sub(self.padding).filter(|&y| y < self.rows);
                let x = ((self.at.1 + pixel) * self.stride + kx).checked_sub(self.padding);
                let place = y.zip(x.filter(|&x| x < self.columns));
                for channel in 0..self.channels {
                    window.push(place.map(|(y, x)| map[(y * self.columns + x) * self.channels + channel]));
                }
            }
        }
        window
    }
}

/// `docs/int8.md`, step by step.
fn activation(sum: i32, multiplier: i32, shift: u32) -> u8 {
    let high = ((i64::from(sum) * i64::from(multiplier) + (1 << 30)) >> 31) as i32;
    let half = if shift == 0 { 0 } else { 1i32.wrapping_shl(shift - 1) };
    (high.wrapping_add(half) >> shift).clamp(0, 255) as u8
}

#[test]
fn bytes_on_every_instruction_set() {
    let mut random = Random(1);
    let mut between = 0;
    for _ in 0..300 {
        let case = Case::random(&mut random);
        let (fan_in, outputs) = (case.fan_in(), case.outputs);
        let (padded, groups) = (fan_in.next_multiple_of(4), outputs.div_ceil(16));
        let map: Vec<u8> = (0..case.rows * case.columns * case.channels).map(|_| random.bits() as u8).collect();
        // The ends of the ranges too: the products of −128 and 255 are the ones that saturate where they may not.
        let extreme = random.below(4) == 0;
        let weights: Vec<i8> = (0..outputs * fan_in)
            .map(|_| if extreme { [-128, 127][random.below(2)] } else { random.bits() as i8 })
            .collect();
        let map = if extreme { vec![255; map.len()] } else { map };
        let outputs_of = |value: &mut dyn FnMut() -> i32| -> Vec<i32> {
            (0..16 * groups).map(|output| if output < outputs { value() } else { 0 }).collect()
        };
        let biases = outputs_of(&mut || random.bits() as i32 >> [0, 12][usize::from(!extreme)]);
        let multipliers = outputs_of(&mut || (random.bits() >> 1) as i32 | 1 << 30);
        let shifts = outputs_of(&mut || (if extreme { random.below(32) } else { 6 + random.below(8) }) as i32);

        let mut bytes: Vec<u32> =
            [&biases, &multipliers, &shifts].into_iter().flatten().map(|&word| word as u32).collect();
        for group in 0..groups {
            for four in (0..padded).step_by(4) {
                for output in 16 * group..16 * group + 16 {
                    let weight =
                        |input| if output < outputs && input < fan_in { weights[output * fan_in + input] } else { 0 };
                    bytes.push(u32::from_ne_bytes([0, 1, 2, 3].map(|k| weight(four + k) as u8)));
                }
            }
        }
        let layer =
            LayerWeights { bytes: bytemuck::cast_slice(&bytes), fan_in, outputs, lanes: 16, ..LayerWeights::EMPTY };

        let mut want = Vec::new();
        for pixel in 0..case.pixels {
            let window = case.window(&map, pixel);
            for output in 0..outputs {
                let products = window.iter().zip(&weights[output * fan_in..]);
                let sum = products
                    .fold(biases[output], |sum, (x, &w)| sum.wrapping_add(i32::from(x.unwrap_or(0)) * i32::from(w)));
                want.push(activation(sum, multipliers[output], shifts[output] as u32));
            }
        }
        between += want.iter().filter(|&&value| value > 0 && value < 255).count();
        for isa in Isa::all() {
            let mut work = vec![u32::MAX; TILE * padded / 4];
            let mut got = vec![7; want.len()];
            int8::wide::layer_on(isa, &case.patch(&map), case.pixels, &Words::RELU, &layer, &mut work, &mut got);
            assert_eq!(got, want, "{isa:?}");
        }
    }
    assert!(between > 10_000, "{between} activations that no clamp made");
}

/// TensorFlow Lite's `MultiplyByQuantizedMultiplier`, as its reference kernels state it: a doubling high multiplication,
/// then a division by a power of two with halves away from zero.
fn scaled(value: i32, factor: Factor) -> i32 {
    let Factor { multiplier, shift } = factor;
    let value = if shift < 0 { value << -shift } else { value };
    let product = i64::from(value) * i64::from(multiplier);
    let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
    let high = ((product + nudge) / (1 << 31)) as i32;
    if shift <= 0 {
        return high;
    }
    let mask = ((1i64 << shift) - 1) as i32;
    let threshold = (mask >> 1) + i32::from(high < 0);
    (high >> shift) + i32::from(high & mask > threshold)
}

fn moved(value: i32, words: &Words) -> u8 {
    (value + i32::from(words.output_zero)).clamp(words.least.into(), words.most.into()) as u8
}

/// Zero points and a range.
fn words(random: &mut Random) -> Words {
    let mut byte = || random.bits() as u8;
    let (a, b) = (byte(), byte());
    let (least, most) = if a & 1 == 0 { (0, 255) } else { (a.min(b), a.max(b)) };
    Words { input_zero: byte(), output_zero: byte(), least, most, ..Words::RELU }
}

/// Parameters and weights of outputs whose sums stay below 2^30.
struct Outputs {
    biases: Vec<i32>,
    factors: Vec<Factor>,
    weights: Vec<i8>,
}

impl Outputs {
    fn random(random: &mut Random, outputs: usize, fan_in: usize) -> Self {
        let shift = [1, 1 + random.below(12), 1 + random.below(12), 28][random.below(4)] as i32;
        Outputs {
            biases: (0..outputs).map(|_| random.bits() as i32 >> 16).collect(),
            factors: (0..outputs)
                .map(|_| Factor { multiplier: (random.bits() >> 1) as i32, shift: shift + random.below(4) as i32 })
                .collect(),
            weights: (0..outputs * fan_in).map(|_| random.bits() as i8).collect(),
        }
    }

    /// Biases, multipliers and shifts, each padded to `padded` outputs.
    fn rows(&self, padded: usize) -> Vec<u32> {
        let mut words = Vec::new();
        let row = |words: &mut Vec<u32>, value: &dyn Fn(usize) -> i32| {
            words.extend((0..padded).map(|at| if at < self.biases.len() { value(at) as u32 } else { 0 }));
        };
        row(&mut words, &|at| self.biases[at]);
        row(&mut words, &|at| self.factors[at].multiplier);
        row(&mut words, &|at| self.factors[at].shift);
        words
    }

    /// A depthwise layer: rows, then the weights, padded to whole words.
    fn depthwise(&self) -> Vec<u32> {
        let mut words = self.rows(self.biases.len());
        for four in self.weights.chunks(4) {
            let byte = |at: usize| four.get(at).map_or(0, |&weight| weight as u8);
            words.push(u32::from_ne_bytes([0, 1, 2, 3].map(byte)));
        }
        words
    }

    /// Output `output` of a window; its weights are multiplied by every `step`th input from `first` on.
    fn output(&self, output: usize, window: &[Option<u8>], (first, step): (usize, usize), words: &Words) -> u8 {
        let inputs = window.iter().skip(first).step_by(step);
        let fan_in = window.len() / step;
        let products = inputs
            .zip(&self.weights[output * fan_in..])
            .map(|(x, &weight)| i32::from(x.unwrap_or(words.input_zero)) * i32::from(weight));
        moved(scaled(self.biases[output] + products.sum::<i32>(), self.factors[output]), words)
    }
}

#[test]
fn bytes_with_zero_points_on_every_instruction_set() {
    let mut random = Random(3);
    let mut between = 0;
    for _ in 0..300 {
        let case = Case::random(&mut random);
        let (fan_in, outputs) = (case.fan_in(), case.outputs);
        let (padded, groups) = (fan_in.next_multiple_of(4), outputs.div_ceil(16));
        let map: Vec<u8> = (0..case.rows * case.columns * case.channels).map(|_| random.bits() as u8).collect();
        let own = Outputs::random(&mut random, outputs, fan_in);
        let mut bytes = own.rows(16 * groups);
        for group in 0..groups {
            for four in (0..padded).step_by(4) {
                for output in 16 * group..16 * group + 16 {
                    let weight = |input| match output < outputs && input < fan_in {
                        true => own.weights[output * fan_in + input] as u8,
                        false => 0,
                    };
                    bytes.push(u32::from_ne_bytes([0, 1, 2, 3].map(|k| weight(four + k))));
                }
            }
        }
        let layer =
            LayerWeights { bytes: bytemuck::cast_slice(&bytes), fan_in, outputs, lanes: 16, ..LayerWeights::EMPTY };
        let words = words(&mut random);
        let windows = (0..case.pixels).map(|pixel| case.window(&map, pixel));
        let want: Vec<u8> = windows
            .flat_map(|window| (0..outputs).map(|at| own.output(at, &window, (0, 1), &words)).collect::<Vec<_>>())
            .collect();
        between += want.iter().filter(|&&value| value > words.least && value < words.most).count();
        for isa in Isa::all() {
            let mut work = vec![u32::MAX; TILE * padded / 4];
            let mut got = vec![7; want.len()];
            int8::wide::layer_on(isa, &case.patch(&map), case.pixels, &words, &layer, &mut work, &mut got);
            assert_eq!(got, want, "{isa:?}");
        }
    }
    assert!(between > 10_000, "{between} outputs that no clamp made");
}

/// A depthwise layer of a case, and its outputs by plain arithmetic.
struct Depthwise {
    map: Vec<u8>,
    bytes: Vec<u32>,
    words: Words,
    want: Vec<u8>,
}

impl Depthwise {
    fn random(random: &mut Random, case: &Case) -> Self {
        let (channels, size) = (case.channels, case.kernel * case.kernel);
        let map: Vec<u8> = (0..case.rows * case.columns * channels).map(|_| random.bits() as u8).collect();
        let own = Outputs::random(random, channels, size);
        let words = words(random);
        let mut want = Vec::new();
        for pixel in 0..case.pixels {
            let window = case.window(&map, pixel);
            want.extend((0..channels).map(|channel| own.output(channel, &window, (channel, channels), &words)));
        }
        Depthwise { map, bytes: own.depthwise(), words, want }
    }
}

fn depthwise_layer<'a>(case: &Case, bytes: &'a [u32]) -> LayerWeights<'a> {
    LayerWeights {
        bytes: bytemuck::cast_slice(bytes),
        fan_in: case.kernel * case.kernel,
        outputs: case.channels,
        lanes: 1,
        groups: case.channels as u16,
        ..LayerWeights::EMPTY
    }
}

#[test]
fn depthwise_layers_on_every_instruction_set() {
    let mut random = Random(4);
    let mut between = 0;
    for _ in 0..300 {
        let case = Case::random(&mut random);
        let Depthwise { map, bytes, words, want } = Depthwise::random(&mut random, &case);
        let layer = depthwise_layer(&case, &bytes);
        between += want.iter().filter(|&&value| value > words.least && value < words.most).count();
        for isa in Isa::all() {
            let mut got = vec![7; want.len()];
            assert!(int8::wide::channels::fits(&case.patch(&map), &layer));
            int8::wide::channels::depthwise_on(isa, &case.patch(&map), case.pixels, &words, &layer, &mut got);
            assert_eq!(got, want, "{isa:?}");
        }
    }
    assert!(between > 5_000, "{between} outputs that no clamp made");
}

/// The kernel that boards have, for windows and strides of any size.
#[test]
fn depthwise_layers_on_a_board() {
    let mut random = Random(6);
    let (mut between, mut whole) = (0, 0);
    for _ in 0..1000 {
        let mut case = Case::random(&mut random);
        case.kernel = 1 + random.below(7);
        case.padding = random.below(case.kernel);
        case.stride = 1 + random.below(3);
        (case.rows, case.columns) = (case.kernel + random.below(4), case.kernel + random.below(16));
        let places = |size: usize| (size + 2 * case.padding - case.kernel) / case.stride + 1;
        case.at = (random.below(places(case.rows)), random.below(places(case.columns).div_ceil(TILE)) * TILE);
        // A tile may have a fifth pixel.
        case.pixels = (TILE + random.below(2)).min(places(case.columns) - case.at.1);
        let Depthwise { map, bytes, words, want } = Depthwise::random(&mut random, &case);
        let layer = depthwise_layer(&case, &bytes);
        between += want.iter().filter(|&&value| value > words.least && value < words.most).count();
        let patch = case.patch(&map);
        if !int8::depthwise::fits(&patch, &layer) {
            assert!(case.kernel > 5 || case.stride > 2 || case.is_flat(), "{} {}", case.kernel, case.stride);
            continue;
        }
        whole += usize::from(case.padding == 0 && case.pixels >= TILE);
        let mut got = vec![7; want.len()];
        int8::depthwise::layer(&patch, case.pixels, &words, &layer, &mut got);
        assert_eq!(got, want, "{}x{} /{} +{}", case.kernel, case.kernel, case.stride, case.padding);
    }
    assert!(between > 20_000 && whole > 50, "{between} outputs that no clamp made, {whole} tiles without padding");
}

#[test]
fn sums_of_shortcuts_on_every_instruction_set() {
    let mut random = Random(5);
    let mut between = 0;
    for _ in 0..300 {
        let words = words(&mut random);
        let zero = random.bits() as u8;
        // Shifts to the left, none, and to the right, as the exporter makes them.
        let factor = |random: &mut Random, least: i32, most: usize| Factor {
            multiplier: (random.bits() >> 2 | 1 << 30) as i32,
            shift: least + random.below(most) as i32,
        };
        let factors = [factor(&mut random, 0, 4), factor(&mut random, 0, 4), factor(&mut random, 18, 4)];
        let mut bytes = words.bytes().to_vec();
        bytes.extend(u32::from(zero).to_le_bytes());
        factors.iter().for_each(|factor| bytes.extend(factor.bytes()));
        assert_eq!(bytes.len(), HEADER + 4 + 3 * FACTOR);
        let count = random.below(100);
        let [body, shortcut] = [0; 2].map(|_| (0..count).map(|_| random.bits() as u8).collect::<Vec<u8>>());
        let want: Vec<u8> = body
            .iter()
            .zip(&shortcut)
            .map(|(&body, &shortcut)| {
                let addend = |value: u8, zero: u8, factor| scaled((i32::from(value) - i32::from(zero)) << 20, factor);
                let sum = addend(body, words.input_zero, factors[0]) + addend(shortcut, zero, factors[1]);
                moved(scaled(sum, factors[2]), &words)
            })
            .collect();
        between += want.iter().filter(|&&value| value > words.least && value < words.most).count();
        for isa in Isa::all() {
            let mut got = body.clone();
            int8::wide::channels::sum_on(isa, &int8::shortcut::Terms::read(&bytes), &shortcut, &mut got);
            assert_eq!(got, want, "{isa:?}");
        }
    }
    assert!(between > 5_000, "{between} sums that no clamp made");
}

#[test]
fn floats_on_every_instruction_set() {
    floats::<Separate>();
}

#[test]
fn fused_floats_on_every_instruction_set() {
    floats::<Fused>();
}

fn floats<R: Rounding>() {
    let mut random = Random(2);
    let mut alive = 0;
    for _ in 0..300 {
        let case = Case::random(&mut random);
        let (fan_in, outputs) = (case.fan_in(), case.outputs);
        let groups = outputs.div_ceil(16);
        let map: Vec<f32> = (0..case.rows * case.columns * case.channels).map(|_| random.float()).collect();
        let biases: Vec<f32> = (0..16 * groups).map(|_| random.float()).collect();
        // Weights that have 16 bits, in both types: widened they are the same.
        let halves: Vec<f16> = (0..16 * groups * fan_in).map(|_| f16::from_f32(random.float())).collect();
        let packed: Vec<f32> = halves.iter().map(|half| half.to_f32()).collect();
        let bytes = [&biases[..], &packed].concat();
        let pairs = halves.chunks_exact(2).map(|pair| f32::from_bits(bytemuck::cast([pair[0], pair[1]])));
        let half_bytes: Vec<f32> = biases.iter().copied().chain(pairs).collect();
        let [layer, half_layer] = [&bytes, &half_bytes].map(|bytes| LayerWeights {
            bytes: bytemuck::cast_slice(bytes),
            fan_in,
            outputs,
            lanes: 16,
            ..LayerWeights::EMPTY
        });

        let mut want = Vec::new();
        for pixel in 0..case.pixels {
            let window = case.window(&map, pixel);
            for output in 0..outputs {
                let mut sum = biases[output];
                for (input, x) in window.iter().enumerate() {
                    if let Some(x) = x {
                        R::add_product(&mut sum, *x, packed[(output / 16 * fan_in + input) * 16 + output % 16]);
                    }
                }
                want.push(if sum.is_sign_negative() { 0.0 } else { sum }.to_bits());
            }
        }
        alive += want.iter().filter(|&&bits| bits != 0).count();
        for isa in Isa::all() {
            let bits = |got: Vec<f32>| got.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            let mut got = vec![f32::NAN; want.len()];
            wide::layer_on::<f32, R>(isa, &case.patch(&map), case.pixels, &layer, &mut got);
            assert_eq!(bits(got), want, "{isa:?}");
            let mut got = vec![f32::NAN; want.len()];
            wide::layer_on::<f16, R>(isa, &case.patch(&map), case.pixels, &half_layer, &mut got);
            assert_eq!(bits(got), want, "{isa:?}, weights of 16 bits");
        }
    }
    assert!(alive > 10_000, "{alive} outputs above 0");
}
