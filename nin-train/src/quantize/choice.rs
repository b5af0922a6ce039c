//! Which layers get 4-bit weights, given the size and the error of each choice.

use nin_core::{Lanes, Plan};

use super::CalibrationError;
use crate::integers::WeightBits;

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
