//! Why a model cannot be exported.

use std::fmt;

use nin_core::Lanes;

/// Why a model cannot be exported. The text is one sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportError {
    /// The slice of parameters is not as long as the architecture says.
    Parameters {
        /// Its length.
        got: usize,
        /// The length it should have.
        expected: usize,
    },
    /// The numbers for the input do not fit its channels, or are not finite.
    Preprocessing {
        /// `mean` or `scale`.
        what: &'static str,
        /// Channels of the input.
        channels: usize,
    },
    /// There are names, but not one for each class.
    ClassNames {
        /// How many names there are.
        got: usize,
        /// How many classes there are.
        expected: usize,
    },
    /// A class name that the file cannot hold: empty, or with a line break.
    ClassName(String),
    /// A weight that is infinite or not a number, so that the network has not learnt anything.
    NotFinite {
        /// The layer.
        layer: String,
    },
    /// A weight that is too large for 16 bits.
    OutOfRange {
        /// The layer.
        layer: String,
        /// The weight.
        weight: String,
    },
    /// A weight type that this version of the format cannot hold.
    WeightType(&'static str),
    /// A part that is longer than its field can say.
    TooLong {
        /// The part.
        what: &'static str,
        /// Its bytes.
        length: usize,
    },
    /// 8-bit weights were asked for, but the network has floats.
    NotQuantized,
    /// An 8-bit layer without a factor for each output, or with a shift or bias that its arithmetic does not have.
    Integers,
    /// Lanes in which weights of this type are not packed.
    Packing {
        /// The lanes.
        lanes: Lanes,
        /// The weight type's name.
        weight_type: &'static str,
    },
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameters { got, expected } => {
                write!(f, "the architecture has {expected} parameters, but {got} were given")
            }
            Self::Preprocessing { what, channels } => {
                write!(f, "the {what} must be {channels} finite numbers, one for each input channel")
            }
            Self::ClassNames { got, expected } => {
                write!(f, "{got} class names do not fit the architecture's {expected} classes")
            }
            Self::ClassName(name) => write!(f, "the class name {name:?} is empty or has a line break"),
            Self::NotFinite { layer } => {
                write!(
                    f,
                    "{layer} has a weight that is infinite or not a number; use the network from before its training diverged"
                )
            }
            Self::OutOfRange { layer, weight } => {
                write!(f, "{layer} has the weight {weight}, which is out of the range of f16 (65504); export as f32")
            }
            Self::WeightType(name) => write!(f, "the model file cannot hold {name} weights"),
            Self::TooLong { what, length } => {
                let most = if *what == "file" { u32::MAX } else { u16::MAX.into() };
                write!(f, "the {what} is too long for a model file: it has {length} bytes, and {most} is the limit")
            }
            Self::NotQuantized => f.write_str("8-bit weights have to be found first: quantize the network"),
            Self::Integers => f.write_str("the quantised layers do not fit the network, or are out of range"),
            Self::Packing { lanes, weight_type: weight_type @ "int8" } => {
                write!(f, "{weight_type} weights are not packed in {lanes} lanes; choose 1, 2 or 16")
            }
            Self::Packing { lanes, weight_type } => {
                write!(f, "{weight_type} weights are not packed in {lanes} lanes; choose 1, 4 or 16")
            }
        }
    }
}

impl std::error::Error for ExportError {}
