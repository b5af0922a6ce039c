//! The confidence of a network: calibrated probabilities, and the rejection of images that belong to none of its
//! classes.
//!
//! Both are found on validation images, which the network was not trained with, and stored in the model file as a
//! [`Decision`]. `calibration` finds the temperature and measures the calibration error, `rejection` finds the
//! threshold.

mod calibration;
mod rejection;

use nin_core::{Decision, Model, Score, Threshold, argmax};

pub use self::calibration::{calibration_error, temperature};
pub use self::rejection::{Judged, Point, curve, threshold};
use crate::data::{Dataset, UNKNOWN};
use crate::engine::arrays;
use crate::engine::streaming::{StreamingError, softmax};

/// The share of right answers that a threshold keeps, by default.
pub const KEEP: f64 = 0.95;

/// Returns the index of the class [`UNKNOWN`], if there is one.
pub fn unknown_class(class_names: &[String]) -> Option<u16> {
    class_names.iter().position(|name| name == UNKNOWN).and_then(|class| u16::try_from(class).ok())
}

/// How images are rejected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rejection {
    /// The score by which images are rejected.
    pub score: Score,
    /// The share of the right answers on validation images that is kept, above 0 and at most 1.
    pub keep: f64,
}

impl Default for Rejection {
    /// Returns the largest logit and [`KEEP`].
    fn default() -> Self {
        Self { score: Score::Logit, keep: KEEP }
    }
}

/// A decision, and its quality on the images on which it was found.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Found {
    /// The decision.
    pub decision: Decision,
    /// The number of images.
    pub images: usize,
    /// The expected calibration error without and with the temperature.
    pub calibration_error: [f64; 2],
}

/// Finds temperature and threshold of a model on validation images, by the logits that the board computes. Without
/// `rejection` there is no threshold. The class [`UNKNOWN`] becomes the decision's unknown class.
///
/// Runs on all threads of the current rayon pool.
///
/// # Errors
///
/// [`StreamingError`] if the images do not fit the network, or if its logits are no finite numbers.
pub fn find(model: &Model<'_>, validation: &Dataset, rejection: Option<Rejection>) -> Result<Found, StreamingError> {
    let logits = arrays::logits(model, validation.images())?;
    if !logits.iter().all(|logit| logit.is_finite()) {
        return Err(StreamingError::NotFinite);
    }
    let rows: Vec<&[f32]> = logits.outer_iter().map(|row| row.to_slice().unwrap_or_default()).collect();
    let labels: Vec<usize> = (0..validation.len()).map(|index| validation.label(index)).collect();
    let temperature = temperature(&rows, &labels);
    let unknown = unknown_class(validation.class_names()).filter(|&class| usize::from(class) < model.plan().classes());
    let threshold = rejection.and_then(|Rejection { score, keep }| {
        let known = rows.iter().zip(&labels).filter(|(_, label)| unknown.map(usize::from) != Some(**label));
        let judged = known.map(|(row, label)| Judged { score: score.of(row), right: argmax(row) == Some(*label) });
        Some(Threshold { score, value: threshold(&judged.collect::<Vec<_>>(), keep)? })
    });
    let error = |temperature| {
        calibration_error(rows.iter().zip(&labels).map(|(row, label)| confidence(row, *label, temperature)))
    };
    Ok(Found {
        decision: Decision { temperature, threshold, unknown },
        images: validation.len(),
        calibration_error: [error(1.0), error(temperature)],
    })
}

/// Returns the probability of the most likely class, and whether that is the label.
pub fn confidence(logits: &[f32], label: usize, temperature: f32) -> (f64, bool) {
    let class = argmax(logits).unwrap_or(0);
    (probabilities(logits, temperature).get(class).copied().unwrap_or(0.0), class == label)
}

/// Returns the softmax of logits that are divided by a temperature, computed in f64.
pub fn probabilities(logits: &[f32], temperature: f32) -> Vec<f64> {
    if temperature == 1.0 {
        return softmax(logits);
    }
    softmax(&logits.iter().map(|logit| logit / temperature).collect::<Vec<_>>())
}
