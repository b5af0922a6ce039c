//! Logits and activations of many images as arrays, computed by the engine that runs on the board.

use ndarray::{Array2, Array3, Array4, ArrayView3, ArrayView4, Axis};
use nin_core::plan::{Layer, LayerKind, Plan};
use nin_core::{Model, Observer, Piece, Shape};
use rayon::prelude::*;

use crate::engine::Engine;
use crate::engine::streaming::{Streaming, StreamingError};

/// Images whose activations are held twice at a time: in the threads' records and in the arrays.
const GROUP: usize = 256;

/// Returns the shape of each image of an array (images × rows × columns × channels); sides above 65,535 become 65,535.
fn shape(images: &ArrayView4<'_, u8>) -> Shape {
    let side = |side: usize| u16::try_from(side).unwrap_or(u16::MAX);
    let (_, rows, columns, channels) = images.dim();
    Shape { channels: side(channels), rows: side(rows), columns: side(columns) }
}

/// Calls `visit` for each image (rows × columns × channels, consecutive in memory) on all threads of the current rayon
/// pool.
fn over<'m, T: Send>(
    model: &'m Model<'m>,
    images: ArrayView4<'_, u8>,
    visit: impl Fn(&mut Streaming<'m>, &[u8]) -> Result<T, StreamingError> + Sync,
) -> Result<Vec<T>, StreamingError> {
    let images = images.as_standard_layout();
    let (count, length) = (images.dim().0, images.dim().1 * images.dim().2 * images.dim().3);
    let bytes = images.as_slice().unwrap_or_default();
    let image = |index: usize| &bytes[index * length..][..length];
    (0..count)
        .into_par_iter()
        .map_init(|| Streaming::new(model), |streaming, index| visit(streaming, image(index)))
        .collect()
}

/// Returns the logits (images × classes) of images (images × rows × columns × channels, 0 to 255) of any size, as
/// [`Streaming::classify`] computes them.
///
/// # Errors
///
/// [`StreamingError`] if the images have other channels than the network's input, or this build cannot run the model.
pub fn logits(model: &Model<'_>, images: ArrayView4<'_, u8>) -> Result<Array2<f32>, StreamingError> {
    let (count, shape, classes) = (images.dim().0, shape(&images), model.plan().classes());
    let rows = over(model, images, |streaming, image| streaming.classify(image, shape))?;
    let mut logits = Array2::zeros((count, classes));
    for (mut row, values) in logits.outer_iter_mut().zip(rows) {
        row.iter_mut().zip(values).for_each(|(to, from)| *to = from);
    }
    Ok(logits)
}

/// One layer's outputs: images × rows × columns × channels.
#[derive(Clone, Debug, PartialEq)]
pub enum Maps {
    /// The outputs of a model with float weights.
    Floats(Array4<f32>),
    /// The outputs of a quantised model, in units of the layer's scale. A model file does not contain that scale.
    Bytes(Array4<u8>),
}

/// One layer and its outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerMaps {
    /// The layer's place among [`Plan::layers`].
    pub index: usize,
    /// The layer.
    pub layer: Layer,
    /// Its output after the ReLU, if it has one.
    pub maps: Maps,
}

impl LayerMaps {
    /// Returns a name that sorts in the order of the layers: `layer_03_max`.
    pub fn name(&self) -> String {
        let kind = match self.layer.kind {
            LayerKind::Convolution(_) => "conv",
            LayerKind::MaxPool(_) => "max",
            LayerKind::AvgPool(_) => "avg",
            LayerKind::MeanPool(_) => "mean",
            LayerKind::Sum => "sum",
            LayerKind::Dropout => "dropout",
            LayerKind::GlobalAverage => "gap",
            LayerKind::Full => "fc",
        };
        format!("layer_{:02}_{kind}", self.index)
    }
}

/// Returns the layers that the board's engine passes to an [`Observer`]: all except dropout, the global average and the
/// layer of the logits.
fn observed(plan: &Plan) -> impl Iterator<Item = (usize, Layer)> {
    let last = plan.layers().enumerate().filter(|(_, layer)| layer.kind != LayerKind::Dropout).last();
    let last = last.map(|(index, _)| index);
    plan.layers().enumerate().filter(move |(index, layer)| {
        Some(*index) != last && !matches!(layer.kind, LayerKind::Dropout | LayerKind::GlobalAverage)
    })
}

/// Returns the bytes that [`activations`] needs for one image.
pub fn activation_bytes(model: &Model<'_>) -> usize {
    let size = if is_integer(model) { 1 } else { size_of::<f32>() };
    observed(model.plan()).map(|(_, layer)| layer.output.len() * size).sum()
}

fn is_integer(model: &Model<'_>) -> bool {
    model.weight_type().is_integer()
}

/// Returns the logits (images × classes) and each layer's outputs for the same images, in the order of the layers. The
/// board's engine has no output of dropout layers, global averages (they stay sums) and the layer of the logits.
///
/// # Errors
///
/// As [`logits`].
pub fn activations(
    model: &Model<'_>,
    images: ArrayView4<'_, u8>,
) -> Result<(Array2<f32>, Vec<LayerMaps>), StreamingError> {
    let (count, shape, classes) = (images.dim().0, shape(&images), model.plan().classes());
    let layers: Vec<(usize, Layer)> = observed(model.plan()).collect();
    let mut logits = Array2::zeros((count, classes));
    let mut maps: Vec<LayerMaps> = layers
        .iter()
        .map(|&(index, layer)| {
            let sides = [layer.output.rows, layer.output.columns, layer.output.channels].map(usize::from);
            let sides = (count, sides[0], sides[1], sides[2]);
            let maps = match is_integer(model) {
                true => Maps::Bytes(Array4::zeros(sides)),
                false => Maps::Floats(Array4::zeros(sides)),
            };
            LayerMaps { index, layer, maps }
        })
        .collect();
    for (number, group) in images.axis_chunks_iter(Axis(0), GROUP).enumerate() {
        let rows = over(model, group, |streaming, image| {
            let mut recorder = Recorder::new(model, &layers);
            let logits = streaming.classify_observed(image, shape, &mut recorder)?;
            Ok((logits, recorder))
        })?;
        for (image, (values, recorder)) in (number * GROUP..).zip(rows) {
            logits.row_mut(image).iter_mut().zip(values).for_each(|(to, from)| *to = from);
            for (i, layer) in maps.iter_mut().enumerate() {
                match &mut layer.maps {
                    Maps::Floats(maps) => put(maps, image, &recorder.floats[i]),
                    Maps::Bytes(maps) => put(maps, image, &recorder.bytes[i]),
                }
            }
        }
    }
    Ok((logits, maps))
}

fn put<V: Copy>(maps: &mut Array4<V>, image: usize, values: &[V]) {
    maps.index_axis_mut(Axis(0), image).iter_mut().zip(values).for_each(|(to, from)| *to = *from);
}

/// Records every layer's whole output for one image.
struct Recorder<'l> {
    layers: &'l [(usize, Layer)],
    /// For each stage, the index of its first layer among all.
    first: Vec<usize>,
    floats: Vec<Vec<f32>>,
    bytes: Vec<Vec<u8>>,
}

impl<'l> Recorder<'l> {
    fn new(model: &Model<'_>, layers: &'l [(usize, Layer)]) -> Self {
        let plan = model.plan();
        let first = |stage| plan.layers().take_while(|layer| layer.stage < stage).count();
        let lengths = layers.iter().map(|(_, layer)| layer.output.len());
        let (floats, bytes) = match is_integer(model) {
            true => (Vec::new(), lengths.map(|length| vec![0; length]).collect()),
            false => (lengths.map(|length| vec![0.0; length]).collect(), Vec::new()),
        };
        Self { layers, first: (0..plan.spec().stages().len()).map(first).collect(), floats, bytes }
    }

    /// Returns the layer that a piece belongs to, and the offset of the piece in that layer's output.
    fn place(&self, piece: Piece) -> Option<(usize, usize)> {
        let index = self.first.get(piece.stage)? + piece.step;
        let found = self.layers.iter().position(|(of_layer, _)| *of_layer == index)?;
        let output = self.layers[found].1.output;
        Some((found, piece.row * output.row() + piece.column * usize::from(output.channels)))
    }
}

impl Observer<f32> for Recorder<'_> {
    fn piece(&mut self, piece: Piece, values: &[f32]) {
        if let Some((layer, at)) = self.place(piece) {
            self.floats[layer][at..][..values.len()].copy_from_slice(values);
        }
    }
}

impl Observer<u8> for Recorder<'_> {
    fn piece(&mut self, piece: Piece, values: &[u8]) {
        if let Some((layer, at)) = self.place(piece) {
            self.bytes[layer][at..][..values.len()].copy_from_slice(values);
        }
    }
}

impl Engine {
    /// Returns the output of every layer (rows × columns × channels) for one image of the network's input shape; the
    /// image comes first, and dropout returns its input.
    ///
    /// # Panics
    ///
    /// If the image has another shape than the network's input.
    pub fn maps(&mut self, image: ArrayView3<'_, f32>) -> Vec<Array3<f32>> {
        let plan = *self.plan();
        let input = plan.shape(0);
        let sides = |shape: Shape| (shape.rows.into(), shape.columns.into(), shape.channels.into());
        assert_eq!(image.dim(), sides(input), "the image must have the shape of the network's input");
        let values = self.activations(image.as_standard_layout().as_slice().unwrap_or_default());
        let shapes = std::iter::once(input).chain(plan.layers().map(|layer| layer.output));
        let map = |(shape, values)| {
            Array3::from_shape_vec(sides(shape), values).expect("a layer's output has its shape's length")
        };
        shapes.zip(values).map(map).collect()
    }
}
