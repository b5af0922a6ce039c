//! A whole architecture, parsed from its line.

use core::fmt;

use super::shape::Shape;
use super::stage::Stage;

/// The largest number of stages in a line.
pub const MAX_STAGES: usize = 24;

/// A network's architecture: a parsed and checked line. Every window fits and the line has a head.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Spec {
    pub(super) input: Shape,
    pub(super) len: u8,
    pub(super) stages: [Stage; MAX_STAGES],
}

impl Spec {
    /// The shape of the input image.
    pub const fn input(&self) -> Shape {
        self.input
    }

    /// The stages, in order.
    pub const fn stages(&self) -> &[Stage] {
        self.stages.split_at(self.len as usize).0
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
        self.stages().iter().try_for_each(|stage| write!(f, " {stage}"))
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spec(\"{self}\")")
    }
}
