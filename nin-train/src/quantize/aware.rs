//! Quantisation-aware training.
//!
//! Training computes with the quantised values (see [`rounding`](crate::integers::rounding)). The exported network
//! therefore equals the trained one, except for the last bits of float sums.
//!
//! Initial ranges come from a sample of images, as in post-training quantisation. They are trained with the other
//! parameters, without Esser's factor for their gradient: AdamW does not need it, and with SGD they hardly move. Batch
//! normalisation is folded in before.

use nin_core::plan::LayerKind;
use nin_core::{Lanes, Plan, WeightType};

use super::observe::histograms;
use super::sample::check_images;
use super::{CalibrationError, affine};
use crate::engine::streaming::ModelBytes;
use crate::formats::model_file::Integers;
use crate::integers::rounding::{bound, clips, ends};
use crate::integers::{
    QuantizeError, QuantizedModel, STEPS, WeightBits, affine_layers, affine_model, check_unsigned, fold,
};
use crate::network::ranges::ranged;
use crate::network::trained::Trained;
use crate::training::checkpoint::Checkpoint;

/// The start of quantisation-aware training.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// The network for 8-bit arithmetic: its preprocessing is one scale.
    pub network: Trained,
    /// The [`ranges`](crate::network::ranges) of its activations.
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
    let plan = trained.plan();
    check_images(trained, images)?;
    weights.check(&plan)?;
    let network = fold(trained)?.trained;
    let float = ModelBytes::new(&network.to_model(WeightType::F32, Lanes::Sixteen)?);
    let float = float.model()?;
    let mut ranges: Vec<f32> = match check_unsigned(&network.spec) {
        Ok(()) => histograms(&float, images)?.iter().map(|histogram| histogram.range(STEPS).clip).collect(),
        Err(_) => {
            check_averages(&plan)?;
            let measured = affine::ranges(&float, images)?;
            let ends = ranged(&plan).into_iter().map(|range| (measured[range.layer], range.ends()));
            ends.flat_map(|(range, ends)| [range.clip, range.least].into_iter().take(ends)).collect()
        }
    };
    bound(&plan, &mut ranges);
    integers(&network, &ranges, weights)?;
    Ok(Begun { network, ranges })
}

/// Checks that no average counts padding as zeros on a map with a zero point.
fn check_averages(plan: &Plan) -> Result<(), QuantizeError> {
    let ranges = ranged(plan);
    for (index, layer) in plan.layers().enumerate() {
        // Averages are not inside shortcuts, so they read the newest range.
        let newest = ranges.iter().rfind(|range| range.layer < index);
        if let LayerKind::AvgPool(window) = layer.kind
            && window.has_padding()
            && newest.is_some_and(|range| range.signed)
        {
            return Err(QuantizeError::PaddedAverage(plan.spec().stages()[layer.stage].to_string()));
        }
    }
    Ok(())
}

/// Returns the integers of a network with these ranges.
fn integers(network: &Trained, ranges: &[f32], weights: &WeightBits) -> Result<Integers, CalibrationError> {
    if check_unsigned(&network.spec).is_ok() {
        return Ok(Integers::Unsigned(QuantizedModel::with_weights(network, &clips(ranges), weights)?));
    }
    let (plan, folded) = (network.plan(), fold(network)?);
    let layers = affine_layers(&plan, &folded.trained.parameters, folded.scale, &ends(&plan, ranges), weights)?;
    Ok(Integers::Affine(affine_model(&folded.trained, layers)))
}

/// Returns the quantised network of a run with quantisation-aware training; `None` for any other run.
///
/// # Errors
///
/// [`CalibrationError`] if its parameters are not numbers.
pub fn quantized(checkpoint: &Checkpoint) -> Option<Result<Integers, CalibrationError>> {
    let weights = checkpoint.recipe.quantize.as_ref()?;
    let trained = checkpoint.trained();
    let ranges = &checkpoint.evaluated()[trained.parameters.len()..];
    Some(integers(&trained, ranges, weights))
}
