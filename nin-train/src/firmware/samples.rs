//! Test images for a board, with the logits that it must compute.

use nin_core::{Answer, Model, Shape, argmax};

use crate::data::Dataset;
use crate::engine::streaming::{Streaming, StreamingError, fitted};

/// Test images in the network's shape, with their labels and the host's logits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// Rows × columns × channels bytes for each image.
    pub pixels: Vec<u8>,
    /// The index of each image's class.
    pub labels: Vec<usize>,
    /// The logits of each image.
    pub logits: Vec<Vec<f32>>,
    /// The number of images that the model answers right.
    pub right: usize,
}

impl Samples {
    /// Takes up to `count` images of a data set, in turn the next of each class, and runs the model on them.
    ///
    /// # Errors
    ///
    /// [`StreamingError`] if the images do not fit the model, or this build cannot run it.
    pub fn new(model: &Model<'_>, data: &Dataset, count: usize) -> Result<Self, StreamingError> {
        let input = model.plan().spec().input();
        let mut streaming = Streaming::new(model);
        let mut samples = Self::default();
        for index in in_turn(data, count) {
            let shape = data.shape();
            let pixels = fitted(data.image(index), shape, input).ok_or(StreamingError::Image { shape, input })?;
            let logits = streaming.classify(&pixels, input)?;
            samples.add(model, &pixels, data.label(index), logits);
        }
        Ok(samples)
    }

    /// Makes up to `count` images, runs the model on them, and labels each with the class of the largest logit: a board
    /// that computes the same has all of them right.
    ///
    /// # Errors
    ///
    /// [`StreamingError`] if this build cannot run the model.
    pub fn made_up(model: &Model<'_>, count: usize) -> Result<Self, StreamingError> {
        let input = model.plan().spec().input();
        let mut streaming = Streaming::new(model);
        let mut samples = Self::default();
        let row = input.row().max(1);
        for number in 0..count {
            // A slope along both sides with some noise, another one for each image.
            let byte = |i: usize| ((number + 1) * (i / row) + (number + 3) * (i % row) + 37 * (i % 11) * number) as u8;
            let pixels: Vec<u8> = (0..input.len()).map(byte).collect();
            let logits = streaming.classify(&pixels, input)?;
            samples.add(model, &pixels, argmax(&logits).unwrap_or(0), logits);
        }
        Ok(samples)
    }

    fn add(&mut self, model: &Model<'_>, pixels: &[u8], label: usize, logits: Vec<f32>) {
        // None of the classes is right for an image of the class for unknown images.
        let expected = match model.decision().unknown {
            Some(unknown) if usize::from(unknown) == label => Answer::Unknown,
            _ => Answer::Class(label),
        };
        self.right += usize::from(model.answer(&logits) == expected);
        self.pixels.extend_from_slice(pixels);
        self.labels.push(label);
        self.logits.push(logits);
    }

    /// Returns the flash that an image needs, in bytes.
    pub(super) fn image_bytes(input: Shape, classes: usize) -> u64 {
        // Its pixels, its logits, its label and a reference to the pixels.
        (input.len() + 4 * classes + 12) as u64
    }

    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the flash that the images need, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        let logits: usize = self.logits.iter().map(Vec::len).sum();
        (self.pixels.len() + 4 * logits + 12 * self.len()) as u64
    }
}

/// Returns the indices of up to `count` images: the first of each class, then the second of each, and so on.
fn in_turn(data: &Dataset, count: usize) -> Vec<usize> {
    let mut by_class = vec![Vec::new(); data.class_names().len()];
    for index in 0..data.len() {
        by_class[data.label(index)].push(index);
    }
    let most = by_class.iter().map(Vec::len).max().unwrap_or(0);
    let turns = (0..most).flat_map(|turn| by_class.iter().filter_map(move |class| class.get(turn).copied()));
    turns.take(count).collect()
}
