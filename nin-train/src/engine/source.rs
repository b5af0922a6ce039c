//! The input and the outcome of a step.

/// The source of a batch's images; called from several threads at once.
pub trait Source: Sync {
    /// Returns the number of images in the batch.
    fn len(&self) -> usize;

    /// Returns whether the batch is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes image `index` (channels last, as large as the network's input) and its target distribution over the
    /// classes, and returns its label.
    ///
    /// The sum of the distribution is the weight of the image's loss, usually 1.
    fn sample(&self, index: usize, image: &mut [f32], target: &mut [f32]) -> usize;
}

/// The outcome of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Sum over the images of the cross-entropy, or with teachers of the loss of [`crate::engine::distill`].
    pub loss: f64,
    /// Images whose largest logit is their label's.
    pub correct: usize,
    /// Images.
    pub images: usize,
}

impl Outcome {
    /// Returns the sum of both.
    pub(super) fn and(self, other: Outcome) -> Outcome {
        Outcome {
            loss: self.loss + other.loss,
            correct: self.correct + other.correct,
            images: self.images + other.images,
        }
    }
}

/// The key of a step's random numbers for dropout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The run's seed.
    pub seed: u64,
    /// The step since the start of training.
    pub step: u64,
}
