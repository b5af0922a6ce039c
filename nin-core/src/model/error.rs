//! Why bytes are not a model.

use core::fmt;

use super::layout::VERSION;
use crate::spec::SpecError;

/// Why bytes are not a model that this crate can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelError {
    /// The file ends early.
    Truncated {
        /// Bytes that there should be.
        expected: u32,
        /// Bytes that there are.
        found: usize,
    },
    /// Bytes follow the file's end.
    TrailingBytes {
        /// Bytes that there should be.
        expected: u32,
        /// Bytes that there are.
        found: usize,
    },
    /// It does not begin as a model file does.
    Magic,
    /// A version of the layout that this crate does not know.
    Version(u16),
    /// The bytes are not those that were written.
    Checksum {
        /// What the file says.
        stored: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// A weight type that this crate does not know.
    WeightType(u8),
    /// A packing of the weights that this crate does not know.
    Lanes(u8),
    /// A layer says that its weights have a number of bits that this crate does not know.
    Bits(u32),
    /// The parts do not lie where the layout puts them.
    Layout,
    /// The architecture line is wrong.
    Line(SpecError),
    /// The architecture line is not written as the layout wants it: one space between words, defaults left out.
    NotCanonical,
    /// A model of integers has means other than 0, or scales that differ.
    Preprocessing,
    /// What fills weights up to whole lanes and words is not 0.
    Padding,
    /// An output of a layer of integers has a shift that the arithmetic does not have.
    Shift,
    /// The number of class names that are not empty is neither zero nor the number of classes, or one is empty.
    ClassNames {
        /// The number of classes.
        expected: usize,
        /// The number of names.
        found: usize,
    },
    /// The weights are not as many as the architecture takes.
    Weights {
        /// Bytes that the architecture takes.
        expected: usize,
        /// Bytes that the file has.
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
                write!(f, "the model file has {found} bytes where it says {expected}")
            }
            ModelError::Magic => f.write_str("not a model file: it does not begin with \"NiNmodel\""),
            ModelError::Version(version) => {
                write!(f, "the model file has version {version}; this program reads version {VERSION}")
            }
            ModelError::Checksum { stored, computed } => {
                write!(f, "the model file is damaged: its checksum is {computed:08x}, not {stored:08x}")
            }
            ModelError::WeightType(code) => write!(f, "the model file has an unknown weight type, {code}"),
            ModelError::Lanes(lanes) => {
                write!(f, "the model file packs its weights by {lanes}, which is none of the packings of their type")
            }
            ModelError::Bits(bits) => write!(f, "the model file has a layer with weights of {bits} bits, not 4 or 8"),
            ModelError::Layout => f.write_str("the parts of the model file do not lie where its layout puts them"),
            ModelError::Line(error) => write!(f, "the model file's architecture line is wrong: {error}"),
            ModelError::NotCanonical => {
                f.write_str("the model file's architecture line is not in its canonical form: export the model again")
            }
            ModelError::Preprocessing => {
                f.write_str("the model file has weights of integers, but means that are not 0 or scales that differ")
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
                write!(f, "the model file has {found} bytes of weights, but its architecture takes {expected}")
            }
        }
    }
}

impl core::error::Error for ModelError {}
