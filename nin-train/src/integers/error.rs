//! Errors of quantising a network.

use std::fmt;

use super::WeightBitsError;

/// The reason why a network cannot be quantised. The text is one sentence for the user.
#[derive(Debug)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The network subtracts a mean from its input, or has different scales for its channels, and has no layer with
    /// weights that could absorb them.
    Input,
    /// A channel of the input has a scale that is not above 0.
    InputScale(Vec<f32>),
    /// A layer sums more inputs than a 32-bit accumulator holds.
    TooWide {
        /// The layer.
        layer: String,
        /// Its inputs; pixels × channels after a global average.
        inputs: usize,
        /// The largest number of inputs.
        most: usize,
    },
    /// A weight that is infinite or NaN.
    NotFinite {
        /// The layer.
        layer: String,
    },
    /// Bit widths for layers that the network does not have.
    Bits(WeightBitsError),
    /// An average pool, as in the line, counts padding as zeros, but the byte that stands for 0 in its input is not 0.
    PaddedAverage(String),
    /// Fewer ranges of activations than layers with weights.
    Ranges,
}

impl fmt::Display for QuantizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input => f.write_str(
                "an 8-bit network reads an image's bytes as they are, and this one has no weights that could take up its \
                 mean or scales",
            ),
            Self::InputScale(scales) => {
                write!(f, "the scales of the input's channels must be numbers above 0, but they are {scales:?}")
            }
            Self::TooWide { layer, inputs, most } => write!(
                f,
                "{layer} sums {inputs} inputs, but a 32-bit accumulator holds {most} products of 8-bit numbers; put a \
                 pool before it"
            ),
            Self::NotFinite { layer } => {
                write!(f, "{layer} has a weight that is infinite or NaN; use the network from before its training diverged")
            }
            Self::Bits(error) => error.fmt(f),
            Self::PaddedAverage(stage) => write!(
                f,
                "`{stage}` counts its padding as zeros, which 8-bit arithmetic cannot do after a layer without a ReLU; \
                 write mean in place of avg, or put a ReLU before it"
            ),
            Self::Ranges => f.write_str("there must be a range for each layer with weights"),
        }
    }
}

impl std::error::Error for QuantizeError {}

impl From<WeightBitsError> for QuantizeError {
    fn from(error: WeightBitsError) -> Self {
        Self::Bits(error)
    }
}
