//! The errors of making a project.

use std::fmt;

use crate::support::text::{bytes, grouped};

/// Why no project can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FirmwareError {
    /// There is no project for this board.
    Board(&'static str),
    /// The board has no partition for a model.
    Partition(&'static str),
    /// Flash is too small for code, model and images.
    Flash {
        /// The board.
        board: &'static str,
        /// Bytes of code and constants, as measured for this kind of board.
        code: u64,
        /// Bytes of the model file.
        model: u64,
        /// Bytes of the test images.
        images: u64,
        /// Bytes that the board has.
        flash: u64,
    },
    /// The partition is too small for the model.
    ModelPartition {
        /// The board.
        board: &'static str,
        /// Bytes of the model file.
        model: u64,
        /// Bytes of the partition.
        partition: u64,
    },
    /// RAM is too small for the network's working memory and the stack.
    Ram {
        /// The board.
        board: &'static str,
        /// Bytes of the working memory.
        state: u64,
        /// Bytes for the stack and other statics.
        stack: u64,
        /// Bytes that the board has.
        ram: u64,
    },
}

impl fmt::Display for FirmwareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |number: &u64| grouped(*number);
        match self {
            Self::Board(board) => {
                write!(f, "there is no project for {board}; nin-train firmware --list names the boards that have one")
            }
            Self::Partition(board) => {
                write!(f, "{board}: its memory map has no partition for a model; omit --partition")
            }
            Self::Flash { board, code, model, images, flash } => write!(
                f,
                "{board} has {} of flash, but the program needs {}: about {} of code, {} of model and {} of test images; \
                 quantize --weights 4bit halves the model, and search --flash {} --ram N finds a smaller network",
                bytes(*flash),
                bytes(code + model + images),
                bytes(*code),
                bytes(*model),
                bytes(*images),
                flash.saturating_sub(*code).saturating_sub(*images)
            ),
            Self::ModelPartition { board, model, partition } => write!(
                f,
                "{board}: the model has {} bytes, but its partition {}; omit --partition to use all of the flash, or halve \
                 the model with quantize --weights 4bit",
                exact(model),
                exact(partition)
            ),
            Self::Ram { board, state, stack, ram } => write!(
                f,
                "{board} has {} of RAM, but the program needs {}: {} for the network's rows and about {} for the stack and \
                 the rest; a line with fewer channels or a larger stride in its first block needs less (nin-train plan LINE), \
                 and search --flash N --ram {} finds one",
                bytes(*ram),
                bytes(state + stack),
                bytes(*state),
                bytes(*stack),
                ram.saturating_sub(*stack)
            ),
        }
    }
}

impl std::error::Error for FirmwareError {}
