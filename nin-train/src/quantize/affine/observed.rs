//! The values of a map, and the range of the bytes that stand for them.

use crate::integers::Ends;
use crate::quantize::{Histogram, Range};

/// Steps of a byte.
const STEPS: u32 = 255;

/// The values of a map, positive and negative ones apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Observed {
    positive: Histogram,
    /// Their magnitudes.
    negative: Histogram,
}

impl Observed {
    pub(super) fn add(&mut self, values: &[f32]) {
        self.positive.add(values);
        if values.iter().any(|value| *value < 0.0) {
            let magnitudes: Vec<f32> = values.iter().map(|value| -value).collect();
            self.negative.add(&magnitudes);
        }
    }

    pub(super) fn join(self, other: Self) -> Self {
        Self { positive: self.positive.join(other.positive), negative: self.negative.join(other.negative) }
    }

    /// Returns the range of the map's bytes; after a ReLU it begins at 0.
    pub(super) fn range(&self) -> Range {
        // Clipping one side leaves more steps to the other. A side's best share of the steps is not known in advance; its
        // share of the range that would be best for each alone is close.
        let [most, least] = [&self.positive, &self.negative].map(|side| side.range(STEPS).clip);
        let share = |part: f32| match (most + least).is_normal() {
            true => ((STEPS as f32 * part / (most + least)) as u32).clamp(1, STEPS),
            false => STEPS,
        };
        let [positive, negative] =
            [(&self.positive, most), (&self.negative, least)].map(|(side, part)| side.range(share(part)));
        Range { least: 0.0 - negative.clip, ..positive }
    }
}

/// Returns the smallest and the largest value that a range represents.
pub(super) fn ends(range: &Range) -> Ends {
    Ends { least: range.least, most: range.clip }
}

#[cfg(test)]
mod tests {
    use super::Observed;

    #[test]
    fn a_range_holds_the_values_of_both_signs() {
        let mut observed = Observed::default();
        let values: Vec<f32> = (0..1000).map(|i| i as f32 * 0.004 - 1.0).collect();
        observed.add(&values);
        let range = observed.range();
        assert!((range.least + 1.0).abs() < 0.05 && (range.clip - 3.0).abs() < 0.05, "{range:?}");
        let mut positive = Observed::default();
        positive.add(&[0.0, 0.5, 2.0]);
        assert!(positive.range().least == 0.0 && (positive.range().clip - 2.0).abs() < 0.01);
    }
}
