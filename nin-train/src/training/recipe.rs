//! How a network is trained.

use serde::{Deserialize, Serialize};

use crate::data::Augment;
use crate::engine::Arithmetic;
use crate::engine::distill::{Distill, Recurrence};
use crate::integers::WeightBits;
use crate::network::layout::Layout;
use crate::network::parameters::Init;
use crate::network::preprocessing::Preprocessing;
use crate::training::error::TrainError;
use crate::training::optim::Optimizer;
use crate::training::schedule::{self, Schedule};

/// Everything that decides what a network becomes, but for its architecture and its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recipe {
    /// Seed of all random numbers.
    pub seed: u64,
    /// Passes over the training images.
    pub epochs: u32,
    /// Images in a step.
    pub batch: usize,
    /// The schedule's highest learning rate.
    pub lr: f32,
    /// Epochs over which the learning rate rises from near 0 before its schedule begins; 0 for [`Schedule::OneCycle`],
    /// the default, which has a warm-up of its own.
    pub warmup: f32,
    /// How the learning rate runs.
    pub schedule: Schedule,
    /// How gradients change parameters.
    pub optimizer: Optimizer,
    /// How parameters start.
    pub init: Init,
    /// The network whose layers take the place of those first parameters; for the record only.
    pub from: Option<Origin>,
    /// Label smoothing, 0 to 1.
    pub smoothing: f32,
    /// Whether an image's loss counts the more the rarer its class is among the training images
    /// ([`balancing_weights`](crate::data::Dataset::balancing_weights)).
    pub balanced: bool,
    /// Random changes of the images.
    pub augment: Augment,
    /// Mixup's α (Zhang et al. 2018), from 0.01 to 1: each image is blended with another, its share drawn from
    /// Beta(α, α). 0 is none.
    pub mixup: f32,
    /// Images that are normalised together (see [`crate::network::normalization`]); `None` is no batch normalisation.
    pub batch_norm: Option<usize>,
    /// Bits of the weights in quantisation-aware training (see [`crate::quantize::aware`]); `None` trains floats.
    pub quantize: Option<WeightBits>,
    /// How a teacher takes part (see [`crate::engine::distill`]); `None` is none.
    pub distill: Option<Distill>,
    /// Share of the training images of each class that is split off by the seed and not trained with, to choose the
    /// best epoch by; 0 is none. A [`Trainer`](crate::Trainer) does not do so itself: its caller splits them off
    /// ([`Dataset::split`](crate::data::Dataset::split)), trains with the rest, evaluates on them after each epoch, and
    /// keeps the checkpoint if [`Trainer::record`](crate::Trainer::record) says that it is the best.
    pub validation: f32,
    /// Epochs in a row without a better accuracy, as [`Trainer::record`](crate::Trainer::record) was told, after which
    /// the run [is done](crate::Trainer::is_done); 0 is never.
    pub patience: u32,
    /// Share that an exponential moving average of all parameters keeps of itself in each step; the average is what is
    /// evaluated and exported. 0 is none.
    pub ema: f32,
}

/// A network whose layers another begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its file's name.
    pub file: String,
    /// How many of its layers with weights were taken, the first ones.
    pub layers: usize,
    /// How many such layers the network has that begins with them.
    pub of: usize,
}

impl Default for Recipe {
    fn default() -> Recipe {
        Recipe {
            seed: 1,
            epochs: 10,
            batch: 128,
            lr: ADAMW_RATE,
            warmup: 0.0,
            schedule: Schedule::OneCycle { rise: 0.3 },
            optimizer: Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.01 },
            init: Init::He,
            from: None,
            smoothing: 0.0,
            balanced: false,
            augment: Augment::default(),
            mixup: 0.0,
            batch_norm: None,
            quantize: None,
            distill: None,
            validation: 0.0,
            patience: 0,
            ema: 0.0,
        }
    }
}

/// The default learning rate of AdamW.
const ADAMW_RATE: f32 = 0.003;

/// Images in a step at most.
const MOST_IMAGES: usize = 1 << 16;

impl Recipe {
    /// Returns the book's recipe: plain SGD at a constant rate, Xavier-uniform weights.
    pub fn book(lr: f32) -> Recipe {
        Recipe {
            lr,
            schedule: Schedule::Constant,
            optimizer: Optimizer::default(),
            init: Init::XavierBook,
            ..Recipe::default()
        }
    }

    /// Returns the usual learning rate of the recipe's optimiser. It is lower in quantisation-aware training, where a
    /// network that is trained already has only its rounding to learn.
    pub fn usual_rate(&self) -> f32 {
        match (self.optimizer, self.layout()) {
            (Optimizer::AdamW { .. }, Layout::Ranged) => 0.0003,
            (Optimizer::Sgd { .. }, Layout::Ranged) => 0.001,
            (Optimizer::AdamW { .. }, _) => ADAMW_RATE,
            (Optimizer::Sgd { .. }, Layout::Normalized) => 0.1,
            // Momentum multiplies steps; higher rates kill the ReLUs of a head like nin3+1:10,10,10 gap.
            (Optimizer::Sgd { .. }, Layout::Plain) => 0.01,
        }
    }

    /// What is wrong with the values, in one sentence.
    ///
    /// # Errors
    ///
    /// That sentence.
    pub fn check(&self) -> Result<(), &'static str> {
        let share = 0.0..1.0;
        let wrong = [
            (self.batch == 0 || self.batch > MOST_IMAGES, "a batch has from 1 to 65,536 images"),
            (!(0.0..=1e6).contains(&self.warmup), "the warm-up must be from 0 to a million epochs"),
            (
                self.warmup > 0.0 && matches!(self.schedule, Schedule::OneCycle { .. }),
                "one-cycle has a warm-up of its own: leave yours out, or choose another schedule",
            ),
            (!self.lr.is_finite() || self.lr < 0.0, "the learning rate must be a number, and not below 0"),
            (!share.contains(&self.smoothing), "label smoothing must be at least 0 and below 1"),
            (self.mixup != 0.0 && !(0.01..=1.0).contains(&self.mixup), "mixup's alpha must be from 0.01 to 1, or 0"),
            (!(0.0..=1.0).contains(&self.augment.erase), "the share of images to erase in must be from 0 to 1"),
            (
                ![self.augment.brightness, self.augment.contrast].iter().all(|most| (0.0..=1.0).contains(most)),
                "brightness and contrast can change by 0 to 1",
            ),
            (!share.contains(&self.validation), "the share of validation images must be at least 0 and below 1"),
            (self.patience > 0 && self.validation == 0.0, "to stop early there must be validation images to stop by"),
            (!share.contains(&self.ema), "the share of a moving average must be at least 0 and below 1"),
            (
                self.distill.is_some_and(|distill| !(distill.share > 0.0 && distill.share <= 1.0)),
                "the teacher's share of the loss must be above 0 and at most 1",
            ),
            (
                self.distill.is_some_and(|distill| !(distill.temperature > 0.0 && distill.temperature <= 1000.0)),
                "the temperature of distillation must be above 0 and at most 1000",
            ),
            (self.batch_norm == Some(0), "batch normalisation needs at least one image"),
            (
                !self.optimizer.is_sound(),
                "momentum must be at least 0 and below 1, weight decay a number and not below 0",
            ),
            (
                self.batch_norm.is_some() && self.quantize.is_some(),
                "quantisation-aware training begins when batch normalisation is folded: train with it first",
            ),
        ];
        wrong.into_iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, problem)| Err(problem))
    }

    /// What the parameters of such a run hold.
    pub fn layout(&self) -> Layout {
        match (self.batch_norm, &self.quantize) {
            (Some(_), _) => Layout::Normalized,
            (None, Some(_)) => Layout::Ranged,
            (None, None) => Layout::Plain,
        }
    }

    /// How a network with this preprocessing computes while it trains.
    ///
    /// # Errors
    ///
    /// [`TrainError::Recipe`] if quantisation-aware training is to see images whose preprocessing is not one scale.
    pub fn arithmetic(&self, preprocessing: &Preprocessing) -> Result<Arithmetic, TrainError> {
        Ok(match (self.batch_norm, &self.quantize) {
            (Some(images), _) => Arithmetic::Normalized { images },
            (None, Some(weights)) => {
                let input_scale = preprocessing.steps().ok_or(TrainError::Recipe(
                    "quantisation-aware training needs images whose preprocessing is one scale",
                ))?;
                Arithmetic::Rounded { input_scale, weights: weights.clone() }
            }
            (None, None) => Arithmetic::Float,
        })
    }

    /// Returns whether the network meets an image again as it has seen it. Erased ones are new each time, so not if all
    /// are.
    pub(crate) fn recurrence(&self) -> Recurrence {
        let Augment { rotate, erase, brightness, contrast, .. } = self.augment;
        let new = self.mixup > 0.0 || rotate > 0 || erase >= 1.0 || brightness > 0.0 || contrast > 0.0;
        if new { Recurrence::AlwaysNew } else { Recurrence::Recurring }
    }

    /// Lets the moving average follow the parameters after `steps` steps; over the first ones it keeps less of itself,
    /// so that what training began with is soon forgotten.
    pub(crate) fn average(&self, parameters: &[f32], average: &mut [f32], steps: u64) {
        let kept = self.ema.min((1 + steps) as f32 / (10 + steps) as f32);
        average.iter_mut().zip(parameters).for_each(|(average, value)| *average += (1.0 - kept) * (value - *average));
    }

    /// Learning rate of a step since the start of training, in epochs of `steps`.
    pub fn rate(&self, step: u64, steps: u64) -> f32 {
        let warmup = (f64::from(self.warmup) * steps as f64).round() as u64;
        schedule::rate(self.schedule, self.lr, warmup, step, u64::from(self.epochs) * steps, steps)
    }
}

#[cfg(test)]
mod tests {
    use super::Recipe;

    /// `tf.train.ExponentialMovingAverage(0.9, num_updates)`: the share kept is at most (1 + updates) / (10 + updates).
    #[test]
    fn the_average_follows_more_slowly_with_each_step() {
        let recipe = Recipe { ema: 0.9, ..Recipe::default() };
        let (mut average, mut want) = ([0.0f32], 0.0f64);
        for step in 1..200u64 {
            let value = (step % 7) as f32;
            recipe.average(&[value], &mut average, step);
            let kept = (0.9f64).min((1.0 + step as f64) / (10.0 + step as f64));
            want = kept * want + (1.0 - kept) * f64::from(value);
            assert!((f64::from(average[0]) - want).abs() < 1e-5, "step {step}: {} {want}", average[0]);
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let wrong = [
            Recipe {
                warmup: f32::INFINITY,
                schedule: crate::training::schedule::Schedule::Cosine,
                ..Recipe::default()
            },
            Recipe { warmup: 1.0, ..Recipe::default() },
            Recipe { batch: 1 << 17, ..Recipe::default() },
            Recipe { mixup: 1e-8, ..Recipe::default() },
            Recipe {
                optimizer: crate::training::optim::Optimizer::Sgd { momentum: f32::NAN, decay: 0.0, nesterov: false },
                ..Recipe::default()
            },
        ];
        assert!(Recipe::default().check().is_ok());
        for recipe in wrong {
            assert!(recipe.check().is_err(), "{recipe:?}");
        }
    }
}
