//! What can stop a training run.

use std::fmt;

use nin_core::Shape;

use crate::engine::EngineError;

/// Why training cannot begin or go on. The text is one sentence.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrainError {
    /// The system has not the threads, or not the memory.
    Engine(EngineError),
    /// A recipe with a value that cannot be used; says which.
    Recipe(&'static str),
    /// Images with other channels than the network reads.
    Channels {
        /// Shape of the images.
        images: Shape,
        /// Shape the network reads.
        input: Shape,
    },
    /// More classes in the data than the network tells apart.
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
        /// Learning rate of the step that was too long: this one or the one before.
        lr: f32,
    },
    /// The loss on images not trained with is not a number.
    Ruined {
        /// Epochs done.
        epoch: u32,
        /// The schedule's highest learning rate.
        lr: f32,
    },
    /// For many steps no image has given the first layer any gradient: the ReLUs have cut every path through the
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
                "the images are {images} and the network reads {input}: they differ in channels (the first number)"
            ),
            TrainError::Classes { data, network } => {
                write!(f, "the data has {data} classes, but the network tells {network} apart")
            }
            TrainError::Preprocessing => f.write_str("the preprocessing is for another number of channels"),
            TrainError::Empty => f.write_str("there are no images to work on"),
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
