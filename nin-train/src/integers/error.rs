//! Why a network cannot be quantised.

use std::fmt;

use crate::formats::model_file::ExportError;

/// Why a network cannot be quantised. The text is one sentence for the user.
#[derive(Debug)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The network subtracts a mean from its input, or has different scales for its channels, and no layer with weights
    /// that could do so instead.
    Input,
    /// A channel of the input has a scale that is not above 0.
    InputScale(Vec<f32>),
    /// A layer sums more inputs than a 32-bit accumulator holds.
    TooWide {
        /// The layer.
        layer: String,
        /// Its inputs; pixels × channels after a global average.
        inputs: usize,
        /// As many as it may have.
        most: usize,
    },
    /// A weight that is infinite or not a number.
    NotFinite {
        /// The layer.
        layer: String,
    },
    /// Not even 4-bit weights make the model file small enough.
    Budget {
        /// Bytes that it may have.
        budget: usize,
        /// Bytes that it has with 4-bit weights in all layers.
        least: usize,
    },
    /// There is no image to calibrate with.
    NoImages,
    /// All images to calibrate with have the same value in every pixel, so that they show no range.
    Constant(u8),
    /// The images do not fit the network.
    Images(String),
    /// The float network or the quantised one cannot be run.
    Run(String),
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
                write!(f, "{layer} has a weight that is infinite or not a number; use the network from before its training diverged")
            }
            Self::Budget { budget, least } => {
                write!(f, "a model file of {budget} bytes is too small: with 4-bit weights everywhere it has {least}")
            }
            Self::NoImages => f.write_str("there is no image to calibrate with"),
            Self::Constant(value) => write!(
                f,
                "all images to calibrate with are the same: every pixel is {value}, so they do not show what the layers' \
                 ranges are; calibrate with images like those that the network will see"
            ),
            Self::Images(problem) | Self::Run(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for QuantizeError {}

impl From<ExportError> for QuantizeError {
    fn from(error: ExportError) -> Self {
        Self::Run(error.to_string())
    }
}
