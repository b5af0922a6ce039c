//! Errors of quantisation with a sample of images.

use std::fmt;

use nin_core::{ModelError, NetworkError};

use crate::engine::streaming::StreamingError;
use crate::formats::model_file::ExportError;
use crate::integers::{QuantizeError, WeightBitsError};

/// The reason why a network cannot be quantised with a sample of images. The text is one sentence for the user.
#[derive(Debug)]
#[non_exhaustive]
pub enum CalibrationError {
    /// 8-bit arithmetic cannot compute the network.
    Network(QuantizeError),
    /// Not even 4-bit weights make the model file small enough.
    Budget {
        /// The limit in bytes.
        budget: usize,
        /// Its bytes with 4-bit weights in all layers.
        least: usize,
    },
    /// There is no image to calibrate with.
    NoImages,
    /// All images to calibrate with have this value in every pixel, so they show no ranges.
    Constant(u8),
    /// The float network's logits are infinite or NaN.
    NotFinite,
    /// The images do not fit the network.
    Images(String),
    /// The float network or the quantised one cannot be stored in a model file.
    Export(ExportError),
    /// The model file of one of them cannot be read.
    Model(ModelError),
    /// The engine cannot run one of them.
    Run(NetworkError),
}

impl fmt::Display for CalibrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => error.fmt(f),
            Self::Budget { budget, least } => {
                write!(f, "a model file of {budget} bytes is too small: with 4-bit weights everywhere it has {least}")
            }
            Self::NoImages => f.write_str("there is no image to calibrate with"),
            Self::Constant(value) => write!(
                f,
                "every pixel of the calibration images is {value}, so they do not show the ranges of the layers; \
                 calibrate with images like those that the network will see"
            ),
            Self::NotFinite => StreamingError::NotFinite.fmt(f),
            Self::Images(problem) => f.write_str(problem),
            Self::Export(error) => error.fmt(f),
            Self::Model(error) => error.fmt(f),
            Self::Run(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CalibrationError {}

impl From<QuantizeError> for CalibrationError {
    fn from(error: QuantizeError) -> Self {
        Self::Network(error)
    }
}

impl From<WeightBitsError> for CalibrationError {
    fn from(error: WeightBitsError) -> Self {
        Self::Network(error.into())
    }
}

impl From<ExportError> for CalibrationError {
    fn from(error: ExportError) -> Self {
        Self::Export(error)
    }
}

impl From<ModelError> for CalibrationError {
    fn from(error: ModelError) -> Self {
        Self::Model(error)
    }
}

impl From<NetworkError> for CalibrationError {
    fn from(error: NetworkError) -> Self {
        Self::Run(error)
    }
}
