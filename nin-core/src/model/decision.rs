//! How a model's logits become an answer and probabilities.

use micromath::F32Ext;

use super::layout::{f32_at, u16_at, u32_at};
use crate::logits::{argmax, softmax};

/// The answer to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The class with this index.
    Class(usize),
    /// None of the classes.
    Unknown,
}

impl Answer {
    /// Returns the class, if there is one.
    pub const fn class(self) -> Option<usize> {
        match self {
            Answer::Class(class) => Some(class),
            Answer::Unknown => None,
        }
    }
}

/// The number by which an image is accepted or rejected: larger means more like the training images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Score {
    /// The largest logit.
    Logit,
    /// The logarithm of the sum of the exponentials of all logits, the negative free energy.
    Energy,
}

impl Score {
    /// Returns the score of an image's logits; −∞ if there are none, NaN if one is NaN.
    ///
    /// The energy is computed with micromath's exponential and logarithm, whose error is the same on every target: a
    /// threshold that was found with this function accepts the same images on a board.
    pub fn of(self, logits: &[f32]) -> f32 {
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, |a, b| if b > a || b.is_nan() { b } else { a });
        match self {
            Score::Logit => most,
            Score::Energy if most.is_finite() => {
                let sum: f32 = logits.iter().map(|&logit| F32Ext::exp(logit - most)).sum();
                most + F32Ext::ln(sum)
            }
            Score::Energy => most,
        }
    }

    /// Returns the score's code in a model file.
    pub const fn code(self) -> u8 {
        match self {
            Score::Logit => 1,
            Score::Energy => 2,
        }
    }
}

/// A score and the smallest value of it that is accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// The score.
    pub score: Score,
    /// The smallest value that is accepted; finite.
    pub value: f32,
}

/// How a model's logits become an answer and probabilities. Models of version 1 have [`Decision::PLAIN`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// The logits are divided by it before the softmax, so that probabilities are calibrated; above 0 and finite.
    pub temperature: f32,
    /// Images with a smaller score are rejected.
    pub threshold: Option<Threshold>,
    /// The class that was trained with images of none of the other classes.
    pub unknown: Option<u16>,
}

impl Decision {
    /// The answer is the class with the largest logit, and probabilities are the softmax of the logits.
    pub const PLAIN: Decision = Decision { temperature: 1.0, threshold: None, unknown: None };

    /// The bytes of a decision in a model file.
    pub const BYTES: usize = 16;

    /// Returns the answer for an image's logits: [`Answer::Unknown`] if the class with the largest logit is
    /// [`unknown`](Self::unknown), if the score is below the threshold, or if the logits are no numbers.
    pub fn answer(&self, logits: &[f32]) -> Answer {
        let Some(class) = argmax(logits) else { return Answer::Unknown };
        // A comparison with NaN is false.
        let accepted = self.threshold.is_none_or(|Threshold { score, value }| score.of(logits) >= value);
        if accepted && self.unknown.map(usize::from) != Some(class) { Answer::Class(class) } else { Answer::Unknown }
    }

    /// Turns logits into calibrated probabilities, in place; see [`softmax`](crate::softmax).
    pub fn probabilities(&self, logits: &mut [f32]) {
        logits.iter_mut().for_each(|logit| *logit /= self.temperature);
        softmax(logits);
    }

    /// Reads the decision of a network with `classes` classes; `None` if its fields are out of range.
    pub(super) const fn read(bytes: &[u8], classes: usize) -> Option<Decision> {
        let (temperature, value) = (f32_at(bytes, 0), f32_at(bytes, 8));
        let threshold = match bytes[4] {
            0 if value.to_bits() == 0 => None,
            1 => Some(Threshold { score: Score::Logit, value }),
            2 => Some(Threshold { score: Score::Energy, value }),
            _ => return None,
        };
        let unknown = match u16_at(bytes, 6) {
            u16::MAX => None,
            class if (class as usize) < classes => Some(class),
            _ => return None,
        };
        let finite = temperature.is_finite() && temperature > 0.0 && value.is_finite();
        if !finite || bytes[5] != 0 || u32_at(bytes, 12) != 0 {
            return None;
        }
        Some(Decision { temperature, threshold, unknown })
    }

    /// Returns the bytes of the decision in a model file of version 2.
    pub fn to_bytes(&self) -> [u8; Decision::BYTES] {
        let (code, value) = self.threshold.map_or((0, 0.0), |threshold| (threshold.score.code(), threshold.value));
        let mut bytes = [0; Decision::BYTES];
        bytes[..4].copy_from_slice(&self.temperature.to_le_bytes());
        bytes[4] = code;
        bytes[6..8].copy_from_slice(&self.unknown.unwrap_or(u16::MAX).to_le_bytes());
        bytes[8..12].copy_from_slice(&value.to_le_bytes());
        bytes
    }
}

impl Default for Decision {
    fn default() -> Decision {
        Decision::PLAIN
    }
}
