//! The errors of a firmware.

use core::fmt;

use nin_core::camera::FrameError;
use nin_core::{ModelError, NetworkError, Shape, TestImagesError, WeightType};

/// Why a firmware stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The model file is broken.
    Model(ModelError),
    /// The network cannot be set up.
    Network(NetworkError),
    /// The firmware has no engine for weights of this type.
    WeightType(WeightType),
    /// The model and the images have different numbers of classes.
    Classes {
        /// The number of classes of the images.
        expected: usize,
        /// The number of classes of the model.
        found: usize,
    },
    /// The model and the images have different shapes.
    Input {
        /// The shape of the images.
        expected: Shape,
        /// The shape of the model's input.
        found: Shape,
    },
    /// The model needs images with this number of channels, and the firmware has only grey ones.
    Channels(usize),
    /// The file of test images is broken.
    Images(TestImagesError),
    /// The camera's frames do not fit the network.
    Frame(FrameError),
    /// A static buffer is already in use.
    Taken,
    /// The stack has used all its bytes, and may have grown further.
    Stack(usize),
    /// Static memory and stack together were more than the budget.
    Memory {
        /// Bytes used.
        used: usize,
        /// Bytes allowed.
        budget: usize,
    },
}

impl From<ModelError> for Error {
    fn from(error: ModelError) -> Error {
        Error::Model(error)
    }
}

impl From<NetworkError> for Error {
    fn from(error: NetworkError) -> Error {
        Error::Network(error)
    }
}

impl From<TestImagesError> for Error {
    fn from(error: TestImagesError) -> Error {
        Error::Images(error)
    }
}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Error {
        Error::Frame(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Model(error) => error.fmt(f),
            Error::Network(error) => error.fmt(f),
            Error::WeightType(found) => write!(f, "this firmware has no engine for {} weights", found.name()),
            Error::Classes { expected, found } => {
                write!(f, "the model has {found} classes, but the images have {expected}")
            }
            Error::Input { expected, found } => {
                write!(f, "the model needs images of {found}, but the images are {expected}")
            }
            Error::Channels(found) => write!(
                f,
                "the model needs images with {found} channels, but the bundled ones are grey: add images=FILE with \
                 test images that `nin-train data --raw FILE` writes"
            ),
            Error::Images(error) => error.fmt(f),
            Error::Frame(error) => error.fmt(f),
            Error::Taken => f.write_str("the network's memory is already in use"),
            Error::Stack(bytes) => write!(f, "the stack has used all of its {bytes} bytes: the results may be wrong"),
            Error::Memory { used, budget } => {
                write!(f, "static memory and stack needed {used} bytes, more than the budget of {budget}")
            }
        }
    }
}

impl core::error::Error for Error {}
