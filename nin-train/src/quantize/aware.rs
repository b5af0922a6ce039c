//! Quantisation-aware training: a network that learns with the integers it will be.
//!
//! Training itself computes with those integers (see [`rounding`](crate::integers::rounding)). What is exported is
//! therefore what was trained, but for the last bits of float sums.
//!
//! Ranges begin with those that a sample of images shows, as after training, and are trained with the rest, without
//! Esser's factor for their gradient: AdamW does without, and with SGD they hardly move. Batch normalisation is folded
//! before.

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

/// What quantisation-aware training begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// The network as 8-bit arithmetic sees it: its preprocessing is one scale.
    pub network: Trained,
    /// The range of each layer that makes activations, in order.
    pub ranges: Vec<f32>,
}

impl Begun {
    /// Its parameters, with the ranges behind them: [`Layout::Ranged`](crate::network::layout::Layout::Ranged).
    pub fn parameters(&self) -> Vec<f32> {
        [&self.network.parameters[..], &self.ranges].concat()
    }
}

/// Makes a network ready for quantisation-aware training; the ranges of its activations are those on some images
/// (rows × columns × channels bytes each).
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

/// Returns the integers that a run with quantisation-aware training has come to; `None` for any other run.
///
/// # Errors
///
/// [`CalibrationError`] if its parameters are no numbers.
pub fn quantized(checkpoint: &Checkpoint) -> Option<Result<QuantizedModel, CalibrationError>> {
    let weights = checkpoint.recipe.quantize.as_ref()?;
    let trained = checkpoint.trained();
    let ranges = &checkpoint.evaluated()[trained.parameters.len()..];
    Some(QuantizedModel::with_weights(&trained, &clips(ranges), weights).map_err(CalibrationError::from))
}
