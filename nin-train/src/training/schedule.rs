//! Learning rate schedules.

use serde::{Deserialize, Serialize};

/// The shape of the learning rate after its warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Schedule {
    /// A constant rate.
    #[default]
    Constant,
    /// Multiplies the rate by `factor` after every `epochs` epochs.
    Step {
        /// Epochs at one rate, at least 1.
        epochs: u32,
        /// The factor.
        factor: f32,
    },
    /// Falls to 0 along half a cosine (Loshchilov and Hutter 2017, without restarts).
    Cosine,
    /// Rises from lr/25 along half a cosine over the first `rise` of all steps, then falls to lr/250,000 (Smith and
    /// Topin 2018; PyTorch's `OneCycleLR` with its defaults, except that momentum is constant).
    OneCycle {
        /// Share of all steps that rise, between 0 and 1; PyTorch's default is 0.3.
        rise: f32,
    },
}

impl Schedule {
    /// Returns whether its numbers are in range.
    pub(crate) fn is_sound(self) -> bool {
        match self {
            Schedule::Constant | Schedule::Cosine => true,
            Schedule::Step { factor, .. } => (0.0..=1e6).contains(&factor),
            Schedule::OneCycle { rise } => (0.0..=1.0).contains(&rise),
        }
    }
}

/// Returns the learning rate of step `step` (from 0) of `steps`, with `per_epoch` steps in an epoch. `peak` is the
/// schedule's highest rate; over the first `warmup` steps the rate rises to it linearly.
pub fn rate(schedule: Schedule, peak: f32, warmup: u64, step: u64, steps: u64, per_epoch: u64) -> f32 {
    if step < warmup {
        return peak * (step + 1) as f32 / (warmup + 1) as f32;
    }
    let peak = f64::from(peak);
    let cosine = |from: f64, to: f64, done: f64| to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
    let rate = match schedule {
        Schedule::Constant => peak,
        Schedule::Step { epochs, factor } => {
            let drops = step / per_epoch.max(1) / u64::from(epochs.max(1));
            peak * f64::from(factor).powi(drops.min(i32::MAX as u64) as i32)
        }
        Schedule::Cosine => {
            let done = (step - warmup) as f64 / steps.saturating_sub(warmup).max(1) as f64;
            cosine(peak, 0.0, done.min(1.0))
        }
        Schedule::OneCycle { rise } => {
            let (low, lowest) = (peak / 25.0, peak / 250_000.0);
            let top = (f64::from(rise) * steps as f64 - 1.0).max(0.0);
            let last = (steps as f64 - 1.0).max(top);
            let step = (step as f64).min(last);
            if step <= top {
                cosine(low, peak, if top > 0.0 { step / top } else { 1.0 })
            } else {
                cosine(peak, lowest, (step - top) / (last - top))
            }
        }
    };
    rate as f32
}
