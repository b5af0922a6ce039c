//! Checks whether a project fits its board.

use super::hal::Parts;
use super::{FirmwareError, Project};
use crate::boards::Board;

/// The memory that a project needs, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Code and constants, an upper bound by measurement.
    pub code: u64,
    /// The model file.
    pub model: u64,
    /// The test images with their logits.
    pub images: u64,
    /// Flash for all of these, or without the model if it has a partition.
    pub flash: u64,
    /// The model's partition, if it has one.
    pub partition: Option<u64>,
    /// The network's working memory.
    pub state: u64,
    /// Stack and other statics, an upper bound by measurement.
    pub stack: u64,
}

/// Returns the flash of a board that is left for test images beside the code and a model of `model` bytes.
pub(super) fn left(board: &Board, partition: bool, model: u64) -> u64 {
    let model = if partition { 0 } else { model };
    board.program_flash(partition).saturating_sub(Parts::of(board).code).saturating_sub(model)
}

impl Fit {
    pub(super) fn new(project: &Project<'_>) -> Self {
        let (board, parts) = (project.board, Parts::of(project.board));
        Self {
            code: parts.code,
            model: project.model.len() as u64,
            images: project.samples.bytes(),
            flash: board.program_flash(project.partition),
            partition: board.models.filter(|_| project.partition).map(|(_, length)| length),
            state: project.state(),
            stack: parts.ram,
        }
    }

    pub(super) fn check(&self, board: &Board) -> Result<(), FirmwareError> {
        let board_name = board.name;
        let Self { code, model, images, flash, partition, state, stack } = *self;
        if let Some(partition) = partition.filter(|&length| model > length) {
            return Err(FirmwareError::ModelPartition { board: board_name, model, partition });
        }
        let model = if partition.is_some() { 0 } else { model };
        if code + model + images > flash {
            return Err(FirmwareError::Flash { board: board_name, code, model, images, flash });
        }
        if state + stack > board.ram {
            return Err(FirmwareError::Ram { board: board_name, state, stack, ram: board.ram });
        }
        Ok(())
    }
}
