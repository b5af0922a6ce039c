//! Computes an 8-bit network as `docs/int8.md` defines it: whole maps, every sum in 64 bits, one simple loop for each
//! operation.
//!
//! It uses only the stages from nin-core and shares no code with the trainer's quantiser or the engine. Both are tested
//! against it, and it is tested against TensorFlow Lite's reference kernels.

use nin_core::spec::Block;
use nin_core::{Shape, Spec, Stage, Window};

/// A whole map of bytes (rows × columns × channels).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// Its shape.
    pub shape: Shape,
    /// Its values, channels last.
    pub values: Vec<u8>,
}

/// A layer with weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// The weights, `[out][fan_in]`; the fan-in is ordered rows, columns, channels.
    pub weights: Vec<i8>,
    /// One bias for each output.
    pub bias: Vec<i32>,
    /// How accumulators become outputs.
    pub finish: Finish,
}

/// How a layer's accumulators become outputs.
#[derive(Clone, Debug, PartialEq)]
pub enum Finish {
    /// Into the next layer's 8-bit input: a multiplier and a shift for each output.
    Activations(Vec<(i32, u32)>),
    /// Into logits, in a last fully connected layer: a scale for each output.
    Logits(Vec<f32>),
}

/// An integer network.
#[derive(Clone, Debug, PartialEq)]
pub struct Integers {
    /// The architecture.
    pub spec: Spec,
    /// The layers with weights, in order.
    pub layers: Vec<Layer>,
    /// The scale of the input of a `gap` that ends the line; no other head needs it.
    pub scale: f32,
}

/// The output of one layer.
#[derive(Clone, Debug)]
pub struct Step {
    /// The index of the stage in the line.
    pub stage: usize,
    /// The index of the layer in that stage.
    pub step: usize,
    /// The map.
    pub map: Bytes,
}

/// The results of a network for one image.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The output of every layer except dropout, a `gap` and the last layer.
    pub steps: Vec<Step>,
    /// One logit for each class.
    pub logits: Vec<f32>,
}

/// Returns the multiplier and the shift of a real factor below ½.
///
/// # Panics
///
/// If the factor is ½ or more, or becomes ½ by rounding.
pub fn multiplier(real: f64) -> (i32, u32) {
    if real < 2f64.powi(-32) {
        return (0, 1);
    }
    let mut exponent = 0;
    let mut fraction = real;
    while fraction < 0.5 {
        fraction *= 2.0;
        exponent -= 1;
    }
    while fraction >= 1.0 {
        fraction /= 2.0;
        exponent += 1;
    }
    let mut multiplier = (fraction * 2f64.powi(31)).round() as i64;
    if multiplier == 1 << 31 {
        multiplier /= 2;
        exponent += 1;
    }
    let shift = u32::try_from(-exponent).unwrap_or(0);
    assert!((1..=31).contains(&shift), "a factor of {real}");
    (multiplier as i32, shift)
}

/// Computes steps 2 to 4 of a convolution.
pub fn requantise(accumulator: i64, (multiplier, shift): (i32, u32)) -> u8 {
    assert!((1..=31).contains(&shift), "a shift of {shift}");
    let high = (accumulator * i64::from(multiplier) + (1 << 30)) >> 31;
    let rounded = (high + (1 << (shift - 1))) >> shift;
    rounded.clamp(0, 255) as u8
}

/// Returns the average of `count` bytes with the given sum.
pub fn average(sum: i64, count: i64) -> u8 {
    let signed = sum - 128 * count;
    let magnitude = (2 * signed.abs() + count) / (2 * count);
    let rounded = if signed < 0 { -magnitude } else { magnitude };
    (rounded + 128) as u8
}

/// The value between two layers.
enum Flowing {
    Map(Bytes),
    /// The sums of a global average, before the division.
    Sums(Vec<i64>),
}

/// Computes every layer of a network for one image.
///
/// # Panics
///
/// If image, layers and line do not match, or an accumulator exceeds the range that the exporter guarantees.
pub fn forward(network: &Integers, image: &Bytes) -> Answer {
    assert_eq!(image.shape, network.spec.input(), "the image's shape");
    let mut layers = network.layers.iter();
    let mut steps = Vec::new();
    let mut now = Flowing::Map(image.clone());
    let mut logits = Vec::new();
    for (stage, what) in network.spec.stages().iter().enumerate() {
        let mut made = Vec::new();
        match (what, &now) {
            (Stage::Dropout(_), _) => continue,
            (Stage::Block(Block { window, widths, .. }), Flowing::Map(map)) => {
                for (i, &width) in widths.as_slice().iter().enumerate() {
                    let window = if i == 0 { *window } else { Window::PIXEL };
                    let layer = layers.next().expect("a layer for each number of the line");
                    let input = made.last().unwrap_or(map);
                    made.push(convolution(window, width.into(), layer, input));
                }
            }
            (Stage::MaxPool(window), Flowing::Map(map)) => made.push(max_pool(*window, map)),
            (Stage::AvgPool(window), Flowing::Map(map)) => made.push(average_pool(*window, map)),
            (Stage::GlobalAverage, Flowing::Map(map)) => {
                let sums = channel_sums(map);
                let pixels = map.shape.pixels();
                logits = sums.iter().map(|&sum| (sum as f32 / pixels as f32) * network.scale).collect();
                now = Flowing::Sums(sums);
                continue;
            }
            (Stage::Full(widths), _) => {
                for &width in widths.as_slice() {
                    let input = match (made.last(), &now) {
                        (Some(map), _) | (None, Flowing::Map(map)) => {
                            map.values.iter().map(|&value| value.into()).collect()
                        }
                        (None, Flowing::Sums(sums)) => sums.clone(),
                    };
                    let layer = layers.next().expect("a layer for each number of the line");
                    let sums = full(width.into(), layer, &input);
                    match &layer.finish {
                        Finish::Activations(factors) => {
                            let values =
                                sums.iter().zip(factors).map(|(&sum, &factor)| requantise(sum, factor)).collect();
                            made.push(Bytes { shape: Shape { channels: width, rows: 1, columns: 1 }, values });
                        }
                        Finish::Logits(scales) => {
                            logits = sums.iter().zip(scales).map(|(&sum, &scale)| sum as f32 * scale).collect();
                        }
                    }
                }
            }
            (Stage::Sum(_) | Stage::MeanPool(_), _) => panic!("{what} needs zero points"),
            (_, Flowing::Sums(..)) => panic!("{what} after a global average"),
        }
        if let Some(map) = made.last() {
            now = Flowing::Map(map.clone());
        }
        steps.extend(made.into_iter().enumerate().map(|(step, map)| Step { stage, step, map }));
    }
    assert!(layers.next().is_none(), "more layers than the line has");
    Answer { steps, logits }
}

/// Returns an accumulator after a check of the range that the exporter guarantees: doubled, it fits 32 bits.
fn checked(accumulator: i64) -> i64 {
    assert!(accumulator.abs() < 1 << 30, "an accumulator of {accumulator}");
    accumulator
}

fn convolution(window: Window, outputs: usize, layer: &Layer, input: &Bytes) -> Bytes {
    let Finish::Activations(factors) = &layer.finish else { panic!("a convolution that makes logits") };
    let (kernel, channels) = (usize::from(window.columns.kernel), usize::from(input.shape.channels));
    let fan_in = kernel * kernel * channels;
    assert_eq!((layer.weights.len(), layer.bias.len(), factors.len()), (outputs * fan_in, outputs, outputs));
    let shape = over(window, input.shape, outputs);
    let mut values = Vec::with_capacity(shape.len());
    for row in 0..usize::from(shape.rows) {
        for column in 0..usize::from(shape.columns) {
            for (output, &factor) in factors.iter().enumerate() {
                let mut accumulator = i64::from(layer.bias[output]);
                for ky in 0..kernel {
                    for kx in 0..kernel {
                        for channel in 0..channels {
                            let weight = layer.weights[output * fan_in + (ky * kernel + kx) * channels + channel];
                            let x = padded(input, place(window, row, ky), place(window, column, kx), channel);
                            accumulator += i64::from(x) * i64::from(weight);
                        }
                    }
                }
                values.push(requantise(checked(accumulator), factor));
            }
        }
    }
    Bytes { shape, values }
}

fn full(outputs: usize, layer: &Layer, input: &[i64]) -> Vec<i64> {
    assert_eq!((layer.weights.len(), layer.bias.len()), (outputs * input.len(), outputs));
    let rows = layer.weights.chunks_exact(input.len());
    let sum = |(row, &bias): (&[i8], &i32)| {
        i64::from(bias) + row.iter().zip(input).map(|(&weight, x)| i64::from(weight) * x).sum::<i64>()
    };
    rows.zip(&layer.bias).map(sum).map(checked).collect()
}

fn max_pool(window: Window, input: &Bytes) -> Bytes {
    // No value is below 0, so padding of 0 never exceeds a pixel.
    pool(window, input, |values| values.iter().copied().max().unwrap_or(0))
}

fn average_pool(window: Window, input: &Bytes) -> Bytes {
    let count = i64::from(window.columns.kernel) * i64::from(window.columns.kernel);
    pool(window, input, |values| average(values.iter().map(|&value| i64::from(value)).sum(), count))
}

fn pool(window: Window, input: &Bytes, join: impl Fn(&[u8]) -> u8) -> Bytes {
    let (kernel, channels) = (usize::from(window.columns.kernel), usize::from(input.shape.channels));
    let shape = over(window, input.shape, channels);
    let mut values = Vec::with_capacity(shape.len());
    for row in 0..usize::from(shape.rows) {
        for column in 0..usize::from(shape.columns) {
            for channel in 0..channels {
                let mut seen = Vec::with_capacity(kernel * kernel);
                for ky in 0..kernel {
                    for kx in 0..kernel {
                        seen.push(padded(input, place(window, row, ky), place(window, column, kx), channel));
                    }
                }
                values.push(join(&seen));
            }
        }
    }
    Bytes { shape, values }
}

fn channel_sums(map: &Bytes) -> Vec<i64> {
    let channels = usize::from(map.shape.channels);
    let sum = |channel| map.values.iter().skip(channel).step_by(channels).map(|&value| i64::from(value)).sum();
    (0..channels).map(sum).collect()
}

/// Returns the output shape of a window, counted place by place.
fn over(window: Window, input: Shape, channels: usize) -> Shape {
    let count = |length: u16| {
        let padded = usize::from(length) + 2 * usize::from(window.columns.padding);
        let windows = (0..)
            .step_by(window.columns.stride.into())
            .take_while(|at| at + usize::from(window.columns.kernel) <= padded);
        u16::try_from(windows.count()).expect("a side of a map")
    };
    let channels = u16::try_from(channels).expect("channels of a map");
    Shape { channels, rows: count(input.rows), columns: count(input.columns) }
}

/// Returns the place of a window's pixel on the map; negative or past the end if it lies in the padding.
fn place(window: Window, index: usize, k: usize) -> isize {
    (index * usize::from(window.columns.stride) + k) as isize - isize::from(window.columns.padding)
}

/// Returns a value of the padded map.
fn padded(map: &Bytes, row: isize, column: isize, channel: usize) -> u8 {
    let (rows, columns) = (usize::from(map.shape.rows), usize::from(map.shape.columns));
    let Some(row) = usize::try_from(row).ok().filter(|&row| row < rows) else { return 0 };
    let Some(column) = usize::try_from(column).ok().filter(|&column| column < columns) else { return 0 };
    map.values[(row * columns + column) * usize::from(map.shape.channels) + channel]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipliers() {
        assert_eq!(multiplier(0.25), (1 << 30, 1));
        assert_eq!(multiplier(0.49), ((0.98 * 2f64.powi(31)).round() as i32, 1));
        // Rounds up to the next power of two.
        assert_eq!(multiplier(0.25 - 1e-12), (1 << 30, 1));
        assert_eq!(multiplier(0.125 - 1e-12), (1 << 30, 2));
        assert_eq!(multiplier(2f64.powi(-32)), (1 << 30, 31));
        assert_eq!(multiplier(2f64.powi(-32) * 0.99), (0, 1));
        assert_eq!(multiplier(0.0), (0, 1));
        for real in [0.5, 0.5 - 1e-12, 1.0, 3.0] {
            assert!(std::panic::catch_unwind(|| multiplier(real)).is_err(), "{real}");
        }
    }

    #[test]
    fn rounding_of_the_document() {
        // A quarter, rounded twice: the high half of 1 / 4 is 0.5, which rounds to 1, and half of it rounds to 1 again.
        let quarter = multiplier(0.25);
        let of = |accumulator| requantise(accumulator, quarter);
        assert_eq!([of(0), of(1), of(4), of(5), of(6), of(8), of(9)], [0, 1, 1, 2, 2, 2, 3]);
        assert_eq!([of(-1), of(-2), of(-3), of(-1000)], [0; 4]);
        assert_eq!([of(1017), of(1020), of(1022), of(1 << 29)], [255; 4]);
        assert_eq!(of(1016), 254);
        assert_eq!(requantise((1 << 30) - 1, (0, 1)), 0);
        assert_eq!(requantise((1 << 30) - 1, (i32::MAX, 31)), 0);
        assert_eq!(requantise((1 << 30) - 1, (i32::MAX, 30)), 1);
    }

    #[test]
    fn averages_round_halves_away_from_the_middle() {
        assert_eq!(average(128 * 4 + 2, 4), 129);
        assert_eq!(average(128 * 4 - 2, 4), 127);
        assert_eq!(average(128 * 4 + 1, 4), 128);
        assert_eq!(average(128 * 4 - 1, 4), 128);
        assert_eq!([average(0, 9), average(255 * 9, 9)], [0, 255]);
    }

    /// One number computed by hand: a window half over the padding, a bias, a rounding.
    #[test]
    fn a_convolution_by_hand() {
        let network = Integers {
            spec: Spec::new("1x2x2 nin3+1:1 gap"),
            layers: vec![Layer {
                weights: vec![1, 2, 3, 4, 5, 6, 7, 8, 9],
                bias: vec![100],
                finish: Finish::Activations(vec![multiplier(0.25)]),
            }],
            scale: 0.5,
        };
        let image = Bytes { shape: network.spec.input(), values: vec![10, 20, 30, 40] };
        let answer = forward(&network, &image);
        // Top left: 10·5 + 20·6 + 30·8 + 40·9 = 770; and so on.
        let sums = [
            870,
            10 * 4 + 20 * 5 + 30 * 7 + 40 * 8 + 100,
            10 * 2 + 20 * 3 + 30 * 5 + 40 * 6 + 100,
            10 + 20 * 2 + 30 * 4 + 40 * 5 + 100,
        ];
        assert_eq!(sums, [870, 770, 570, 470]);
        let want = [218, 193, 143, 118];
        assert_eq!(answer.steps[0].map.values, want);
        let mean = (218 + 193 + 143 + 118) as f32 / 4.0;
        assert_eq!(answer.logits, [mean * 0.5]);
    }
}
