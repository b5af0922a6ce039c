//! A whole architecture, parsed from its line.

use core::fmt;

use super::shape::Shape;
use super::stage::{Block, Connection, Stage, Sum};

/// The largest number of stages in a line.
pub const MAX_STAGES: usize = 32;

/// A network's architecture: a parsed and checked line. Every window fits and the line has a head.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Spec {
    pub(super) input: Shape,
    pub(super) len: u8,
    pub(super) stages: [Stage; MAX_STAGES],
}

impl Spec {
    /// A place for a line that is read into it.
    pub(crate) const UNREAD: Spec =
        Spec { input: Shape { channels: 0, rows: 0, columns: 0 }, len: 0, stages: [Stage::GlobalAverage; MAX_STAGES] };

    /// The shape of the input image.
    pub const fn input(&self) -> Shape {
        self.input
    }

    /// The stages, in order.
    pub const fn stages(&self) -> &[Stage] {
        self.stages.split_at(self.len as usize).0
    }

    /// Returns the end of the shortcut whose body begins with stage `stage`, if one does.
    pub const fn shortcut(&self, stage: usize) -> Option<Sum> {
        let mut end = stage + 1;
        while end < self.len as usize {
            match self.stages[end] {
                Stage::Sum(sum) => return if end - sum.stages as usize == stage { Some(sum) } else { None },
                Stage::Block(_) => end += 1,
                _ => return None,
            }
        }
        None
    }

    /// Returns whether the line has what version 1 of the model file does not support: depthwise or grouped
    /// convolutions, shortcuts, other activations than a ReLU, windows that are not square, averages without padding.
    pub const fn is_extended(&self) -> bool {
        let mut i = 0;
        while i < self.len as usize {
            let extended = match &self.stages[i] {
                Stage::Block(Block { window, connection, widths }) => {
                    !window.is_square() || !matches!(connection, Connection::Full) || !widths.all_relu()
                }
                Stage::MaxPool(window) | Stage::AvgPool(window) => !window.is_square(),
                Stage::MeanPool(_) | Stage::Sum(_) => true,
                _ => false,
            };
            if extended {
                return true;
            }
            i += 1;
        }
        false
    }

    /// The number of classes: the channels of the last stage.
    pub const fn classes(&self) -> usize {
        let mut shape = self.input;
        let mut i = 0;
        while i < self.len as usize {
            // A stage of a parsed spec always fits.
            if let Some(output) = self.stages[i].output(shape) {
                shape = output;
            }
            i += 1;
        }
        shape.channels as usize
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.input.fmt(f)?;
        for (i, stage) in self.stages().iter().enumerate() {
            if let Stage::Sum(_) = stage {
                stage.fmt(f)?;
                continue;
            }
            f.write_str(match self.shortcut(i) {
                Some(Sum { projection: Some(_), .. }) => " proj(",
                Some(_) => " res(",
                None => " ",
            })?;
            stage.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spec(\"{self}\")")
    }
}
