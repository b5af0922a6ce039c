//! The choice of layers with 4-bit weights that makes a model file fit a flash budget.

use nin_core::{Lanes, WeightType};

use super::choice::Choice;
use super::correct::Bench;
use super::observe::histograms;
use super::sample::check_images;
use super::{CalibrationError, affine};
use crate::engine::streaming::ModelBytes;
use crate::integers::{QuantizedModel, STEPS, WeightBits};
use crate::network::architecture::beyond_unsigned;
use crate::network::trained::Trained;

/// The number of images on which logits are compared for each layer.
const IMAGES: usize = 256;

/// Returns bit widths with which a network's model file has at most `budget` bytes: 8 for all layers, or 4 for the
/// layers whose rounding alone adds the smallest squared error of the logits (against the float network) for each byte
/// saved.
///
/// # Errors
///
/// [`CalibrationError::Budget`] if not even 4-bit weights everywhere fit; others as for
/// [`post_training`](super::post_training).
pub fn within(
    trained: &Trained,
    images: &[Vec<u8>],
    budget: usize,
    lanes: Lanes,
) -> Result<WeightBits, CalibrationError> {
    check_images(trained, images)?;
    let choice = Choice { budget, lanes };
    let sample = &images[..images.len().min(IMAGES)];
    if beyond_unsigned(&trained.spec).is_some() {
        return affine::choose(trained, images, sample, &choice);
    }
    let float = ModelBytes::new(&trained.to_model(WeightType::F32, Lanes::Sixteen)?);
    let float = float.model()?;
    let histograms = histograms(&float, images)?;
    let clips: Vec<f32> = histograms.iter().map(|histogram| histogram.range(STEPS).clip).chain([0.0]).collect();
    let quantized = |weights: &WeightBits| QuantizedModel::with_weights(trained, &clips, weights);
    let bench = Bench { float: &float, images, sample };
    choice.among(
        &trained.plan(),
        |weights| Ok(quantized(weights)?.to_bytes(lanes)?.len()),
        |weights| Ok(bench.compare(&quantized(weights)?, sample)?.logits.noise),
    )
}
