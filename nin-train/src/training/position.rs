//! Where a run stands, and what its epochs came to.

use serde::{Deserialize, Serialize};

use super::error::TrainError;
use crate::engine::source::Outcome;

/// What a part of an epoch came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochPart {
    /// Share of the epoch's steps that are done at its end.
    pub done: f64,
    /// Mean loss over its images, each as the network stood when it saw it.
    pub loss: f64,
    /// Share of its images classified correctly, likewise.
    pub accuracy: f64,
}

/// Parts of an epoch, as many as the book draws into its curves.
const PARTS: u64 = 5;

/// What an epoch came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Epoch, from 1.
    pub epoch: u32,
    /// Mean loss over the epoch's images, each as the network stood when it saw it.
    pub loss: f64,
    /// Share of images classified correctly, likewise.
    pub accuracy: f64,
    /// Learning rate of the last step.
    pub lr: f32,
    /// Seconds of training.
    pub seconds: f64,
    /// Images a second.
    pub images_per_second: f64,
    /// Loss on images not trained with, once [`Trainer::record`](crate::Trainer::record) gave it: despite the name on
    /// validation images, where the recipe has such.
    pub test_loss: Option<f64>,
    /// Accuracy on images not trained with, likewise.
    pub test_accuracy: Option<f64>,
    /// Its course, a fifth of its steps at a time.
    #[serde(default)]
    pub parts: Vec<EpochPart>,
}

/// Where in its training a run stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Epochs done.
    pub epoch: u32,
    /// Steps done of the epoch that follows.
    pub step: u64,
    /// Sum of the losses of those steps' images.
    pub loss: f64,
    /// Images of those steps classified correctly.
    pub correct: usize,
    /// Images of those steps.
    pub images: usize,
    /// Seconds that they took.
    pub seconds: f64,
    /// The last steps in which no gradient reached the first layer, in a row.
    pub dead: u64,
    /// The parts of that epoch that are done.
    #[serde(default)]
    pub parts: Vec<EpochPart>,
    /// What has been done of the part that follows.
    #[serde(default)]
    pub part: Sums,
}

/// Sums over the images of some steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// Losses.
    pub loss: f64,
    /// Images classified correctly.
    pub correct: usize,
    /// Images.
    pub images: usize,
}

/// Dead steps in a row after which a run is given up: momentum may move it back to life in the first few.
const DEAD_STEPS: u64 = 20;

/// Mean loss up to which no gradient is the sign of a network that has learnt its images by heart: their softmax is 1
/// to the last bit. A dead one answers the same to every image, at a loss of ln classes.
const LEARNT: f64 = 1e-6;

impl Position {
    /// Checks whether a step's loss allows to go on.
    pub(super) fn check(&mut self, outcome: Outcome, dead: bool, lr: f32) -> Result<(), TrainError> {
        let (epoch, step) = (self.epoch + 1, self.step + 1);
        if !outcome.loss.is_finite() {
            return Err(TrainError::Diverged { epoch, step, lr });
        }
        let learnt = outcome.loss <= LEARNT * outcome.images as f64;
        self.dead = if dead && !learnt { self.dead + 1 } else { 0 };
        if self.dead >= DEAD_STEPS {
            return Err(TrainError::Dead { epoch, step });
        }
        Ok(())
    }

    /// Notes what one of the epoch's `steps` came to.
    pub(super) fn add(&mut self, outcome: Outcome, steps: u64) {
        let Outcome { loss, correct, images, .. } = outcome;
        self.step += 1;
        self.loss += loss;
        self.correct += correct;
        self.images += images;

        let part = &mut self.part;
        *part = Sums { loss: part.loss + loss, correct: part.correct + correct, images: part.images + images };
        if self.step * PARTS / steps > (self.step - 1) * PARTS / steps {
            let Sums { loss, correct, images } = std::mem::take(part);
            self.parts.push(EpochPart {
                done: self.step as f64 / steps as f64,
                loss: loss / images as f64,
                accuracy: correct as f64 / images as f64,
            });
        }
    }

    /// Ends the epoch.
    pub(super) fn finish(&mut self, lr: f32) -> EpochReport {
        let Position { epoch, loss, correct, images, seconds, dead, parts, .. } = std::mem::take(self);
        *self = Position { epoch: epoch + 1, dead, ..Position::default() };
        EpochReport {
            epoch: epoch + 1,
            loss: loss / images as f64,
            accuracy: correct as f64 / images as f64,
            lr,
            seconds,
            images_per_second: images as f64 / seconds,
            test_loss: None,
            test_accuracy: None,
            parts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DEAD_STEPS, Position};
    use crate::engine::source::Outcome;
    use crate::training::error::TrainError;

    /// Steps without a gradient, each with this mean loss.
    fn steps(loss: f64) -> Result<(), TrainError> {
        let outcome = Outcome { loss: 10.0 * loss, correct: 0, images: 10 };
        let mut position = Position::default();
        (0..DEAD_STEPS).try_for_each(|_| position.check(outcome, true, 0.1))
    }

    #[test]
    fn no_gradient_is_death_only_where_there_is_something_to_learn() {
        assert!(matches!(steps(10f64.ln()), Err(TrainError::Dead { .. })));
        assert!(steps(0.0).is_ok() && steps(1e-7).is_ok());
    }
}
