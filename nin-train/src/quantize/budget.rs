//! The choice of layers with 4-bit weights that makes a model file fit a flash budget.

use nin_core::{Lanes, Plan, WeightType};

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

/// A limit for a model file.
pub(super) struct Choice {
    /// Its largest number of bytes.
    pub budget: usize,
    /// Its packing.
    pub lanes: Lanes,
}

impl Choice {
    /// Chooses bit widths. `length` returns the bytes of the model file with some widths, `noise` the squared error of
    /// its logits.
    pub fn among(
        &self,
        plan: &Plan,
        length: impl Fn(&WeightBits) -> Result<usize, CalibrationError>,
        noise: impl Fn(&WeightBits) -> Result<f64, CalibrationError>,
    ) -> Result<WeightBits, CalibrationError> {
        let budget = self.budget;
        let whole = length(&WeightBits::Eight)?;
        if whole <= budget {
            return Ok(WeightBits::Eight);
        }
        let least = length(&WeightBits::Four)?;
        if least > budget {
            return Err(CalibrationError::Budget { budget, least });
        }
        let before = noise(&WeightBits::Eight)?;
        let mut layers = Vec::new();
        for (layer, number) in plan.layers().filter(|layer| layer.has_weights()).zip(1..) {
            if WeightBits::Four.bits(number, &layer) == 8 {
                continue;
            }
            let alone = WeightBits::FourIn(vec![number]);
            let added = noise(&alone)? - before;
            // Each layer is padded to words, so a small one may save nothing.
            let saved = whole.saturating_sub(length(&alone)?).max(1);
            layers.push((added / saved as f64, number));
        }
        layers.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut chosen = Vec::new();
        for (_, number) in layers {
            chosen.push(number);
            chosen.sort_unstable();
            let weights = WeightBits::FourIn(chosen.clone());
            if length(&weights)? <= budget {
                return Ok(weights);
            }
        }
        Ok(WeightBits::Four)
    }
}
