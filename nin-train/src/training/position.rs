//! The position of a run, and the results of its epochs.

use serde::{Deserialize, Serialize};

use super::error::TrainError;
use crate::engine::source::Outcome;

/// The results of a part of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochPart {
    /// Share of the epoch's steps that are done at its end.
    pub done: f64,
    /// Mean loss over its images, each computed with the parameters at its step.
    pub loss: f64,
    /// Share of its images classified correctly, computed the same way.
    pub accuracy: f64,
}

/// The number of parts of an epoch, as in the curves of the book.
const PARTS: u64 = 5;

/// The results of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EpochReport {
    /// Epoch, from 1.
    pub epoch: u32,
    /// Mean loss over the epoch's images, each computed with the parameters at its step.
    pub loss: f64,
    /// Share of images classified correctly, computed the same way.
    pub accuracy: f64,
    /// Learning rate of the last step.
    pub lr: f32,
    /// Seconds of training.
    pub seconds: f64,
    /// Images per second.
    pub images_per_second: f64,
    /// Loss on held-out images, after [`Trainer::record`](crate::Trainer::record): on validation images, despite the
    /// name, if the recipe has them.
    pub test_loss: Option<f64>,
    /// Accuracy on the same images.
    pub test_accuracy: Option<f64>,
    /// The results of each fifth of its steps.
    #[serde(default)]
    pub parts: Vec<EpochPart>,
}

/// The position of a run in its training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Epochs done.
    pub epoch: u32,
    /// Completed steps of the current epoch.
    pub step: u64,
    /// Sum of the losses of those steps' images.
    pub loss: f64,
    /// Images of those steps classified correctly.
    pub correct: usize,
    /// Images of those steps.
    pub images: usize,
    /// Seconds spent on those steps.
    pub seconds: f64,
    /// The number of most recent consecutive steps in which no gradient reached the first layer.
    pub dead: u64,
    /// The completed parts of that epoch.
    #[serde(default)]
    pub parts: Vec<EpochPart>,
    /// The sums over the current part.
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

impl EpochPart {
    /// Returns whether its numbers are possible results.
    fn is_sound(&self) -> bool {
        (0.0..=1.0).contains(&self.done) && self.loss.is_finite() && (0.0..=1.0).contains(&self.accuracy)
    }
}

impl EpochReport {
    /// Returns whether its numbers are possible results of an epoch.
    pub(crate) fn is_sound(&self) -> bool {
        let EpochReport { epoch, loss, accuracy, lr, seconds, images_per_second, test_loss, test_accuracy, parts } =
            self;
        let share = |share: &f64| (0.0..=1.0).contains(share);
        *epoch > 0
            && [*loss, f64::from(*lr), *seconds, *images_per_second].iter().all(|number| number.is_finite())
            && share(accuracy)
            && test_loss.is_none_or(f64::is_finite)
            && test_accuracy.as_ref().is_none_or(share)
            && parts.iter().all(EpochPart::is_sound)
    }
}

/// The number of consecutive dead steps after which a run stops; in the first few, momentum may restore the gradient.
const DEAD_STEPS: u64 = 20;

/// The mean loss up to which a missing gradient means that the network has memorised its images: their softmax rounds
/// to 1. A dead network gives the same output for every image, at a loss of ln(classes).
const LEARNT: f64 = 1e-6;

impl Position {
    /// Returns what is wrong with the position of a run of `epochs` in steps of `batch` images, in one sentence.
    pub(crate) fn fault(&self, epochs: u32, batch: usize) -> Option<&'static str> {
        let Position { epoch, step, loss, correct, images, seconds, parts, part, .. } = self;
        let finite = [*loss, *seconds, part.loss].iter().all(|number| number.is_finite());
        let faults = [
            (*epoch > epochs, "its position is beyond its last epoch"),
            // Only an epoch's last step may have fewer images.
            (images.div_ceil(batch.max(1)) as u64 != *step, "its steps and their images do not fit together"),
            (
                correct > images || part.images > *images || part.correct > part.images,
                "its counts of images do not fit together",
            ),
            (!finite || !parts.iter().all(EpochPart::is_sound), "its losses and times must be finite numbers"),
        ];
        faults.into_iter().find(|(wrong, _)| *wrong).map(|(_, fault)| fault)
    }

    /// Checks whether training can continue after a step's loss.
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

    /// Adds the outcome of one of the epoch's `steps`.
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
            // Never infinite, which a checkpoint could not hold.
            images_per_second: images as f64 / seconds.max(1e-9),
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
