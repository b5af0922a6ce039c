//! The arithmetic of training.

use crate::integers::WeightBits;
use crate::network::layout::Layout;

/// The arithmetic of a network in training.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Arithmetic {
    /// Floats.
    #[default]
    Float,
    /// Floats with batch normalisation (see [`normalization`](crate::network::normalization)).
    Normalized {
        /// The largest number of images that are normalised together.
        images: usize,
    },
    /// The values of the quantised network: quantisation-aware training (see [`rounding`](crate::integers::rounding)).
    Rounded {
        /// The input scale: the network's input is the image's bytes times this.
        input_scale: f32,
        /// Bits of the weights.
        weights: WeightBits,
    },
}

impl Arithmetic {
    /// Returns the layout of the parameters.
    pub fn layout(&self) -> Layout {
        match self {
            Arithmetic::Float => Layout::Plain,
            Arithmetic::Normalized { .. } => Layout::Normalized,
            Arithmetic::Rounded { .. } => Layout::Ranged,
        }
    }
}
