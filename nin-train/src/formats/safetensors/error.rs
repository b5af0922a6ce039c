//! The errors of safetensors files.

use std::fmt;

use ::safetensors::SafeTensorError;

use crate::support::text::{one_line, visible};

/// Why a safetensors file cannot be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum TensorError {
    /// The number of parameters does not match the architecture.
    Parameters {
        /// The number given.
        got: usize,
        /// The number that the architecture has.
        expected: usize,
    },
    /// The file is not a valid safetensors file.
    Broken(SafeTensorError),
    /// A tensor whose numbers are not f64, f32, f16 or bf16.
    Dtype {
        /// The tensor.
        name: String,
        /// The type of its numbers.
        dtype: String,
    },
    /// A tensor with a number that is infinite or NaN.
    NotFinite {
        /// The tensor.
        name: String,
    },
    /// The tensors do not match the architecture.
    Mismatch {
        /// The first mismatch.
        problem: String,
        /// Names and shapes of the architecture's tensors.
        expected: Vec<(String, Vec<usize>)>,
        /// Names and shapes of the file's tensors.
        found: Vec<(String, Vec<usize>)>,
    },
}

impl fmt::Display for TensorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameters { got, expected } => {
                write!(f, "the architecture has {expected} parameters, but {got} were given")
            }
            Self::Broken(error) => write!(f, "not a valid safetensors file: {}", one_line(&error.to_string())),
            Self::Dtype { name, dtype } if matches!(dtype.as_str(), "I8" | "U8") => write!(
                f,
                "the tensor {} has {dtype} numbers: the network is quantised, and a safetensors file does not hold its \
                 scales as this program needs them; save the network before its quantisation, or import it as an 8-bit \
                 TensorFlow Lite model",
                visible(name)
            ),
            Self::Dtype { name, dtype } => {
                write!(f, "the tensor {} has {dtype} numbers; F64, F32, F16 and BF16 can be read", visible(name))
            }
            Self::NotFinite { name } => write!(
                f,
                "the tensor {} contains an infinite number or NaN: training had diverged when the file was \
                 saved; save the network from an earlier epoch",
                visible(name)
            ),
            Self::Mismatch { problem, expected, found } => {
                writeln!(f, "the file does not fit the architecture: {}", visible(problem))?;
                list(f, "expected", expected)?;
                f.write_str("\n")?;
                list(f, "found", found)
            }
        }
    }
}

/// Writes names and shapes, one tensor per line.
fn list(f: &mut fmt::Formatter<'_>, title: &str, tensors: &[(String, Vec<usize>)]) -> fmt::Result {
    write!(f, "{title}:")?;
    // Names in a file may be of any length, and a format width is at most 65,535.
    let width = tensors.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).min(100);
    for (name, shape) in tensors {
        write!(f, "\n  {:width$}  {shape:?}", visible(name))?;
    }
    if tensors.is_empty() { f.write_str(" no tensor") } else { Ok(()) }
}

impl std::error::Error for TensorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Broken(error) => Some(error),
            _ => None,
        }
    }
}

impl From<SafeTensorError> for TensorError {
    fn from(error: SafeTensorError) -> Self {
        Self::Broken(error)
    }
}
