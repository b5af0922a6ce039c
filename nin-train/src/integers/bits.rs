//! The bit widths of the layers' weights.

use std::fmt;
use std::str::FromStr;

use nin_core::{Plan, Spec};
use serde::{Deserialize, Serialize};

use crate::network::architecture::beyond_unsigned;

/// The layers that have 4-bit instead of 8-bit weights. Its text form on the command line, in recipes and in
/// checkpoints is `8bit`, `4bit`, or `4bit:3,5` for the third and the fifth layer with weights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WeightBits {
    /// No layer.
    #[default]
    Eight,
    /// All layers.
    Four,
    /// The layers with these numbers, counted from 1 among the layers with weights, ascending.
    FourIn(Vec<usize>),
}

impl WeightBits {
    /// Returns the bits of the weights of layer `number`, counted from 1 among the layers with weights.
    pub fn bits(&self, number: usize) -> u8 {
        match self {
            Self::Eight => 8,
            Self::Four => 4,
            Self::FourIn(layers) => {
                if layers.contains(&number) {
                    4
                } else {
                    8
                }
            }
        }
    }

    /// Checks that a network can have weights of these bits, and that it has layers with these numbers.
    ///
    /// # Errors
    ///
    /// [`WeightBitsError::Stage`] for weights of 4 bits and a word that needs zero points, [`WeightBitsError::Layer`] with
    /// the first number that the network does not have.
    pub fn check(&self, plan: &Plan) -> Result<(), WeightBitsError> {
        if *self != Self::Eight {
            check_unsigned(plan.spec())?;
        }
        let layers = plan.layers().filter(|layer| layer.has_weights()).count();
        match self {
            Self::FourIn(numbers) => match numbers.iter().find(|number| **number > layers) {
                Some(&number) => Err(WeightBitsError::Layer { number, layers }),
                None => Ok(()),
            },
            Self::Eight | Self::Four => Ok(()),
        }
    }
}

/// Checks that 8-bit arithmetic without zero points can compute a network.
///
/// # Errors
///
/// [`WeightBitsError::Stage`] with the first word that needs zero points.
pub(crate) fn check_unsigned(spec: &Spec) -> Result<(), WeightBitsError> {
    beyond_unsigned(spec).map_or(Ok(()), |stage| Err(WeightBitsError::Stage(stage)))
}

impl fmt::Display for WeightBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eight => f.write_str("8bit"),
            Self::Four => f.write_str("4bit"),
            Self::FourIn(layers) => {
                let layers: Vec<String> = layers.iter().map(usize::to_string).collect();
                write!(f, "4bit:{}", layers.join(","))
            }
        }
    }
}

impl FromStr for WeightBits {
    type Err = WeightBitsError;

    fn from_str(text: &str) -> Result<Self, WeightBitsError> {
        match text {
            "8bit" => Ok(Self::Eight),
            "4bit" => Ok(Self::Four),
            _ => {
                let wrong = || WeightBitsError::Text(text.to_owned());
                let layers = text.strip_prefix("4bit:").ok_or_else(wrong)?.split(',').map(str::parse);
                let mut layers: Vec<usize> = layers.collect::<Result<_, _>>().map_err(|_| wrong())?;
                layers.sort_unstable();
                layers.dedup();
                if layers.first() == Some(&0) { Err(wrong()) } else { Ok(Self::FourIn(layers)) }
            }
        }
    }
}

impl TryFrom<String> for WeightBits {
    type Error = WeightBitsError;

    fn try_from(text: String) -> Result<Self, WeightBitsError> {
        text.parse()
    }
}

impl From<WeightBits> for String {
    fn from(weights: WeightBits) -> Self {
        weights.to_string()
    }
}

/// The reason why bit widths cannot be used. The text is one sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WeightBitsError {
    /// A text that cannot be parsed.
    Text(String),
    /// A word of the line that needs zero points.
    Stage(String),
    /// A layer that the network does not have.
    Layer {
        /// Its number.
        number: usize,
        /// How many layers with weights there are.
        layers: usize,
    },
}

impl fmt::Display for WeightBitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => {
                write!(f, "'{text}' is not a bit width of weights; write 8bit, 4bit, or 4bit:3,5 for some layers")
            }
            Self::Stage(stage) => write!(
                f,
                "`{stage}` needs zero points, for which weights have 8 bits: leave out --weights and --flash, or take a \
                 line of nin, max, avg, gap and fc with square windows"
            ),
            Self::Layer { number, layers } => {
                write!(f, "there is no layer {number}: the network has {layers} layers with weights")
            }
        }
    }
}

impl std::error::Error for WeightBitsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        for text in ["8bit", "4bit", "4bit:3", "4bit:1,12"] {
            let weights: WeightBits = text.parse().unwrap();
            assert_eq!(weights.to_string(), text);
            let json = serde_json::to_string(&weights).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<WeightBits>(&json).unwrap(), weights);
        }
        assert_eq!("4bit:5,3,5".parse(), Ok(WeightBits::FourIn(vec![3, 5])));
        for wrong in ["", "4", "4bit:", "4bit:0", "4bit:a", "4bit:1,", "2bit", "8bit:1"] {
            let error = wrong.parse::<WeightBits>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("'{wrong}' is not a bit width")), "{error}");
        }
    }

    #[test]
    fn layers_are_counted_from_one() {
        let plan = Plan::new(Spec::new("1x8x8 nin3:4,4 max2/2 drop0.5 fc5,3"));
        let weights = WeightBits::FourIn(vec![2, 4]);
        assert_eq!([1, 2, 3, 4].map(|number| weights.bits(number)), [8, 4, 8, 4]);
        assert_eq!((WeightBits::Eight.bits(1), WeightBits::Four.bits(1)), (8, 4));
        assert_eq!(weights.check(&plan), Ok(()));
        let error = WeightBits::FourIn(vec![1, 5]).check(&plan).unwrap_err();
        assert_eq!(error.to_string(), "there is no layer 5: the network has 4 layers with weights");
    }
}
