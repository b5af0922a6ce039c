//! PyTorch's results in float64 and float32: the files in `fixtures/`.
//!
//! A file contains its line, shapes, counters and steps, but no weights: [`mix`] generates them. All tensors have
//! PyTorch's shapes and order (channels first).

use std::path::Path;

use nin_core::plan::{Layer, Plan};
use nin_core::{Shape, Spec};
use serde::Deserialize;

use crate::mix;
use crate::oracle::Map;

/// One file.
#[derive(Debug, Deserialize)]
pub struct Fixture {
    /// The architecture line.
    pub line: String,
    /// Images, channels, rows, columns.
    pub input_shape: [usize; 4],
    /// Counter of the first parameter.
    pub param_counter: u64,
    /// Counter of the first image's first pixel.
    pub image_counter: u64,
    /// The number of parameters of the whole network.
    pub param_count: usize,
    /// The label of each image.
    pub labels: Vec<usize>,
    /// The learning rate of `loss_after_step`.
    pub lr: f64,
    /// The number of losses in `loss_after_step`.
    pub steps: usize,
    /// Numbers that check the generator.
    pub first_pixels_image0: Vec<f64>,
    /// The sum of each image, which checks the generator.
    pub image_sums: Vec<f64>,
    /// Every parameter tensor in order.
    pub params: Vec<Tensor>,
    /// The reference, in float64.
    pub float64: Numbers,
    /// PyTorch's results in float32.
    pub float32: Numbers,
    /// The distance between the two.
    pub float32_minus_float64: Differences,
}

/// A parameter tensor, with enough of its content to check the generator.
#[derive(Debug, Deserialize)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its shape: `[out, in, rows, columns]`, `[out, in]`, or `[out]` for biases.
    pub shape: Vec<usize>,
    /// Its first values.
    pub first4: Vec<f64>,
    /// Its last value.
    pub last: f64,
    /// The sum of all values.
    pub sum: f64,
}

/// Computed results.
#[derive(Debug, Deserialize)]
pub struct Numbers {
    /// The logits, one list for each image.
    pub logits: Vec<Vec<f64>>,
    /// Checksums of every step's map, for image 0.
    pub layers_image0: Vec<MapSums>,
    /// The mean cross-entropy over the images.
    pub loss: f64,
    /// The gradient, one entry for each parameter tensor.
    pub gradients: Vec<GradientSums>,
    /// The loss after each step of plain SGD at [`Fixture::lr`].
    pub loss_after_step: Vec<f64>,
    /// The same at a learning rate of 0.005.
    #[serde(rename = "loss_after_step_lr0.005")]
    pub loss_after_step_small: Vec<f64>,
}

/// Checksums of a map.
#[derive(Debug, Deserialize)]
pub struct MapSums {
    /// `block0.conv1`, `pool0`, `gap`, …
    pub name: String,
    /// One, channels, rows, columns.
    pub shape: Vec<usize>,
    /// The sum of all values.
    pub sum: f64,
    /// The mean.
    pub mean: f64,
    /// The minimum.
    pub min: f64,
    /// The maximum.
    pub max: f64,
    /// The square root of the sum of squares.
    pub l2: f64,
    /// The first values in PyTorch's order.
    pub first4: Vec<f64>,
}

/// Checksums of a gradient.
#[derive(Debug, Deserialize)]
pub struct GradientSums {
    /// The parameter tensor's name.
    pub name: String,
    /// The square root of the sum of squares.
    pub l2: f64,
    /// The first values in PyTorch's order.
    pub first4: Vec<f64>,
}

/// The distance between PyTorch's f32 and its f64: no implementation needs to be closer.
#[derive(Debug, Deserialize)]
pub struct Differences {
    /// The largest difference of a logit.
    pub logits_max_abs: f64,
    /// The difference of the loss.
    pub loss_abs: f64,
}

impl Fixture {
    /// Reads `fixtures/NAME.json`.
    ///
    /// # Panics
    ///
    /// If it is missing or cannot be parsed.
    pub fn load(name: &str) -> Fixture {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).with_extension("json");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Returns the architecture.
    pub fn spec(&self) -> Spec {
        self.line.parse().unwrap_or_else(|error| panic!("{}: {error}", self.line))
    }

    /// Returns the parameter tensors' values in PyTorch's order.
    pub fn tensors(&self) -> Vec<Vec<f32>> {
        let mut counter = self.param_counter;
        let tensor = |tensor: &Tensor| {
            let fan_in: usize = tensor.shape[1..].iter().product();
            let bound = if tensor.shape.len() == 1 { 0.01 } else { (6.0 / fan_in as f64).sqrt() };
            let values = counter..counter + tensor.shape.iter().product::<usize>() as u64;
            counter = values.end;
            values.map(|n| (mix::signed(n) * bound) as f32).collect()
        };
        self.params.iter().map(tensor).collect()
    }

    /// Returns all parameters in this project's order: channels last.
    pub fn parameters(&self) -> Vec<f32> {
        let tensors = self.tensors();
        let plan = Plan::new(self.spec());
        let layers: Vec<Layer> = plan.layers().filter(Layer::has_weights).collect();
        assert_eq!(tensors.len(), 2 * layers.len(), "a weight and a bias for each layer");
        let pairs = layers.iter().zip(tensors.chunks_exact(2));
        pairs.flat_map(|(layer, pair)| [channels_last(layer, &pair[0]), pair[1].clone()]).flatten().collect()
    }

    /// Returns image `n`, channels last; every pixel is the same in f32 and f64.
    pub fn image(&self, n: usize) -> Map<f32> {
        let [_, channels, rows, columns] = self.input_shape;
        let mut image = Map::filled(0.0, channels, rows, columns);
        let mut counter = self.image_counter + (n * channels * rows * columns) as u64;
        for channel in 0..channels {
            for row in 0..rows {
                for column in 0..columns {
                    image.pixel_mut(row, column)[channel] = mix::unit(counter) as f32;
                    counter += 1;
                }
            }
        }
        image
    }
}

/// Converts a weight tensor of PyTorch, `[out][channels][rows][columns]`, to `[out][rows][columns][channels]`.
pub fn channels_last(layer: &Layer, weights: &[f32]) -> Vec<f32> {
    let window = window_of(layer);
    let (channels, pixels) = (usize::from(window.channels), window.pixels());
    assert_eq!(weights.len(), layer.weights(), "weights of {layer:?}");
    let mut ours = Vec::with_capacity(weights.len());
    for output in weights.chunks_exact(layer.fan_in()) {
        for pixel in 0..pixels {
            ours.extend((0..channels).map(|channel| output[channel * pixels + pixel]));
        }
    }
    ours
}

/// Converts `[out][rows][columns][channels]` to PyTorch's `[out][channels][rows][columns]`.
pub fn channels_first(layer: &Layer, weights: &[f32]) -> Vec<f32> {
    let window = window_of(layer);
    let (channels, pixels) = (usize::from(window.channels), window.pixels());
    assert_eq!(weights.len(), layer.weights(), "weights of {layer:?}");
    let mut theirs = Vec::with_capacity(weights.len());
    for output in weights.chunks_exact(layer.fan_in()) {
        for channel in 0..channels {
            theirs.extend((0..pixels).map(|pixel| output[pixel * channels + channel]));
        }
    }
    theirs
}

/// Returns the shape of the input of one output of a layer; the channels are those of its group.
fn window_of(layer: &Layer) -> Shape {
    match layer.kind {
        nin_core::plan::LayerKind::Convolution(window) => Shape {
            rows: window.rows.kernel.into(),
            columns: window.columns.kernel.into(),
            channels: layer.input.channels / layer.groups,
        },
        _ => layer.input,
    }
}
