//! What can go wrong in a firmware.

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
    /// The model tells apart another number of classes than the firmware has images of.
    Classes {
        /// What the firmware has.
        expected: usize,
        /// What the model has.
        found: usize,
    },
    /// The model takes images of another shape than the firmware has.
    Input {
        /// What the firmware has.
        expected: Shape,
        /// What the model takes.
        found: Shape,
    },
    /// The model takes images of more channels than the firmware has.
    Channels(usize),
    /// The file of test images is broken.
    Images(TestImagesError),
    /// The camera's frames do not fit the network.
    Frame(FrameError),
    /// A buffer that there is only one of was asked for twice.
    Taken,
    /// The stack has used all its bytes, and perhaps more.
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
                write!(f, "the model tells {found} classes apart, the images have {expected}")
            }
            Error::Input { expected, found } => {
                write!(f, "the model takes images of {found}, there are only ones of {expected}")
            }
            Error::Channels(found) => write!(
                f,
                "the model takes images of {found} channels, the firmware's own are grey: add images=FILE with test images \
                 that `nin-train data --raw FILE` writes"
            ),
            Error::Images(error) => error.fmt(f),
            Error::Frame(error) => error.fmt(f),
            Error::Taken => f.write_str("the network's memory is already in use"),
            Error::Stack(bytes) => write!(f, "the stack has used all of its {bytes} bytes: what ran may be wrong"),
            Error::Memory { used, budget } => {
                write!(f, "static memory and stack took {used} bytes, more than the budget of {budget}")
            }
        }
    }
}

impl core::error::Error for Error {}
