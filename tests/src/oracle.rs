//! The network computed slowly and obviously: whole maps, in f64, one loop for each thing.
//!
//! It takes nothing but the stages from nin-core: shapes, parameters and multiplications are its own count of what
//! it does, so that the plan, too, can be held against it.

use nin_core::{Shape, Spec, Stage, Window};

use crate::close::magnitude;

/// A whole feature map: rows × columns × channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Its shape.
    pub shape: Shape,
    /// Its values, channels last.
    pub values: Vec<f64>,
}

impl Map {
    /// A map of zeros.
    pub fn zeros(channels: usize, rows: usize, columns: usize) -> Map {
        let side = |length: usize| u16::try_from(length).expect("a side of a map");
        let shape = Shape { channels: side(channels), rows: side(rows), columns: side(columns) };
        Map { shape, values: vec![0.0; channels * rows * columns] }
    }

    /// A map of the given values.
    pub fn new(shape: Shape, values: &[f32]) -> Map {
        assert_eq!(values.len(), shape.len(), "an image of {shape}");
        Map { shape, values: values.iter().map(|&value| f64::from(value)).collect() }
    }

    /// One pixel's channels.
    pub fn pixel(&self, row: usize, column: usize) -> &[f64] {
        let channels = usize::from(self.shape.channels);
        let at = (row * usize::from(self.shape.columns) + column) * channels;
        &self.values[at..at + channels]
    }

    /// The same, to write.
    pub fn pixel_mut(&mut self, row: usize, column: usize) -> &mut [f64] {
        let channels = usize::from(self.shape.channels);
        let at = (row * usize::from(self.shape.columns) + column) * channels;
        &mut self.values[at..at + channels]
    }

    fn sides(&self) -> (usize, usize, usize) {
        (usize::from(self.shape.channels), usize::from(self.shape.rows), usize::from(self.shape.columns))
    }

    /// The pixel at a place of the padded map; `None` over the padding.
    fn at(&self, row: isize, column: isize) -> Option<&[f64]> {
        let (_, rows, columns) = self.sides();
        let row = usize::try_from(row).ok().filter(|&row| row < rows)?;
        let column = usize::try_from(column).ok().filter(|&column| column < columns)?;
        Some(self.pixel(row, column))
    }
}

/// What a [`Step`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A convolution with its bias.
    Convolution,
    /// A fully connected layer with its bias.
    Full,
    /// `max(value, 0)`.
    Relu,
    /// Maximum pooling.
    MaxPool,
    /// Average pooling.
    AvgPool,
    /// Nothing.
    Dropout,
    /// Global average.
    GlobalAverage,
}

/// One step of the computation and the map it makes.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which of the line's stages it belongs to.
    pub stage: usize,
    /// What it does.
    pub op: Op,
    /// What it makes.
    pub map: Map,
    /// Parameters it read.
    pub parameters: usize,
    /// Multiply-accumulates it did, over padding too.
    pub macs: u64,
    /// The largest sum of magnitudes that went into one of its values: the scale of rounding errors, where terms
    /// of opposite sign may cancel.
    pub scale: f64,
}

/// Every step of the network on one image; the last one's map holds the logits.
///
/// `parameters` has, for each layer with weights, its weights `[out][fan-in]` and then its biases `[out]`.
///
/// # Panics
///
/// If there are too few parameters or too many.
pub fn forward(spec: &Spec, parameters: &[f32], image: &Map) -> Vec<Step> {
    assert_eq!(image.shape, spec.input(), "the image's shape");
    let mut rest = parameters;
    let mut steps: Vec<Step> = Vec::new();
    // After the last layer there is no ReLU if it is fully connected.
    let last = spec.stages().iter().rposition(|stage| !matches!(stage, Stage::Dropout(_)));
    for (index, stage) in spec.stages().iter().enumerate() {
        let now = steps.last().map_or(image, |step| &step.map);
        let plain =
            |op, map: Map| Step { stage: index, op, parameters: 0, macs: 0, scale: magnitude(&map.values), map };
        let made = match stage {
            Stage::Block(window, widths) => {
                let mut made: Vec<Step> = Vec::new();
                for (i, &width) in widths.as_slice().iter().enumerate() {
                    let window = if i == 0 { *window } else { Window { kernel: 1, stride: 1, padding: 0 } };
                    let input = made.last().map_or(now, |step| &step.map);
                    let step = convolution(index, window, width.into(), &mut rest, input);
                    let activated = plain(Op::Relu, relu(&step.map));
                    made.extend([step, activated]);
                }
                made
            }
            Stage::Full(widths) => {
                let mut made: Vec<Step> = Vec::new();
                for &width in widths.as_slice() {
                    let input = made.last().map_or(now, |step| &step.map);
                    let step = full(index, width.into(), &mut rest, input);
                    let activated = plain(Op::Relu, relu(&step.map));
                    made.extend([step, activated]);
                }
                if Some(index) == last {
                    made.pop();
                }
                made
            }
            Stage::MaxPool(window) => vec![plain(Op::MaxPool, max_pool(*window, now))],
            Stage::AvgPool(window) => vec![plain(Op::AvgPool, avg_pool(*window, now))],
            Stage::Dropout(_) => vec![plain(Op::Dropout, now.clone())],
            Stage::GlobalAverage => vec![plain(Op::GlobalAverage, global_average(now))],
        };
        steps.extend(made);
    }
    assert!(rest.is_empty(), "{} parameters too many", rest.len());
    steps
}

/// The layers as the plan lists them: a ReLU belongs to the layer before it.
pub fn layers(steps: &[Step]) -> Vec<Step> {
    let mut layers: Vec<Step> = Vec::new();
    for step in steps {
        match layers.last_mut() {
            Some(layer) if step.op == Op::Relu => layer.map = step.map.clone(),
            _ => layers.push(step.clone()),
        }
    }
    layers
}

/// The logits, and the scale of their rounding errors: that of the last layer with weights.
pub fn logits(spec: &Spec, parameters: &[f32], image: &Map) -> (Vec<f64>, f64) {
    let mut steps = forward(spec, parameters, image);
    let scale = steps.iter().rev().find(|step| step.parameters > 0).or(steps.last()).map_or(0.0, |step| step.scale);
    (steps.pop().map_or(Vec::new(), |step| step.map.values), scale)
}

/// Splits off a layer's parameters: its weights, one row for each output, and its biases.
fn take<'p>(rest: &mut &'p [f32], outputs: usize, fan_in: usize) -> (&'p [f32], &'p [f32]) {
    assert!(rest.len() >= outputs * (fan_in + 1), "{} parameters too few", outputs * (fan_in + 1) - rest.len());
    let (weights, others) = rest.split_at(outputs * fan_in);
    let (biases, others) = others.split_at(outputs);
    *rest = others;
    (weights, biases)
}

/// Windows along a side, counted one by one.
fn windows(window: Window, length: usize) -> usize {
    let padded = length + 2 * usize::from(window.padding);
    let mut count = 0;
    while count * usize::from(window.stride) + usize::from(window.kernel) <= padded {
        count += 1;
    }
    count
}

/// The place of a window's pixel on the map: negative, or past its end, over the padding.
fn place(window: Window, index: usize, k: usize) -> isize {
    (index * usize::from(window.stride) + k) as isize - isize::from(window.padding)
}

fn convolution(stage: usize, window: Window, outputs: usize, rest: &mut &[f32], input: &Map) -> Step {
    let (channels, rows, columns) = input.sides();
    let kernel = usize::from(window.kernel);
    let fan_in = kernel * kernel * channels;
    let (weights, biases) = take(rest, outputs, fan_in);
    let mut map = Map::zeros(outputs, windows(window, rows), windows(window, columns));
    let (mut macs, mut scale) = (0, 0.0);
    let (_, out_rows, out_columns) = map.sides();
    for row in 0..out_rows {
        for column in 0..out_columns {
            for output in 0..outputs {
                let mut sum = f64::from(biases[output]);
                let mut magnitudes = sum.abs();
                for ky in 0..kernel {
                    for kx in 0..kernel {
                        macs += channels as u64;
                        let Some(pixel) = input.at(place(window, row, ky), place(window, column, kx)) else { continue };
                        let weights = &weights[output * fan_in + (ky * kernel + kx) * channels..][..channels];
                        for (x, &weight) in pixel.iter().zip(weights) {
                            let product = x * f64::from(weight);
                            sum += product;
                            magnitudes += product.abs();
                        }
                    }
                }
                map.pixel_mut(row, column)[output] = sum;
                scale = f64::max(scale, magnitudes);
            }
        }
    }
    Step { stage, op: Op::Convolution, map, parameters: weights.len() + biases.len(), macs, scale }
}

fn full(stage: usize, outputs: usize, rest: &mut &[f32], input: &Map) -> Step {
    let fan_in = input.values.len();
    let (weights, biases) = take(rest, outputs, fan_in);
    let mut map = Map::zeros(outputs, 1, 1);
    let (mut macs, mut scale) = (0, 0.0);
    for output in 0..outputs {
        let mut sum = f64::from(biases[output]);
        let mut magnitudes = sum.abs();
        for (x, &weight) in input.values.iter().zip(&weights[output * fan_in..]) {
            macs += 1;
            sum += x * f64::from(weight);
            magnitudes += (x * f64::from(weight)).abs();
        }
        map.values[output] = sum;
        scale = f64::max(scale, magnitudes);
    }
    Step { stage, op: Op::Full, map, parameters: weights.len() + biases.len(), macs, scale }
}

fn relu(input: &Map) -> Map {
    Map { shape: input.shape, values: input.values.iter().map(|&value| value.max(0.0)).collect() }
}

fn max_pool(window: Window, input: &Map) -> Map {
    pool(window, input, f64::NEG_INFINITY, f64::max)
}

fn avg_pool(window: Window, input: &Map) -> Map {
    let mut map = pool(window, input, 0.0, |sum, value| sum + value);
    let area = f64::from(window.kernel) * f64::from(window.kernel);
    map.values.iter_mut().for_each(|value| *value /= area);
    map
}

/// What `join` makes of each window's pixels, channel by channel; padding is passed over.
fn pool(window: Window, input: &Map, start: f64, join: fn(f64, f64) -> f64) -> Map {
    let (channels, rows, columns) = input.sides();
    let kernel = usize::from(window.kernel);
    let mut map = Map::zeros(channels, windows(window, rows), windows(window, columns));
    map.values.fill(start);
    let (_, out_rows, out_columns) = map.sides();
    for row in 0..out_rows {
        for column in 0..out_columns {
            for ky in 0..kernel {
                for kx in 0..kernel {
                    let Some(pixel) = input.at(place(window, row, ky), place(window, column, kx)) else { continue };
                    for (out, &x) in map.pixel_mut(row, column).iter_mut().zip(pixel) {
                        *out = join(*out, x);
                    }
                }
            }
        }
    }
    map
}

fn global_average(input: &Map) -> Map {
    let (channels, rows, columns) = input.sides();
    let mut map = Map::zeros(channels, 1, 1);
    for row in 0..rows {
        for column in 0..columns {
            for (sum, x) in map.values.iter_mut().zip(input.pixel(row, column)) {
                *sum += x;
            }
        }
    }
    map.values.iter_mut().for_each(|value| *value /= (rows * columns) as f64);
    map
}
