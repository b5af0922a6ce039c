//! A network whose weights are floats or integers, and what pages draw of it.

use nin_core::WeightType;
use nin_core::packing::affine::Factor;

use crate::formats::model_file::{AffineModel, Integers, Record};
use crate::integers::{Output, QuantizedModel};
use crate::network::parameters::tensors;
use crate::network::trained::Trained;

/// A network of floats or of integers.
#[derive(Clone, Copy, Debug)]
pub enum Network<'a> {
    /// A network of floats.
    Floats(&'a Trained),
    /// A network of integers.
    Integers(&'a QuantizedModel),
    /// A network of integers with zero points.
    Affine(&'a AffineModel),
}

impl<'a> From<&'a Integers> for Network<'a> {
    fn from(integers: &'a Integers) -> Self {
        match integers {
            Integers::Unsigned(model) => Self::Integers(model),
            Integers::Affine(model) => Self::Affine(model),
        }
    }
}

/// The conversion of a map's values for the average after it: `(value - zero) * unit`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Averaged {
    /// The value that stands for 0.
    pub(super) zero: f32,
    /// The unit in which the averages are logits, or the inputs of [`Network::last_weights`].
    pub(super) unit: f32,
}

impl Network<'_> {
    /// Returns the weights of the first layer with weights (outputs × fan-in), each output's in a unit of its own; `None`
    /// if there is no such layer.
    pub(super) fn first_weights(self) -> Option<Vec<f32>> {
        let integers = |weights: &[i8]| weights.iter().map(|&weight| weight.into()).collect();
        match self {
            Self::Floats(trained) => {
                let first = tensors(&trained.plan()).into_iter().next()?;
                trained.parameters.get(first.weight).map(<[f32]>::to_vec)
            }
            Self::Integers(model) => model.layers.first().map(|layer| integers(&layer.weights)),
            Self::Affine(model) => model.records.iter().find_map(|record| match record {
                Record::Layer(layer) => Some(integers(&layer.weights)),
                _ => None,
            }),
        }
    }

    /// Returns the weights of the last layer (classes × inputs), in one unit.
    pub(super) fn last_weights(self) -> Option<Vec<f32>> {
        match self {
            Self::Floats(trained) => {
                trained.parameters.get(tensors(&trained.plan()).pop()?.weight).map(<[f32]>::to_vec)
            }
            Self::Integers(model) => {
                let layer = model.layers.last()?;
                let Output::Logits { scales } = &layer.output else { return None };
                let rows = layer.weights.chunks_exact(layer.weights.len() / scales.len().max(1)).zip(scales);
                Some(rows.flat_map(|(row, scale)| row.iter().map(move |&weight| f32::from(weight) * scale)).collect())
            }
            Self::Affine(model) => {
                let Record::Layer(layer) = model.records.last()? else { return None };
                let fan_in = layer.weights.len() / layer.factors.len().max(1);
                let rows = layer.weights.chunks_exact(fan_in.max(1)).zip(&layer.factors);
                let row = |(row, own): (&[i8], &Factor)| {
                    let unit = (real(own) * f64::from(layer.words.scale)) as f32;
                    row.iter().map(|&weight| f32::from(weight) * unit).collect::<Vec<f32>>()
                };
                Some(rows.flat_map(row).collect())
            }
        }
    }

    /// Returns the conversion of the values that a global average over `pixels` pixels reads. `last` states whether its
    /// averages are the logits.
    pub(super) fn averaged(self, pixels: usize, last: bool) -> Averaged {
        match self {
            Self::Floats(_) => Averaged { zero: 0.0, unit: 1.0 },
            // The scales of the logits contain the division by the number of pixels.
            Self::Integers(model) => {
                Averaged { zero: 0.0, unit: if last { model.last_scale() } else { pixels as f32 } }
            }
            Self::Affine(model) => {
                let average = model.records.iter().rev().find_map(|record| match record {
                    Record::Average { words, factor } => Some((words, factor)),
                    _ => None,
                });
                let Some((words, factor)) = average else { return Averaged { zero: 0.0, unit: 1.0 } };
                let scale = if last { f64::from(words.scale) } else { 1.0 };
                Averaged { zero: words.input_zero.into(), unit: (real(factor) * pixels as f64 * scale) as f32 }
            }
        }
    }
}

/// Returns the number that a factor stands for.
fn real(factor: &Factor) -> f64 {
    f64::from(factor.multiplier) * 2f64.powi(-31 - factor.shift)
}

/// Returns a weight type in words, for example `integers with zero points`.
pub(super) fn type_in_words(weight_type: WeightType) -> &'static str {
    match weight_type {
        WeightType::F16 => "16-bit floats",
        WeightType::Int8 => "8-bit integers",
        WeightType::Int4 => "integers of 4 or 8 bits",
        WeightType::Affine => "integers with zero points",
        WeightType::AffineInt4 => "integers of 4 or 8 bits with zero points",
        _ => "32-bit floats",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use nin_core::WeightType;

    use super::type_in_words;

    #[test]
    fn each_weight_type_has_words_of_its_own() {
        let types = [
            WeightType::F32,
            WeightType::F16,
            WeightType::Int8,
            WeightType::Int4,
            WeightType::Affine,
            WeightType::AffineInt4,
        ];
        let words: BTreeSet<&str> = types.into_iter().map(type_in_words).collect();
        assert_eq!(words.len(), types.len());
        for weight_type in types {
            let words = type_in_words(weight_type);
            assert_eq!(words.contains("integers"), weight_type.is_integer(), "{words}");
            assert_eq!(words.contains("zero points"), weight_type.has_zero_points(), "{words}");
        }
    }
}
