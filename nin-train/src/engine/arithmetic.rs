//! How a network computes while it trains.

use crate::integers::WeightBits;
use crate::network::layout::Layout;

/// How a network computes while it trains.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Arithmetic {
    /// With floats, as it is.
    #[default]
    Float,
    /// With batch normalisation (see [`normalization`](crate::network::normalization)).
    Normalized {
        /// Images of a batch that are normalised together: at most so many, where a batch does not divide fewer.
        images: usize,
    },
    /// With the integers it will be: quantisation-aware training (see [`rounding`](crate::integers::rounding)).
    Rounded {
        /// What a step of an image's bytes stands for: the network sees the bytes times this.
        input_scale: f32,
        /// Bits of the weights.
        weights: WeightBits,
    },
}

impl Arithmetic {
    /// What stands behind the weights and biases of such a network.
    pub fn layout(&self) -> Layout {
        match self {
            Arithmetic::Float => Layout::Plain,
            Arithmetic::Normalized { .. } => Layout::Normalized,
            Arithmetic::Rounded { .. } => Layout::Ranged,
        }
    }
}
