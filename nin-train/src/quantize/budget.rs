//! The choice of layers with 4-bit weights that makes a model file fit a flash budget.

use nin_core::WeightType;

use super::CalibrationError;
use super::correct::Bench;
use super::observe::histograms;
use super::sample::check_images;
use crate::engine::streaming::ModelBytes;
use crate::integers::{QuantizedModel, STEPS, WeightBits};
use crate::network::parameters::tensors;
use crate::network::trained::Trained;
use nin_core::Lanes;

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
    let float = ModelBytes::new(&trained.to_model(WeightType::F32, Lanes::Sixteen)?);
    let float = float.model()?;
    let histograms = histograms(&float, images)?;
    let clips: Vec<f32> = histograms.iter().map(|histogram| histogram.range(STEPS).clip).chain([0.0]).collect();
    let quantized = |weights: &WeightBits| QuantizedModel::with_weights(trained, &clips, weights);
    let length = |model: &QuantizedModel| Ok::<_, CalibrationError>(model.to_bytes(lanes)?.len());

    let eight = quantized(&WeightBits::Eight)?;
    let whole = length(&eight)?;
    if whole <= budget {
        return Ok(WeightBits::Eight);
    }
    let least = length(&quantized(&WeightBits::Four)?)?;
    if least > budget {
        return Err(CalibrationError::Budget { budget, least });
    }
    let bench = Bench { float: &float, images, sample: &images[..images.len().min(IMAGES)] };
    let before = bench.compare(&eight, bench.sample)?.logits.noise;
    let mut layers = Vec::new();
    for number in 1..=tensors(&trained.plan()).len() {
        let model = quantized(&WeightBits::FourIn(vec![number]))?;
        let noise = bench.compare(&model, bench.sample)?.logits.noise - before;
        // Each layer is padded to words, so a small one may save nothing.
        let saved = whole.saturating_sub(length(&model)?).max(1);
        layers.push((noise / saved as f64, number));
    }
    layers.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut chosen = Vec::new();
    for (_, number) in layers {
        chosen.push(number);
        chosen.sort_unstable();
        let weights = WeightBits::FourIn(chosen.clone());
        if length(&quantized(&weights)?)? <= budget {
            return Ok(weights);
        }
    }
    Ok(WeightBits::Four)
}
