//! The errors of a training run.

use std::fmt;

use nin_core::Shape;

use crate::engine::EngineError;

/// The reason why training cannot start or continue. The text is one sentence.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrainError {
    /// The system cannot provide the threads or the memory.
    Engine(EngineError),
    /// An invalid value in the recipe, with a description.
    Recipe(&'static str),
    /// Images whose channels differ from the network's input.
    Channels {
        /// Shape of the images.
        images: Shape,
        /// Shape of the network's input.
        input: Shape,
    },
    /// More classes in the data than the network's outputs.
    Classes {
        /// Classes of the data.
        data: usize,
        /// Classes of the network.
        network: usize,
    },
    /// Preprocessing for another number of channels.
    Preprocessing,
    /// A data set without images.
    Empty,
    /// The loss is no longer a number.
    Diverged {
        /// Epoch, from 1.
        epoch: u32,
        /// Step of the epoch, from 1.
        step: u64,
        /// Learning rate of the step that diverged: this one or the one before.
        lr: f32,
    },
    /// The loss on images not trained with is not a number.
    Ruined {
        /// Epochs done.
        epoch: u32,
        /// The schedule's highest learning rate.
        lr: f32,
    },
    /// For many steps the first layer has received no gradient from any image: ReLUs block every path through the
    /// network.
    Dead {
        /// Epoch, from 1.
        epoch: u32,
        /// Step of the epoch, from 1.
        step: u64,
    },
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrainError::Engine(error) => error.fmt(f),
            TrainError::Recipe(problem) => f.write_str(problem),
            TrainError::Channels { images, input } => write!(
                f,
                "the images are {images}, but the network's input is {input}: the channels (the first number) differ"
            ),
            TrainError::Classes { data, network } => {
                write!(f, "the data has {data} classes, but the network has {network}")
            }
            TrainError::Preprocessing => f.write_str("the preprocessing is for another number of channels"),
            TrainError::Empty => f.write_str("there are no images"),
            TrainError::Diverged { epoch, step, lr } => write!(
                f,
                "training diverged in epoch {epoch}, step {step}: the loss is no longer a number; try a learning rate \
                 below {lr}"
            ),
            TrainError::Ruined { epoch, lr } => write!(
                f,
                "training diverged by the end of epoch {epoch}: the network's answers are no longer numbers; try a \
                 learning rate below {lr}"
            ),
            TrainError::Dead { epoch, step } => write!(
                f,
                "the network died by epoch {epoch}, step {step}: its ReLUs let no gradient through any more, so nothing \
                 can be learned; try a lower learning rate, another seed, or a wide last block: \
                 `nin3+1:64,64 gap fc10` has no layer as narrow as `nin3+1:10,10,10 gap`"
            ),
        }
    }
}

impl std::error::Error for TrainError {}

impl From<EngineError> for TrainError {
    fn from(error: EngineError) -> TrainError {
        TrainError::Engine(error)
    }
}
