//! The error of a file that is not a valid model.

use core::fmt;

use super::layout::{AFFINE_VERSION, VERSION};
use crate::spec::SpecError;

/// Why a file is not a model that this crate can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelError {
    /// The file ends early.
    Truncated {
        /// The file's length according to its header, in bytes.
        expected: u32,
        /// Bytes of the file.
        found: usize,
    },
    /// Bytes follow the file's end.
    TrailingBytes {
        /// The file's length according to its header, in bytes.
        expected: u32,
        /// Bytes of the file.
        found: usize,
    },
    /// The file does not begin with [`MAGIC`](super::MAGIC).
    Magic,
    /// A version of the layout that this crate cannot read.
    Version(u16),
    /// The checksum is wrong: the file is damaged.
    Checksum {
        /// The checksum in the file.
        stored: u32,
        /// The checksum of the file's bytes.
        computed: u32,
    },
    /// An unknown weight type.
    WeightType(u8),
    /// An unknown packing of the weights.
    Lanes(u8),
    /// A layer states a number of bits for its weights that is neither 4 nor 8.
    Bits(u32),
    /// The parts of the file are not where the layout puts them.
    Layout,
    /// The architecture line is wrong.
    Line(SpecError),
    /// The architecture line is not canonical: it has more than one space between words, or states default values.
    NotCanonical,
    /// The temperature, threshold or unknown class is out of range.
    Decision,
    /// A model with integer weights has means other than 0, or scales that differ.
    Preprocessing,
    /// The padding of the weights to whole lanes and words is not 0.
    Padding,
    /// An output of an integer layer has a shift out of range.
    Shift,
    /// The number of class names is neither 0 nor the number of classes, or a name is empty.
    ClassNames {
        /// The number of classes.
        expected: usize,
        /// The number of names that are not empty.
        found: usize,
    },
    /// The weights have another size than the architecture needs.
    Weights {
        /// Bytes of weights that the architecture needs.
        expected: usize,
        /// Bytes of weights in the file.
        found: usize,
    },
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelError::Truncated { expected, found } => {
                write!(f, "the model file ends early: it has {found} of {expected} bytes")
            }
            ModelError::TrailingBytes { expected, found } => {
                write!(f, "the model file has {found} bytes, but its header states {expected}")
            }
            ModelError::Magic => f.write_str("not a model file: it does not begin with \"NiNmodel\""),
            ModelError::Version(version) => {
                write!(
                    f,
                    "the model file has version {version}, which this program does not read, or which does not fit its \
                     content; this program reads versions {VERSION} to {AFFINE_VERSION}"
                )
            }
            ModelError::Checksum { stored, computed } => {
                write!(f, "the model file is damaged: its checksum is {computed:08x}, not {stored:08x}")
            }
            ModelError::WeightType(code) => write!(f, "the model file has an unknown weight type, {code}"),
            ModelError::Lanes(lanes) => {
                write!(f, "the model file packs its weights in {lanes} lanes, which their type does not have")
            }
            ModelError::Bits(bits) => write!(f, "the model file has a layer with weights of {bits} bits, not 4 or 8"),
            ModelError::Layout => f.write_str("the parts of the model file are not where its layout puts them"),
            ModelError::Line(error) => write!(f, "the model file's architecture line is wrong: {error}"),
            ModelError::NotCanonical => {
                f.write_str("the model file's architecture line is not in its canonical form: export the model again")
            }
            ModelError::Decision => f.write_str(
                "the model file has a temperature, threshold or unknown class that is out of range: export the model again",
            ),
            ModelError::Preprocessing => {
                f.write_str("the model file has integer weights, but means that are not 0 or scales that differ")
            }
            ModelError::Padding => f.write_str(
                "the model file has weights for outputs or inputs that do not exist: export the model again",
            ),
            ModelError::Shift => {
                f.write_str("the model file has an output whose shift is out of range: quantize the network again")
            }
            ModelError::ClassNames { expected, found } if expected == found => {
                f.write_str("the model file has a class without a name")
            }
            ModelError::ClassNames { expected, found } => {
                write!(f, "the model file names {found} classes, but its architecture has {expected}")
            }
            ModelError::Weights { expected, found } => {
                write!(f, "the model file has {found} bytes of weights, but its architecture needs {expected}")
            }
        }
    }
}

impl core::error::Error for ModelError {}
