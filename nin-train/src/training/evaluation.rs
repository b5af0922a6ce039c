//! Evaluation of a network on a data set.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use ndarray::Array2;
use nin_core::{Plan, argmax};
use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::engine::{Arithmetic, Engine};
use crate::network::layout::Layout;
use crate::network::preprocessing::Preprocessing;
use crate::training::batch::Batch;
use crate::training::checkpoint::Checkpoint;
use crate::training::error::TrainError;

/// The result of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// Mean cross-entropy.
    pub loss: f64,
    /// Share of images classified correctly.
    pub accuracy: f64,
    /// Images.
    pub images: usize,
    /// The confusion matrix: images by true class (row, the data's classes) and predicted class (column, the
    /// network's).
    pub confusion: Vec<Vec<u32>>,
    /// Images per second.
    pub images_per_second: f64,
}

impl Evaluation {
    /// Returns the confusion matrix as an array (true classes × predicted classes).
    pub fn matrix(&self) -> Array2<u32> {
        let columns = self.confusion.first().map_or(0, Vec::len);
        Array2::from_shape_fn((self.confusion.len(), columns), |(label, class)| self.confusion[label][class])
    }
}

/// Returns an engine with the network that a checkpoint's run would export, to evaluate it; `threads` 0 means one for
/// each processor.
///
/// # Errors
///
/// If the recipe uses quantisation-aware training and the preprocessing is not one scale, or the system cannot start
/// the threads.
pub fn evaluator(checkpoint: &Checkpoint, threads: usize) -> Result<Engine, TrainError> {
    let arithmetic = match checkpoint.recipe.layout() {
        Layout::Ranged => checkpoint.recipe.arithmetic(&checkpoint.preprocessing)?,
        Layout::Plain | Layout::Normalized => Arithmetic::Float,
    };
    let mut engine = Engine::new(checkpoint.spec, &arithmetic, 0, threads)?;
    load(&mut engine, checkpoint);
    Ok(engine)
}

/// Loads the evaluated parameters: the average, if there is one, with normalisation folded in or with the ranges.
pub(super) fn load(engine: &mut Engine, checkpoint: &Checkpoint) {
    match checkpoint.recipe.layout() {
        Layout::Ranged => engine.load(checkpoint.evaluated()),
        Layout::Plain | Layout::Normalized => engine.load_folded(&checkpoint.folded()),
    }
}

/// Evaluates the parameters loaded in an engine on a data set.
///
/// # Errors
///
/// If the data does not fit the network.
pub fn evaluate(engine: &mut Engine, data: &Dataset, preprocessing: &Preprocessing) -> Result<Evaluation, TrainError> {
    evaluate_each(engine, data, preprocessing, |_, _, _| {})
}

/// Evaluates as [`evaluate`] does, and calls `each(index, label, logits)` for every image, from any thread.
///
/// # Errors
///
/// If the data does not fit the network.
pub fn evaluate_each(
    engine: &mut Engine,
    data: &Dataset,
    preprocessing: &Preprocessing,
    each: impl Fn(usize, usize, &[f32]) + Sync,
) -> Result<Evaluation, TrainError> {
    check_data(engine.plan(), data, preprocessing)?;
    let (input, classes) = (engine.plan().shape(0), engine.plan().classes());
    let counts: Vec<AtomicU32> = (0..data.class_names().len() * classes).map(|_| AtomicU32::new(0)).collect();
    let start = Instant::now();
    let batch = Batch { data, indices: None, input, preprocessing, changes: None, smoothing: 0.0, class_weights: &[] };
    let outcome = engine.forward(&batch, |index, label, logits| {
        each(index, label, logits);
        counts[label * classes + argmax(logits).unwrap_or(0)].fetch_add(1, Ordering::Relaxed);
    });
    let rows = counts.chunks_exact(classes);
    Ok(Evaluation {
        loss: outcome.loss / outcome.images as f64,
        accuracy: outcome.correct as f64 / outcome.images as f64,
        images: outcome.images,
        confusion: rows.map(|row| row.iter().map(|count| count.load(Ordering::Relaxed)).collect()).collect(),
        images_per_second: outcome.images as f64 / start.elapsed().as_secs_f64(),
    })
}

/// Checks whether a data set fits a network.
pub(super) fn check_data(plan: &Plan, data: &Dataset, preprocessing: &Preprocessing) -> Result<(), TrainError> {
    let (images, input) = (data.shape(), plan.shape(0));
    let classes = data.class_names().len();
    if data.is_empty() {
        return Err(TrainError::Empty);
    }
    if images.channels != input.channels {
        return Err(TrainError::Channels { images, input });
    }
    if classes > plan.classes() {
        return Err(TrainError::Classes { data: classes, network: plan.classes() });
    }
    if !preprocessing.fits(input.channels.into()) {
        return Err(TrainError::Preprocessing);
    }
    Ok(())
}
