//! Runs a model file with the engine that runs on the board: the same numbers, bit for bit.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;

use bytemuck::cast_slice;
use nin_core::plan::Layer;
use nin_core::{
    Affine, AffineInt4, Answer, F16, F32, Format, Int4, Int8, Model, ModelError, Network, NetworkError, Observer,
    Piece, Plan, Shape, WeightType, argmax,
};
use rayon::prelude::*;

use super::confusion::Confusion;
use crate::data::{Dataset, fit};
use crate::network::parameters::is_activated;
use crate::network::preprocessing::Preprocessing;

/// A model file's bytes with the alignment that the engine needs.
#[derive(Clone)]
pub struct ModelBytes {
    words: Vec<u128>,
    length: usize,
}

impl fmt::Debug for ModelBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelBytes({} bytes)", self.length)
    }
}

impl ModelBytes {
    /// Copies a file's bytes.
    pub fn new(file: &[u8]) -> Self {
        let mut words = vec![0u128; file.len().div_ceil(size_of::<u128>())];
        bytemuck::cast_slice_mut(&mut words)[..file.len()].copy_from_slice(file);
        Self { words, length: file.len() }
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &cast_slice(&self.words)[..self.length]
    }

    /// Reads and checks the model.
    ///
    /// # Errors
    ///
    /// [`ModelError`] if it is broken.
    pub fn model(&self) -> Result<Model<'_>, ModelError> {
        Model::read(self.bytes())
    }
}

/// A model and its working memory on this host; one for each thread.
#[derive(Debug)]
pub struct Streaming<'m> {
    model: &'m Model<'m>,
    preprocessing: Preprocessing,
    state: Vec<u32>,
}

impl<'m> Streaming<'m> {
    /// Allocates the working memory of a model.
    pub fn new(model: &'m Model<'m>) -> Self {
        Self { model, preprocessing: Preprocessing::of(model), state: vec![0; model.state_words()] }
    }

    /// Returns the bytes that a model needs on each thread: its state, and an image as bytes and as floats.
    pub fn bytes(model: &Model<'_>) -> u64 {
        let state = size_of::<u32>() as u64 * model.state_words() as u64;
        let image = (2 + size_of::<f32>()) as u64 * model.plan().spec().input().len() as u64;
        state.saturating_add(image)
    }

    /// Returns the logits of an image of any size: rows × columns × channels bytes, resized to the network's input by
    /// [`fitted`], then preprocessed as the model file specifies.
    ///
    /// # Errors
    ///
    /// [`StreamingError`] if the image has other channels than the network's input, or this build cannot run the model.
    pub fn classify(&mut self, image: &[u8], shape: Shape) -> Result<Vec<f32>, StreamingError> {
        self.classify_observed(image, shape, &mut ())
    }

    /// Classifies as [`classify`](Self::classify) does; `observer` receives every layer's outputs, as bytes if the
    /// model is quantised.
    ///
    /// # Errors
    ///
    /// As for [`classify`](Self::classify).
    pub fn classify_observed(
        &mut self,
        image: &[u8],
        shape: Shape,
        observer: &mut (impl Observer<f32> + Observer<u8>),
    ) -> Result<Vec<f32>, StreamingError> {
        let input = self.model.plan().spec().input();
        let bytes = fitted(image, shape, input).ok_or(StreamingError::Image { shape, input })?;
        match self.model.weight_type() {
            WeightType::Int8 => Ok(infer::<Int8, _>(self.model, &mut self.state, &bytes, observer)?),
            WeightType::Int4 => Ok(infer::<Int4, _>(self.model, &mut self.state, &bytes, observer)?),
            WeightType::Affine => Ok(infer::<Affine, _>(self.model, &mut self.state, &bytes, observer)?),
            WeightType::AffineInt4 => Ok(infer::<AffineInt4, _>(self.model, &mut self.state, &bytes, observer)?),
            _ => {
                let mut values = vec![0.0; bytes.len()];
                self.preprocessing.apply(&bytes, &mut values);
                Ok(self.floats(&values, observer)?)
            }
        }
    }

    /// Returns the logits of one image in the network's shape, already preprocessed; not for quantised models.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] if the image is not as large as the network's input.
    pub fn logits(&mut self, image: &[f32]) -> Result<Vec<f32>, NetworkError> {
        self.floats(image, &mut ())
    }

    fn floats(&mut self, image: &[f32], observer: &mut impl Observer<f32>) -> Result<Vec<f32>, NetworkError> {
        match self.model.weight_type() {
            WeightType::F16 => infer::<F16, _>(self.model, &mut self.state, image, observer),
            _ => infer::<F32, _>(self.model, &mut self.state, image, observer),
        }
    }
}

fn infer<F: Format<Value = V>, V: Copy>(
    model: &Model<'_>,
    state: &mut [u32],
    image: &[V],
    observer: &mut impl Observer<V>,
) -> Result<Vec<f32>, NetworkError> {
    let input = model.plan().spec().input();
    let (row, expected) = (input.row(), usize::from(input.rows));
    let (found, rest) = (image.len().div_ceil(row), image.len() % row);
    if rest != 0 && found <= expected {
        return Err(NetworkError::RowLength { expected: row, found: rest });
    }
    if found != expected {
        return Err(NetworkError::Rows { expected, found });
    }
    let mut network = Network::<F>::new(model, state)?;
    let read_row = |y: usize, to: &mut [V]| {
        to.copy_from_slice(&image[y * row..][..row]);
        Ok::<(), Infallible>(())
    };
    match network.infer_observed(read_row, observer) {
        Ok(logits) => Ok(logits.to_vec()),
        Err(never) => match never {},
    }
}

/// Some layers, those with weights and a ReLU by default, and the index by which an observer finds the layer of a piece.
pub(crate) struct Activations {
    /// The layers, in order.
    pub layers: Vec<Layer>,
    /// For each layer of each stage, its index in `layers`.
    places: Vec<Vec<Option<usize>>>,
}

impl Activations {
    pub fn new(plan: &Plan) -> Self {
        Self::of(plan, is_activated)
    }

    /// Returns the layers that `observed` chooses.
    pub fn of(plan: &Plan, observed: impl Fn(&Layer) -> bool) -> Self {
        let (mut layers, mut places) = (Vec::new(), vec![Vec::new(); plan.spec().stages().len()]);
        for layer in plan.layers() {
            let activated = observed(&layer);
            places[layer.stage].push(activated.then_some(layers.len()));
            if activated {
                layers.push(layer);
            }
        }
        Self { layers, places }
    }

    /// Returns the index of the layer that a piece belongs to, if it is one of them.
    pub fn index(&self, piece: Piece) -> Option<usize> {
        *self.places.get(piece.stage)?.get(piece.step)?
    }
}

/// The reason why an image cannot be classified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamingError {
    /// The image has other channels than the network's input, or another length than its shape.
    Image {
        /// The image's shape.
        shape: Shape,
        /// The network's input.
        input: Shape,
    },
    /// The engine returned an error.
    Network(NetworkError),
    /// The logits are infinite or NaN.
    NotFinite,
}

impl fmt::Display for StreamingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image { shape, input } => write!(f, "an image of {shape} does not fit the network's {input}"),
            Self::Network(error) => error.fmt(f),
            Self::NotFinite => f.write_str(
                "the network's logits are infinite or NaN, so they choose no class: its weights are too large; \
                 train it again, with a lower learning rate",
            ),
        }
    }
}

impl std::error::Error for StreamingError {}

impl From<NetworkError> for StreamingError {
    fn from(error: NetworkError) -> Self {
        Self::Network(error)
    }
}

/// Returns an image's bytes in the shape of the network's input, as [`fit`](fn@fit) makes them. `None` if the image has other
/// channels or another length than `shape`.
pub fn fitted(image: &[u8], shape: Shape, input: Shape) -> Option<Cow<'_, [u8]>> {
    let fits = shape.channels == input.channels && image.len() == shape.len() && !shape.is_empty();
    fits.then(|| fit(image, shape, input))
}

/// The evaluation of a model file on a data set.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelEvaluation {
    /// The mean cross-entropy.
    pub loss: f64,
    /// The confusion matrix, by the class with the largest logit: no image is rejected.
    pub confusion: Confusion,
    /// The images that the model's decision accepts, and how many of these get the right class.
    pub accepted: (usize, usize),
}

/// Runs every image of a data set through a model, on all threads of the current rayon pool, and calls `done` with the
/// number of images after each group of them.
///
/// # Errors
///
/// [`StreamingError`] if the images do not fit the network, this build cannot run the model, or its logits are no
/// finite numbers.
pub fn evaluate(
    model: &Model<'_>,
    dataset: &Dataset,
    done: &(dyn Fn(usize) + Sync),
) -> Result<ModelEvaluation, StreamingError> {
    /// Images of one task: enough to hide its overhead, few enough to balance the threads.
    const GROUP: usize = 16;
    let indices: Vec<usize> = (0..dataset.len()).collect();
    /// The class with the largest logit, the answer, and the cross-entropy.
    type Judged = (usize, Answer, f64);
    let groups: Vec<Result<Vec<Judged>, StreamingError>> = indices
        .par_chunks(GROUP)
        .map_init(
            || Streaming::new(model),
            |streaming, group| {
                let results = group.iter().map(|&index| {
                    let logits = finite(streaming.classify(dataset.image(index), dataset.shape())?)?;
                    let loss = cross_entropy(&logits, dataset.label(index));
                    Ok((argmax(&logits).unwrap_or(0), model.answer(&logits), loss))
                });
                let results = results.collect();
                done(group.len());
                results
            },
        )
        .collect();
    let mut confusion = Confusion::new(dataset.class_names(), model.plan().classes());
    let mut loss = 0.0;
    let mut index = 0;
    let mut accepted = (0, 0);
    for group in groups {
        for (prediction, answer, own) in group? {
            let label = dataset.label(index);
            confusion.add(label, prediction, 1);
            if let Answer::Class(class) = answer {
                accepted = (accepted.0 + 1, accepted.1 + usize::from(class == label));
            }
            loss += own;
            index += 1;
        }
    }
    Ok(ModelEvaluation { loss: loss / dataset.len().max(1) as f64, confusion, accepted })
}

/// Returns the logits if all are finite numbers.
///
/// # Errors
///
/// [`StreamingError::NotFinite`] if one is infinite or NaN: then no class has the largest logit.
pub fn finite(logits: Vec<f32>) -> Result<Vec<f32>, StreamingError> {
    if logits.iter().all(|logit| logit.is_finite()) { Ok(logits) } else { Err(StreamingError::NotFinite) }
}

/// Returns the softmax of logits, computed in f64.
pub fn softmax(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|&logit| f64::from(logit - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// Returns −ln of the label's probability; for a label outside the classes the probability is 0.
pub(crate) fn cross_entropy(logits: &[f32], label: usize) -> f64 {
    softmax(logits).get(label).map_or(f64::INFINITY, |probability| -probability.max(f64::MIN_POSITIVE).ln())
}
