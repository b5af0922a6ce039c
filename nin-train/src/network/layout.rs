//! What a flat buffer of parameters holds.

use nin_core::Plan;

use super::normalization;
use super::parameters::activated;

/// What stands in a network's flat buffer of parameters behind its weights and biases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Nothing: the buffer is that of [`parameters`](super::parameters).
    #[default]
    Plain,
    /// Gains, running means and running variances of the normalised layers, in the order of
    /// [`normalization`].
    Normalized,
    /// The range of each layer that makes activations: quantisation-aware training.
    Ranged,
}

impl Layout {
    /// Values in the buffer.
    pub fn len(self, plan: &Plan) -> usize {
        match self {
            Layout::Normalized => normalization::len(plan),
            Layout::Plain | Layout::Ranged => self.trainable(plan),
        }
    }

    /// Values that an optimiser changes: they come first.
    pub fn trainable(self, plan: &Plan) -> usize {
        match self {
            Layout::Plain => plan.parameters(),
            Layout::Normalized => normalization::trainable(plan),
            Layout::Ranged => plan.parameters() + activated(plan),
        }
    }

    /// Returns the buffer that training begins with, made of initial weights and biases: a normalised network gets
    /// gains 1, running means 0 and running variances 1. Ranges are found on images, so they must stand behind the
    /// weights already.
    pub fn begin(self, plan: &Plan, parameters: Vec<f32>) -> Vec<f32> {
        match self {
            Layout::Normalized => normalization::extend(plan, parameters),
            Layout::Plain | Layout::Ranged => parameters,
        }
    }

    /// Returns the weights and biases of the network that is evaluated and exported: normalisation is folded in, ranges
    /// are left out.
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
