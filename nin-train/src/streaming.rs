//! Runs a model file with the engine that runs on the board: the same numbers, bit for bit.

use std::fmt;

use bytemuck::cast_slice;
use nin_core::{F16, F32, Format, Model, ModelError, Network, NetworkError, Shape, WeightType};

use crate::dataset::resize_bilinear;

/// A model file's bytes, aligned as the engine wants them.
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

    /// The bytes.
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

/// A model at work on this host; one for each thread.
#[derive(Debug)]
pub struct Streaming<'m> {
    model: &'m Model<'m>,
    state: Vec<u32>,
}

impl<'m> Streaming<'m> {
    /// Prepares the memory of one network.
    pub fn new(model: &'m Model<'m>) -> Self {
        Self { model, state: vec![0; model.plan().state_words(model.weight_type())] }
    }

    /// The logits of one image: rows × columns × channels values in the network's shape, already preprocessed
    /// ([`input`]).
    ///
    /// # Errors
    ///
    /// [`NetworkError`] if the image is not as large as the network's input.
    pub fn logits(&mut self, image: &[f32]) -> Result<Vec<f32>, NetworkError> {
        match self.model.weight_type() {
            WeightType::F16 => infer::<F16>(self.model, &mut self.state, image),
            _ => infer::<F32>(self.model, &mut self.state, image),
        }
    }
}

fn infer<F: Format<Value = f32>>(
    model: &Model<'_>,
    state: &mut [u32],
    image: &[f32],
) -> Result<Vec<f32>, NetworkError> {
    let input = model.plan().spec().input();
    let mut network = Network::<F>::new(model, state)?;
    for row in image.chunks(input.row()) {
        network.push_row(row)?;
    }
    Ok(network.finish()?.to_vec())
}

/// An image's bytes as the network reads them: resized to its input if they have another size, then
/// `(byte - mean) * scale`. `None` if the image has other channels.
pub fn input(model: &Model<'_>, image: &[u8], shape: Shape) -> Option<Vec<f32>> {
    let wanted = model.plan().spec().input();
    if shape.channels != wanted.channels || image.len() != shape.len() {
        return None;
    }
    let channels = usize::from(wanted.channels);
    let size = |shape: Shape| (usize::from(shape.rows), usize::from(shape.columns));
    let mut values = vec![0.0; wanted.len()];
    if size(shape) == size(wanted) {
        values.iter_mut().zip(image).for_each(|(value, &byte)| *value = f32::from(byte));
    } else {
        resize_bilinear(image, size(shape), channels, &mut values, size(wanted));
    }
    for channel in 0..channels {
        let (mean, scale) = model.preprocessing(channel);
        values.iter_mut().skip(channel).step_by(channels).for_each(|value| *value = (*value - mean) * scale);
    }
    Some(values)
}
