//! The number of outputs that are side by side, for each type of weights.

use core::fmt;
use core::str::FromStr;

use super::weight_type::WeightType;

/// The number of outputs that are side by side in the packed weights. It changes the speed, not the results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lanes {
    /// Plain rows: the smallest file.
    One,
    /// For integer weights on a Cortex-M with the DSP extension (M4, M7, M33), whose instructions multiply pairs.
    Two,
    /// For float weights on Cortex-M: the accumulators of four outputs fit its registers.
    #[default]
    Four,
    /// For hosts with vector registers.
    Sixteen,
}

impl Lanes {
    /// The packings of float weights.
    pub const FLOAT: [Self; 3] = [Self::One, Self::Four, Self::Sixteen];
    /// The packings of 8-bit and 4-bit weights.
    pub const INT8: [Self; 3] = [Self::One, Self::Two, Self::Sixteen];

    /// Returns the lanes with this number, if weights of this type can have them.
    pub const fn of(weight_type: WeightType, count: usize) -> Option<Self> {
        let lanes = match weight_type {
            WeightType::F32 | WeightType::F16 => Self::FLOAT,
            _ => Self::INT8,
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

    /// The number of lanes.
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

/// A text is not a valid number of lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseLanesError;

impl fmt::Display for ParseLanesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is not a number of lanes; choose 1, 2, 4 or 16")
    }
}

impl core::error::Error for ParseLanesError {}
