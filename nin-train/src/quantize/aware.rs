//! Quantisation-aware training.
//!
//! Training computes with the quantised values (see [`rounding`](crate::integers::rounding)). The exported network
//! therefore equals the trained one, except for the last bits of float sums.
//!
//! Initial ranges come from a sample of images, as in post-training quantisation. They are trained with the other
//! parameters, without Esser's factor for their gradient: AdamW does not need it, and with SGD they hardly move. Batch
//! normalisation is folded in before.

use nin_core::WeightType;

use super::CalibrationError;
use super::observe::histograms;
use super::sample::check_images;
use crate::engine::streaming::ModelBytes;
use crate::integers::rounding::{bound, clips};
use crate::integers::{QuantizedModel, STEPS, WeightBits, fold};
use crate::network::trained::Trained;
use crate::training::checkpoint::Checkpoint;
use nin_core::Lanes;

/// The start of quantisation-aware training.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// The network for 8-bit arithmetic: its preprocessing is one scale.
    pub network: Trained,
    /// The range of each layer that makes activations, in order.
    pub ranges: Vec<f32>,
}

impl Begun {
    /// Returns its parameters, followed by the ranges: [`Layout::Ranged`](crate::network::layout::Layout::Ranged).
    pub fn parameters(&self) -> Vec<f32> {
        [&self.network.parameters[..], &self.ranges].concat()
    }
}

/// Prepares a network for quantisation-aware training; the ranges of its activations are measured on some images (rows
/// × columns × channels bytes each).
///
/// # Errors
///
/// [`CalibrationError`] if 8-bit arithmetic cannot compute such a network, or the images do not fit it.
pub fn begin(trained: &Trained, images: &[Vec<u8>], weights: &WeightBits) -> Result<Begun, CalibrationError> {
    check_images(trained, images)?;
    weights.check(&trained.plan())?;
    let network = fold(trained)?.trained;
    let float = ModelBytes::new(&network.to_model(WeightType::F32, Lanes::Sixteen)?);
    let histograms = histograms(&float.model()?, images)?;
    let mut ranges: Vec<f32> = histograms.iter().map(|histogram| histogram.range(STEPS).clip).collect();
    QuantizedModel::with_weights(&network, &clips(&ranges), weights)?;
    bound(&mut ranges);
    Ok(Begun { network, ranges })
}

/// Returns the quantised network of a run with quantisation-aware training; `None` for any other run.
///
/// # Errors
///
/// [`CalibrationError`] if its parameters are not numbers.
pub fn quantized(checkpoint: &Checkpoint) -> Option<Result<QuantizedModel, CalibrationError>> {
    let weights = checkpoint.recipe.quantize.as_ref()?;
    let trained = checkpoint.trained();
    let ranges = &checkpoint.evaluated()[trained.parameters.len()..];
    Some(QuantizedModel::with_weights(&trained, &clips(ranges), weights).map_err(CalibrationError::from))
}
