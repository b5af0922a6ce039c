//! The errors of importing an ONNX model.

use std::fmt;

use super::wire::Damaged;
use crate::formats::lowering::Problem;
use crate::support::text::visible;

/// Why an ONNX model cannot be imported. The text is one sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnnxError {
    /// A length leaves the file, or a number is out of range.
    Damaged,
    /// The model or one of its operators is outside of the family.
    Outside(Problem),
    /// A file that the model names beside itself cannot be read.
    External {
        /// Its name.
        file: String,
        /// Why.
        problem: String,
    },
}

impl fmt::Display for OnnxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("the ONNX model is damaged: a length leaves the file; fetch it again"),
            Self::Outside(problem) => problem.fmt(f),
            Self::External { file, problem } => write!(
                f,
                "the model keeps its weights in {}, which cannot be read: {}; put that file beside the model",
                visible(file),
                visible(problem)
            ),
        }
    }
}

impl std::error::Error for OnnxError {}

impl From<Damaged> for OnnxError {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

impl From<Problem> for OnnxError {
    fn from(problem: Problem) -> Self {
        Self::Outside(problem)
    }
}
