//! A slow, simple network: whole maps, one loop for each operation.
//!
//! In f64 it is the reference to which everything else must be close. In f32 its sums run in the order that the
//! streaming engine documents (the bias, then rows, columns and channels of the window; each product is rounded before
//! it is added, or for [`FusedF32`] only the sum), so the engine must agree with it bit for bit.
//!
//! It uses only the stages from nin-core. It counts shapes, parameters and multiplications itself, so the plan can be
//! tested against it.

use std::ops::{Add, Div, Mul};

use nin_core::spec::{Activation, Side};
use nin_core::{Shape, Spec, Stage, Window};

use crate::close::magnitude;

/// A number of the oracle: f64, f32 or [`FusedF32`].
pub trait Number:
    Copy + PartialOrd + Add<Output = Self> + Mul<Output = Self> + Div<Output = Self> + From<f32> + Into<f64>
{
    /// Returns `sum + self · weight`, rounded as in the engine.
    fn added_to(self, sum: Self, weight: Self) -> Self {
        sum + self * weight
    }
}

impl Number for f64 {}
impl Number for f32 {}

/// An f32 whose products are not rounded before they are added.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct FusedF32(pub f32);

impl Number for FusedF32 {
    fn added_to(self, sum: Self, weight: Self) -> Self {
        FusedF32(self.0.mul_add(weight.0, sum.0))
    }
}

impl Add for FusedF32 {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        FusedF32(self.0 + other.0)
    }
}

impl Mul for FusedF32 {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        FusedF32(self.0 * other.0)
    }
}

impl Div for FusedF32 {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        FusedF32(self.0 / other.0)
    }
}

impl From<f32> for FusedF32 {
    fn from(value: f32) -> Self {
        FusedF32(value)
    }
}

impl From<FusedF32> for f64 {
    fn from(value: FusedF32) -> f64 {
        value.0.into()
    }
}

/// A whole feature map (rows × columns × channels).
#[derive(Clone, Debug, PartialEq)]
pub struct Map<N = f64> {
    /// Its shape.
    pub shape: Shape,
    /// Its values, channels last.
    pub values: Vec<N>,
}

impl Map<f32> {
    /// Returns the map in f64.
    pub fn widen(&self) -> Map {
        self.numbers()
    }

    /// Returns the map in another number type.
    pub fn numbers<N: From<f32>>(&self) -> Map<N> {
        Map { shape: self.shape, values: self.values.iter().map(|&value| value.into()).collect() }
    }

    /// Returns the image's rows in the order in which the engine reads them.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.shape.row())
    }
}

impl<N: Number> Map<N> {
    /// Returns a map filled with one value.
    pub fn filled(value: N, channels: usize, rows: usize, columns: usize) -> Map<N> {
        let side = |length: usize| u16::try_from(length).expect("a side of a map");
        let shape = Shape { channels: side(channels), rows: side(rows), columns: side(columns) };
        Map { shape, values: vec![value; channels * rows * columns] }
    }

    /// Returns one pixel's channels.
    pub fn pixel(&self, row: usize, column: usize) -> &[N] {
        let channels = usize::from(self.shape.channels);
        let at = (row * usize::from(self.shape.columns) + column) * channels;
        &self.values[at..at + channels]
    }

    /// Returns one pixel's channels, mutable.
    pub fn pixel_mut(&mut self, row: usize, column: usize) -> &mut [N] {
        let channels = usize::from(self.shape.channels);
        let at = (row * usize::from(self.shape.columns) + column) * channels;
        &mut self.values[at..at + channels]
    }

    fn sides(&self) -> (usize, usize, usize) {
        (usize::from(self.shape.channels), usize::from(self.shape.rows), usize::from(self.shape.columns))
    }

    /// Returns the pixel at a place of the padded map, or `None` in the padding.
    fn at(&self, row: isize, column: isize) -> Option<&[N]> {
        let (_, rows, columns) = self.sides();
        let row = usize::try_from(row).ok().filter(|&row| row < rows)?;
        let column = usize::try_from(column).ok().filter(|&column| column < columns)?;
        Some(self.pixel(row, column))
    }
}

/// The operation of a [`Step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A convolution with its bias.
    Convolution,
    /// A fully connected layer with its bias.
    Full,
    /// `max(value, 0)`, or `min(max(value, 0), 6)`.
    Relu,
    /// Maximum pooling.
    MaxPool,
    /// Average pooling, with or without its padding.
    AvgPool,
    /// A shortcut's input added to its body's output.
    Sum,
    /// Dropout, which does nothing in inference.
    Dropout,
    /// Global average.
    GlobalAverage,
}

/// One step of the computation and its output map.
#[derive(Clone, Debug)]
pub struct Step<N = f64> {
    /// The index of its stage in the line.
    pub stage: usize,
    /// The operation.
    pub op: Op,
    /// The output.
    pub map: Map<N>,
    /// The number of parameters that it read.
    pub parameters: usize,
    /// The number of multiply-accumulates, including those over padding.
    pub macs: u64,
    /// The largest sum of magnitudes of the terms of one of its values: the scale of rounding errors, because terms of
    /// opposite sign may cancel.
    pub scale: f64,
}

impl<N> Step<N> {
    /// Returns the step with its map in another number type.
    pub fn numbers<M>(self, of: impl Fn(N) -> M) -> Step<M> {
        let Step { stage, op, map: Map { shape, values }, parameters, macs, scale } = self;
        let map = Map { shape, values: values.into_iter().map(of).collect() };
        Step { stage, op, map, parameters, macs, scale }
    }
}

/// Computes every step of the network for one image; the last step's map holds the logits.
///
/// `parameters` holds, for each layer with weights, its weights `[out][fan-in]` and then its biases `[out]`.
///
/// # Panics
///
/// If there are too few parameters or too many.
pub fn forward<N: Number>(spec: &Spec, parameters: &[f32], image: &Map<N>) -> Vec<Step<N>> {
    assert_eq!(image.shape, spec.input(), "the image's shape");
    let mut rest = parameters;
    let mut steps: Vec<Step<N>> = Vec::new();
    // A fully connected layer at the end of the line has no ReLU.
    let last = spec.stages().iter().rposition(|stage| !matches!(stage, Stage::Dropout(_)));
    // The input of each stage.
    let mut inputs: Vec<Map<N>> = Vec::new();
    for (index, stage) in spec.stages().iter().enumerate() {
        inputs.push(steps.last().map_or(image, |step| &step.map).clone());
        let now = &inputs[index];
        let plain =
            |op, map: Map<N>| Step { stage: index, op, parameters: 0, macs: 0, scale: magnitude(&now.values), map };
        let made = match stage {
            Stage::Block(block) => {
                let mut made: Vec<Step<N>> = Vec::new();
                for (i, &width) in block.widths.as_slice().iter().enumerate() {
                    let (window, groups) = if i == 0 { (block.window, block.groups()) } else { (Window::PIXEL, 1) };
                    let input = made.last().map_or(now, |step| &step.map);
                    let step = convolution(index, window, (width.into(), groups.into()), &mut rest, input);
                    let activated = activated(block.widths.activation(i), &step.map).map(|map| plain(Op::Relu, map));
                    made.push(step);
                    made.extend(activated);
                }
                made
            }
            Stage::Sum(sum) => {
                let begin = &inputs[index - usize::from(sum.stages)];
                let projection = sum.projection.map(|projection| {
                    let strides = [projection.row_stride, projection.column_stride];
                    let mut window = Window::PIXEL;
                    [window.rows.stride, window.columns.stride] = strides;
                    convolution(index, window, (now.shape.channels.into(), 1), &mut rest, begin)
                });
                let other = projection.as_ref().map_or(begin, |step| &step.map);
                assert_eq!(now.shape, other.shape, "the shapes of a sum");
                let values = now.values.iter().zip(&other.values).map(|(&a, &b)| a + b).collect();
                let total = plain(Op::Sum, Map { shape: now.shape, values });
                let total = Step { scale: total.scale + magnitude(&other.values), ..total };
                let activated = activated(sum.activation, &total.map).map(|map| plain(Op::Relu, map));
                projection.into_iter().chain([total]).chain(activated).collect()
            }
            Stage::Full(widths) => {
                let mut made: Vec<Step<N>> = Vec::new();
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
            Stage::AvgPool(window) => vec![plain(Op::AvgPool, avg_pool(*window, now, false))],
            Stage::MeanPool(window) => vec![plain(Op::AvgPool, avg_pool(*window, now, true))],
            Stage::Dropout(_) => vec![plain(Op::Dropout, now.clone())],
            Stage::GlobalAverage => vec![plain(Op::GlobalAverage, global_average(now))],
        };
        steps.extend(made);
    }
    assert!(rest.is_empty(), "{} parameters too many", rest.len());
    steps
}

/// Returns the layers as the plan lists them: a ReLU belongs to the layer before it.
pub fn layers<N: Number>(steps: &[Step<N>]) -> Vec<Step<N>> {
    let mut layers: Vec<Step<N>> = Vec::new();
    for step in steps {
        match layers.last_mut() {
            Some(layer) if step.op == Op::Relu => layer.map = step.map.clone(),
            _ => layers.push(step.clone()),
        }
    }
    layers
}

/// Returns the logits, and the scale of their rounding errors: the largest since the last layer with weights.
pub fn logits<N: Number>(spec: &Spec, parameters: &[f32], image: &Map<N>) -> (Vec<N>, f64) {
    let mut steps = forward(spec, parameters, image);
    let last = steps.iter().rposition(|step| step.parameters > 0).unwrap_or(0);
    let scale = steps[last..].iter().fold(0.0, |most, step| f64::max(most, step.scale));
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

/// Returns the number of windows along a side, counted one by one.
fn windows(side: Side, length: usize) -> usize {
    let padded = length + usize::from(side.padding) + usize::from(side.after);
    let mut count = 0;
    while count * usize::from(side.stride) + usize::from(side.kernel) <= padded {
        count += 1;
    }
    count
}

/// Returns the place of a window's pixel on the map; negative or past the end if it lies in the padding.
fn place(side: Side, index: usize, k: usize) -> isize {
    (index * usize::from(side.stride) + k) as isize - isize::from(side.padding)
}

fn convolution<N: Number>(
    stage: usize,
    window: Window,
    (outputs, groups): (usize, usize),
    rest: &mut &[f32],
    input: &Map<N>,
) -> Step<N> {
    let (channels, rows, columns) = input.sides();
    let channels = channels / groups;
    let (height, width) = (usize::from(window.rows.kernel), usize::from(window.columns.kernel));
    let fan_in = height * width * channels;
    let (weights, biases) = take(rest, outputs, fan_in);
    let (out_rows, out_columns) = (windows(window.rows, rows), windows(window.columns, columns));
    let mut map = Map::filled(N::from(0.0), outputs, out_rows, out_columns);
    let (mut macs, mut scale) = (0, 0.0);
    for row in 0..out_rows {
        for column in 0..out_columns {
            for output in 0..outputs {
                let mut sum = Sum::new(biases[output]);
                let group = output / (outputs / groups);
                for ky in 0..height {
                    for kx in 0..width {
                        macs += channels as u64;
                        let (y, x) = (place(window.rows, row, ky), place(window.columns, column, kx));
                        let Some(pixel) = input.at(y, x) else { continue };
                        let pixel = &pixel[group * channels..][..channels];
                        let weights = &weights[output * fan_in + (ky * width + kx) * channels..][..channels];
                        pixel.iter().zip(weights).for_each(|(&x, &weight)| sum.add(x, weight));
                    }
                }
                map.pixel_mut(row, column)[output] = sum.value;
                scale = f64::max(scale, sum.magnitudes);
            }
        }
    }
    Step { stage, op: Op::Convolution, map, parameters: weights.len() + biases.len(), macs, scale }
}

fn full<N: Number>(stage: usize, outputs: usize, rest: &mut &[f32], input: &Map<N>) -> Step<N> {
    let fan_in = input.values.len();
    let (weights, biases) = take(rest, outputs, fan_in);
    let mut map = Map::filled(N::from(0.0), outputs, 1, 1);
    let (mut macs, mut scale) = (0, 0.0);
    for output in 0..outputs {
        let mut sum = Sum::new(biases[output]);
        for (&x, &weight) in input.values.iter().zip(&weights[output * fan_in..]) {
            macs += 1;
            sum.add(x, weight);
        }
        map.values[output] = sum.value;
        scale = f64::max(scale, sum.magnitudes);
    }
    Step { stage, op: Op::Full, map, parameters: weights.len() + biases.len(), macs, scale }
}

/// A sum of products, and the sum of their magnitudes.
struct Sum<N> {
    value: N,
    magnitudes: f64,
}

impl<N: Number> Sum<N> {
    fn new(bias: f32) -> Self {
        Sum { value: N::from(bias), magnitudes: f64::from(bias).abs() }
    }

    fn add(&mut self, x: N, weight: f32) {
        let weight = N::from(weight);
        self.value = x.added_to(self.value, weight);
        self.magnitudes += (x * weight).into().abs();
    }
}

fn relu<N: Number>(input: &Map<N>) -> Map<N> {
    let zero = N::from(0.0);
    let values = input.values.iter().map(|&value| if value > zero { value } else { zero });
    Map { shape: input.shape, values: values.collect() }
}

/// What an activation makes of a map; `None` if it is none.
fn activated<N: Number>(activation: Activation, input: &Map<N>) -> Option<Map<N>> {
    let six = N::from(6.0);
    let mut map = relu(input);
    match activation {
        Activation::Relu => Some(map),
        Activation::Relu6 => {
            map.values.iter_mut().for_each(|value| *value = if *value > six { six } else { *value });
            Some(map)
        }
        Activation::Identity => None,
    }
}

fn max_pool<N: Number>(window: Window, input: &Map<N>) -> Map<N> {
    pool(window, input, N::from(f32::NEG_INFINITY), |most, x| if x > most { x } else { most })
}

fn avg_pool<N: Number>(window: Window, input: &Map<N>, inside: bool) -> Map<N> {
    let mut map = pool(window, input, N::from(0.0), |sum, x| sum + x);
    let ones =
        pool(window, &Map { values: vec![N::from(1.0); input.values.len()], ..*input }, N::from(0.0), |a, b| a + b);
    let area = N::from(f32::from(window.rows.kernel) * f32::from(window.columns.kernel));
    for (value, &count) in map.values.iter_mut().zip(&ones.values) {
        *value = *value / if inside { count } else { area };
    }
    map
}

/// Applies `join` to each window's pixels, channel by channel, and skips padding.
fn pool<N: Number>(window: Window, input: &Map<N>, start: N, join: fn(N, N) -> N) -> Map<N> {
    let (channels, rows, columns) = input.sides();
    let (height, width) = (usize::from(window.rows.kernel), usize::from(window.columns.kernel));
    let (out_rows, out_columns) = (windows(window.rows, rows), windows(window.columns, columns));
    let mut map = Map::filled(start, channels, out_rows, out_columns);
    for row in 0..out_rows {
        for column in 0..out_columns {
            for ky in 0..height {
                for kx in 0..width {
                    let (y, x) = (place(window.rows, row, ky), place(window.columns, column, kx));
                    let Some(pixel) = input.at(y, x) else { continue };
                    for (out, &x) in map.pixel_mut(row, column).iter_mut().zip(pixel) {
                        *out = join(*out, x);
                    }
                }
            }
        }
    }
    map
}

fn global_average<N: Number>(input: &Map<N>) -> Map<N> {
    let (channels, rows, columns) = input.sides();
    let mut map = Map::filled(N::from(0.0), channels, 1, 1);
    for row in 0..rows {
        for column in 0..columns {
            for (sum, &x) in map.values.iter_mut().zip(input.pixel(row, column)) {
                *sum = *sum + x;
            }
        }
    }
    let pixels = N::from((rows * columns) as f32);
    map.values.iter_mut().for_each(|value| *value = *value / pixels);
    map
}

/// Cases that PyTorch's fixtures do not contain, computed by hand.
#[cfg(test)]
mod tests {
    use nin_core::Spec;

    use super::{Map, forward, layers};

    /// Returns the values after each layer, for an image that counts 1, 2, 3, …
    fn after_each(line: &str, parameters: &[f32]) -> Vec<Vec<f64>> {
        let spec = Spec::new(line);
        let values = (1..=spec.input().len()).map(|value| value as f64).collect();
        let image = Map { shape: spec.input(), values };
        layers(&forward(&spec, parameters, &image)).into_iter().map(|layer| layer.map.values).collect()
    }

    #[test]
    fn an_average_counts_its_padding_as_zeros() {
        // 1 2 3
        // 4 5 6
        let maps = after_each("1x2x3 avg2/2+1 gap", &[]);
        assert_eq!(maps, [vec![0.25, 1.25, 1.0, 2.75], vec![1.3125]]);
    }

    #[test]
    fn a_maximum_passes_its_padding_over() {
        let spec = Spec::new("1x2x3 max2/2+1 gap");
        let image = Map { shape: spec.input(), values: vec![-1.0, -2.0, -3.0, -4.0, -5.0, -6.0] };
        let maps = layers(&forward(&spec, &[], &image));
        assert_eq!(maps[0].map.values, [-1.0, -2.0, -4.0, -5.0]);
    }

    #[test]
    fn windows_round_down_and_stride_past_pixels() {
        // 1 2 3 4
        // 5 6 7 8
        // 9 10 11 12
        assert_eq!(after_each("1x3x4 max2/2 gap", &[])[0], [6.0, 8.0]);
        assert_eq!(after_each("1x3x4 max1/2 gap", &[])[0], [1.0, 3.0, 9.0, 11.0]);
        assert_eq!(after_each("1x3x4 avg3/2 gap", &[])[0], [6.0]);
    }

    #[test]
    fn channels_stand_side_by_side() {
        // Pixels (1, 2), (3, 4), (5, 6). The weights select the second channel of the left pixel of each pair, and the
        // first channel of the right one, negated and with a bias.
        let weights = [0.0, 1.0, 0.0, 0.0, /* */ 0.0, 0.0, -1.0, 0.0, /* biases */ 0.5, 4.0];
        let maps = after_each("2x2x3 nin2:2 gap", &[&[0.0; 4], &weights[..4], &[0.0; 4], &weights[4..]].concat());
        // The lower row is (7, 8), (9, 10), (11, 12). The second output is 4 − 9 and 4 − 11, which the ReLU sets to 0.
        assert_eq!(maps, [vec![8.5, 0.0, 10.5, 0.0], vec![9.5, 0.0]]);
    }

    #[test]
    fn a_convolutions_padding_is_zeros() {
        // 1 2
        // 3 4
        let maps = after_each("1x2x2 nin3/2+2:1 gap", &[&[1.0; 9][..], &[0.25]].concat());
        assert_eq!(maps[0], [1.25, 3.25, 4.25, 10.25]);
    }

    #[test]
    fn fully_connected_layers_read_rows_columns_channels() {
        // The first layer selects one input and negates another, followed by a ReLU; the second layer has no ReLU.
        let mut first = [0.0; 16];
        first[5] = 1.0;
        first[8 + 2] = -1.0;
        let second = [2.0, 1.0, -3.0, 1.0, 0.0, 0.5];
        let maps = after_each("2x2x2 drop0.5 fc2,2", &[&first[..], &[0.0, 1.0], &second].concat());
        assert_eq!(maps[1..], [vec![6.0, 0.0], vec![12.0, -17.5]]);
        // Two stages with dropout between them give the same; after an average there are two inputs.
        let maps = after_each("2x2x2 fc2 drop0.5 fc2", &[&first[..], &[0.0, 1.0], &second].concat());
        assert_eq!(maps.last(), Some(&vec![12.0, -17.5]));
        let maps = after_each("2x2x2 gap fc2", &[1.0, 0.0, 0.0, -1.0, 0.5, 0.0]);
        assert_eq!(maps, [vec![4.0, 5.0], vec![4.5, -5.0]]);
    }

    #[test]
    #[should_panic(expected = "1 parameters too many")]
    fn parameters_must_be_used_up() {
        after_each("1x1x1 fc1", &[1.0, 2.0, 3.0]);
    }

    #[test]
    #[should_panic(expected = "1 parameters too few")]
    fn parameters_must_suffice() {
        after_each("1x1x1 fc1", &[1.0]);
    }
}
