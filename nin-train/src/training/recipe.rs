//! The hyperparameters of a training run.

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

/// All hyperparameters of training, apart from the architecture and the data.
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
    /// Epochs over which the learning rate rises from near 0 before its schedule begins. It is 0 for
    /// [`Schedule::OneCycle`], the default, which includes a warm-up.
    pub warmup: f32,
    /// The schedule of the learning rate.
    pub schedule: Schedule,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// The initialisation of the parameters.
    pub init: Init,
    /// The network whose layers replaced the initial ones; for information only.
    pub from: Option<Origin>,
    /// Label smoothing, 0 to 1.
    pub smoothing: f32,
    /// Whether the loss of an image is weighted by the rarity of its class among the training images
    /// ([`balancing_weights`](crate::data::Dataset::balancing_weights)).
    pub balanced: bool,
    /// Random changes of the images.
    pub augment: Augment,
    /// Mixup's α (Zhang et al. 2018), from 0.01 to 1: each image is blended with another, its share drawn from
    /// Beta(α, α). 0 is none.
    pub mixup: f32,
    /// The largest number of images that are normalised together (see [`crate::network::normalization`]); `None` is no
    /// batch normalisation.
    pub batch_norm: Option<usize>,
    /// Bits of the weights in quantisation-aware training (see [`crate::quantize::aware`]); `None` trains floats.
    pub quantize: Option<WeightBits>,
    /// Distillation from teachers (see [`crate::engine::distill`]); `None` turns it off.
    pub distill: Option<Distill>,
    /// Share of each class's training images that is held out for validation, chosen by the seed; 0 is none. The
    /// [`Trainer`](crate::Trainer) does not split them off itself. Its caller does
    /// ([`Dataset::split`](crate::data::Dataset::split)), trains with the rest, evaluates on them after each epoch, and
    /// keeps the checkpoint if [`Trainer::record`](crate::Trainer::record) returns that it is the best.
    pub validation: f32,
    /// The number of consecutive epochs without a better accuracy, recorded by
    /// [`Trainer::record`](crate::Trainer::record), after which the run [is done](crate::Trainer::is_done); 0 turns it
    /// off.
    pub patience: u32,
    /// Decay of the exponential moving average of all parameters in each step; the average is evaluated and exported. 0
    /// turns it off.
    pub ema: f32,
}

/// The network from which a run took its first layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its file's name.
    pub file: String,
    /// The number of layers with weights taken from it, counted from the first.
    pub layers: usize,
    /// The number of such layers in the new network.
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

/// The largest batch.
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
    /// trained network only adapts to rounding.
    pub fn usual_rate(&self) -> f32 {
        match (self.optimizer, self.layout()) {
            (Optimizer::AdamW { .. }, Layout::Ranged) => 0.0003,
            (Optimizer::Sgd { .. }, Layout::Ranged) => 0.001,
            (Optimizer::AdamW { .. }, _) => ADAMW_RATE,
            (Optimizer::Sgd { .. }, Layout::Normalized) => 0.1,
            // Momentum lengthens steps; higher rates kill the ReLUs of a head like nin3+1:10,10,10 gap.
            (Optimizer::Sgd { .. }, Layout::Plain) => 0.01,
        }
    }

    /// Returns the usual number of epochs for this number of training images: 30 for 6,000 and 9 for 60,000, from 5 to
    /// 300. Small sets need more passes to reach the same number of steps.
    pub fn usual_epochs(images: usize) -> u32 {
        let epochs = 30.0 * (6000.0 / images.max(1) as f64).sqrt();
        epochs.round().clamp(5.0, 300.0) as u32
    }

    /// Changes the number of epochs, and with it the length of a [`Schedule::Step`].
    pub fn set_epochs(&mut self, epochs: u32) {
        self.epochs = epochs;
        if let Schedule::Step { epochs: third, .. } = &mut self.schedule {
            *third = epochs.div_ceil(3);
        }
    }

    /// Checks the values.
    ///
    /// # Errors
    ///
    /// One sentence about the first invalid value.
    pub fn check(&self) -> Result<(), &'static str> {
        let share = 0.0..1.0;
        let wrong = [
            (self.epochs == 0, "there must be at least one epoch"),
            (self.batch == 0 || self.batch > MOST_IMAGES, "a batch has from 1 to 65,536 images"),
            (!(0.0..=1e6).contains(&self.warmup), "the warm-up must be from 0 to a million epochs"),
            (
                self.warmup > 0.0 && matches!(self.schedule, Schedule::OneCycle { .. }),
                "the one-cycle schedule includes a warm-up: omit the other one, or choose another schedule",
            ),
            (
                !self.schedule.is_sound(),
                "one-cycle's rise must be from 0 to 1, and a step's factor from 0 to 1 million",
            ),
            (!self.lr.is_finite() || self.lr < 0.0, "the learning rate must be a finite number of at least 0"),
            (!share.contains(&self.smoothing), "label smoothing must be at least 0 and below 1"),
            (self.mixup != 0.0 && !(0.01..=1.0).contains(&self.mixup), "mixup's alpha must be from 0.01 to 1, or 0"),
            (
                !(0.0..=1.0).contains(&self.augment.erase),
                "the share of images with an erased rectangle must be from 0 to 1",
            ),
            (
                ![self.augment.brightness, self.augment.contrast].iter().all(|most| (0.0..=1.0).contains(most)),
                "brightness and contrast can change by 0 to 1",
            ),
            (!share.contains(&self.validation), "the share of validation images must be at least 0 and below 1"),
            (
                self.patience > 0 && self.validation == 0.0,
                "early stopping (--patience) needs validation images (--validation 0.1)",
            ),
            (!share.contains(&self.ema), "the decay of the moving average must be at least 0 and below 1"),
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
                "momentum must be at least 0 and below 1, and weight decay a finite number of at least 0",
            ),
            (
                self.batch_norm.is_some() && self.quantize.is_some(),
                "quantisation-aware training excludes batch normalisation: train with normalisation first, then quantise",
            ),
        ];
        wrong.into_iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, problem)| Err(problem))
    }

    /// Returns the layout of the parameters.
    pub fn layout(&self) -> Layout {
        match (self.batch_norm, &self.quantize) {
            (Some(_), _) => Layout::Normalized,
            (None, Some(_)) => Layout::Ranged,
            (None, None) => Layout::Plain,
        }
    }

    /// Returns the arithmetic of training with this preprocessing.
    ///
    /// # Errors
    ///
    /// [`TrainError::Recipe`] if quantisation-aware training is used and the preprocessing is not one scale.
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

    /// Returns whether augmented images recur. Erased rectangles differ each time, so images do not recur if all are
    /// erased.
    pub(crate) fn recurrence(&self) -> Recurrence {
        let Augment { rotate, erase, brightness, contrast, .. } = self.augment;
        let new = self.mixup > 0.0 || rotate > 0 || erase >= 1.0 || brightness > 0.0 || contrast > 0.0;
        if new { Recurrence::AlwaysNew } else { Recurrence::Recurring }
    }

    /// Updates the moving average with the parameters after `steps` steps. Its decay is smaller in the first steps, so
    /// that the initial parameters lose influence quickly.
    pub(crate) fn average(&self, parameters: &[f32], average: &mut [f32], steps: u64) {
        let kept = self.ema.min((1 + steps) as f32 / (10 + steps) as f32);
        average.iter_mut().zip(parameters).for_each(|(average, value)| *average += (1.0 - kept) * (value - *average));
    }

    /// Returns the learning rate of a step since the start of training, with `steps` steps in an epoch.
    pub fn rate(&self, step: u64, steps: u64) -> f32 {
        let warmup = (f64::from(self.warmup) * steps as f64).round() as u64;
        schedule::rate(self.schedule, self.lr, warmup, step, u64::from(self.epochs) * steps, steps)
    }
}

#[cfg(test)]
mod tests {
    use super::{Recipe, Schedule};

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
            Recipe { epochs: 0, ..Recipe::default() },
            Recipe { schedule: Schedule::OneCycle { rise: -5.0 }, ..Recipe::default() },
            Recipe { schedule: Schedule::OneCycle { rise: f32::INFINITY }, ..Recipe::default() },
            Recipe { schedule: Schedule::Step { epochs: 1, factor: f32::NAN }, ..Recipe::default() },
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
