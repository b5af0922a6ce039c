//! The errors of importing a TensorFlow Lite model.

use std::fmt;

use super::flatbuffer::Damaged;
use crate::support::text::visible;

/// Why a TensorFlow Lite model cannot be imported. The text is one sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TfLiteError {
    /// An offset or a length leaves the file, or a number is out of range.
    Damaged,
    /// The model as a whole is outside of the family.
    Model(String),
    /// An operator is outside of the family.
    Operator {
        /// Its place among the operators, from 0.
        index: usize,
        /// Its name.
        name: &'static str,
        /// What is wrong with it, as the end of a sentence that begins with its name.
        problem: String,
    },
}

impl fmt::Display for TfLiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => {
                f.write_str("the TensorFlow Lite model is damaged: an offset leaves the file; fetch it again")
            }
            Self::Model(problem) => write!(f, "the TensorFlow Lite model {}", visible(problem)),
            Self::Operator { index, name, problem } => write!(f, "operator {index}, `{name}`, {}", visible(problem)),
        }
    }
}

impl std::error::Error for TfLiteError {}

impl From<Damaged> for TfLiteError {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}
