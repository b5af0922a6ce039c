//! What goes into a step, and what comes out of it.

/// Where a batch's images come from; called from several threads at once.
pub trait Source: Sync {
    /// Images in the batch.
    fn len(&self) -> usize;

    /// Returns whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes image `index` (channels last, as large as the network's input) and the distribution over classes that
    /// the network should give it, and returns its label.
    ///
    /// The distribution's sum is how much the image's loss counts: usually 1.
    fn sample(&self, index: usize, image: &mut [f32], target: &mut [f32]) -> usize;
}

/// What a batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Sum over the images of the cross-entropy, or with a teacher of what [`crate::engine::distill`] says.
    pub loss: f64,
    /// Images whose largest logit is their label's.
    pub correct: usize,
    /// Images.
    pub images: usize,
}

impl Outcome {
    /// Both together.
    pub(super) fn and(self, other: Outcome) -> Outcome {
        Outcome {
            loss: self.loss + other.loss,
            correct: self.correct + other.correct,
            images: self.images + other.images,
        }
    }
}

/// Which random numbers a step draws for dropout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The run's seed.
    pub seed: u64,
    /// The step since the start of training.
    pub step: u64,
}
