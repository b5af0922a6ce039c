//! How many outputs stand side by side, and for which weights.

use core::fmt;
use core::str::FromStr;

use super::weight_type::WeightType;

/// How many outputs stand side by side in the packed weights. They change speed, not results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lanes {
    /// Plain rows: the smallest file.
    One,
    /// For 8-bit weights on a Cortex-M with the DSP extension (M4, M7, M33): pairs, as its instructions take them.
    Two,
    /// For float weights on Cortex-M: four accumulators fit its registers.
    #[default]
    Four,
    /// For a host with vector registers.
    Sixteen,
}

impl Lanes {
    /// The packings of float weights.
    pub const FLOAT: [Self; 3] = [Self::One, Self::Four, Self::Sixteen];
    /// The packings of weights of 8 bits and of 4.
    pub const INT8: [Self; 3] = [Self::One, Self::Two, Self::Sixteen];

    /// The lanes with this number, if weights of this type are packed so.
    pub const fn of(weight_type: WeightType, count: usize) -> Option<Self> {
        let lanes = match weight_type {
            WeightType::F32 | WeightType::F16 => Self::FLOAT,
            WeightType::Int8 | WeightType::Int4 => Self::INT8,
        };
        let mut i = 0;
        while i < lanes.len() {
            if lanes[i].count() == count {
                return Some(lanes[i]);
            }
            i += 1;
        }
        None
    }

    /// The number.
    pub const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Sixteen => 16,
        }
    }
}

impl fmt::Display for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.count().fmt(f)
    }
}

impl FromStr for Lanes {
    type Err = ParseLanesError;

    fn from_str(text: &str) -> Result<Self, ParseLanesError> {
        match text {
            "1" => Ok(Self::One),
            "2" => Ok(Self::Two),
            "4" => Ok(Self::Four),
            "16" => Ok(Self::Sixteen),
            _ => Err(ParseLanesError),
        }
    }
}

/// A text is not the number of any lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseLanesError;

impl fmt::Display for ParseLanesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is not a number of lanes; choose 1, 2, 4 or 16")
    }
}

impl core::error::Error for ParseLanesError {}
