//! The contents of a flat buffer of parameters.

use nin_core::Plan;

use super::{normalization, ranges};

/// The values that follow the weights and biases in a network's flat buffer of parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// None: the buffer is that of [`parameters`](super::parameters).
    #[default]
    Plain,
    /// Gains, running means and running variances of the normalised layers, in the order of
    /// [`normalization`].
    Normalized,
    /// The [`ranges`] of activations: quantisation-aware training.
    Ranged,
}

impl Layout {
    /// Returns the number of values in the buffer.
    pub fn len(self, plan: &Plan) -> usize {
        match self {
            Layout::Normalized => normalization::len(plan),
            Layout::Plain | Layout::Ranged => self.trainable(plan),
        }
    }

    /// Returns the number of values that an optimiser changes; they come first.
    pub fn trainable(self, plan: &Plan) -> usize {
        match self {
            Layout::Plain => plan.parameters(),
            Layout::Normalized => normalization::trainable(plan),
            Layout::Ranged => plan.parameters() + ranges::len(plan),
        }
    }

    /// Returns the buffer at the start of training, made from initial weights and biases. A normalised network gets
    /// gains 1, running means 0 and running variances 1. Ranges are measured on images, so `parameters` must already
    /// contain them.
    pub fn begin(self, plan: &Plan, parameters: Vec<f32>) -> Vec<f32> {
        match self {
            Layout::Normalized => normalization::extend(plan, parameters),
            Layout::Plain | Layout::Ranged => parameters,
        }
    }

    /// Returns the weights and biases of the network that is evaluated and exported: normalisation is folded in, ranges
    /// are omitted.
    ///
    /// # Panics
    ///
    /// If `parameters` holds fewer values than [`len`](Self::len).
    pub fn fold(self, plan: &Plan, parameters: &[f32]) -> Vec<f32> {
        match self {
            Layout::Normalized => normalization::fold(plan, parameters),
            Layout::Plain | Layout::Ranged => parameters[..plan.parameters()].to_vec(),
        }
    }
}
