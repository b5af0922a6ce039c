//! The bit widths of the layers' weights.

use std::fmt;
use std::str::FromStr;

use nin_core::plan::Layer;
use nin_core::{Plan, Spec};
use serde::{Deserialize, Serialize};

use crate::network::architecture::beyond_unsigned;

/// The layers that have 4-bit instead of 8-bit weights. Layers in groups always have 8 bits: a depthwise layer has few
/// weights, and each output few inputs to average its rounding errors. Its text form on the command line, in recipes and in
/// checkpoints is `8bit`, `4bit`, or `4bit:3,5` for the third and the fifth layer with weights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WeightBits {
    /// No layer.
    #[default]
    Eight,
    /// All layers, except those in groups.
    Four,
    /// The layers with these numbers, counted from 1 among the layers with weights, ascending.
    FourIn(Vec<usize>),
}

impl WeightBits {
    /// Returns the bits of the weights of layer `number`, counted from 1 among the layers with weights.
    pub fn bits(&self, number: usize, layer: &Layer) -> u8 {
        let four = match self {
            Self::Eight => false,
            Self::Four => layer.groups == 1,
            Self::FourIn(layers) => layers.contains(&number),
        };
        if four { 4 } else { 8 }
    }

    /// Checks that a network has layers with these numbers, none of them in groups.
    ///
    /// # Errors
    ///
    /// [`WeightBitsError::Layer`] or [`WeightBitsError::Groups`] with the first number that is wrong.
    pub fn check(&self, plan: &Plan) -> Result<(), WeightBitsError> {
        let Self::FourIn(numbers) = self else { return Ok(()) };
        let layers: Vec<Layer> = plan.layers().filter(|layer| layer.has_weights()).collect();
        numbers.iter().try_for_each(|&number| match layers.get(number - 1) {
            None => Err(WeightBitsError::Layer { number, layers: layers.len() }),
            Some(layer) if layer.groups > 1 => {
                Err(WeightBitsError::Groups { number, stage: plan.spec().stages()[layer.stage].to_string() })
            }
            Some(_) => Ok(()),
        })
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
    /// A layer in groups.
    Groups {
        /// Its number.
        number: usize,
        /// Its word in the line.
        stage: String,
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
                "`{stage}` needs zero points, which this arithmetic does not have: take a line of nin, max, avg, gap and fc \
                 with square windows"
            ),
            Self::Layer { number, layers } => {
                write!(f, "there is no layer {number}: the network has {layers} layers with weights")
            }
            Self::Groups { number, stage } => write!(
                f,
                "layer {number}, the first of `{stage}`, is in groups, and the weights of such a layer have 8 bits: leave \
                 out its number"
            ),
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
        let first = plan.layer(0, 0).unwrap();
        assert_eq!([1, 2, 3, 4].map(|number| weights.bits(number, &first)), [8, 4, 8, 4]);
        assert_eq!((WeightBits::Eight.bits(1, &first), WeightBits::Four.bits(1, &first)), (8, 4));
        assert_eq!(weights.check(&plan), Ok(()));
        let error = WeightBits::FourIn(vec![1, 5]).check(&plan).unwrap_err();
        assert_eq!(error.to_string(), "there is no layer 5: the network has 4 layers with weights");
    }

    #[test]
    fn layers_in_groups_have_8_bits() {
        let plan = Plan::new(Spec::new("4x8x8 nin3:8 dw3+1:16 gap fc3"));
        let layers = plan.layers().filter(Layer::has_weights).zip(1..);
        let bits: Vec<u8> = layers.map(|(layer, number)| WeightBits::Four.bits(number, &layer)).collect();
        assert_eq!(bits, [4, 8, 4, 4]);
        assert_eq!(WeightBits::FourIn(vec![1, 3, 4]).check(&plan), Ok(()));
        let error = WeightBits::FourIn(vec![1, 2]).check(&plan).unwrap_err();
        assert!(error.to_string().starts_with("layer 2, the first of `dw3+1:16`, is in groups"), "{error}");
    }
}
