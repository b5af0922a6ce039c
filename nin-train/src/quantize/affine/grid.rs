//! The bytes of a map: their scale and zero point, from the values that were observed.

use crate::quantize::{Histogram, Range};

/// Steps of a byte.
const STEPS: u32 = 255;

/// The values that bytes stand for: `scale · (byte − zero)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid {
    pub(super) scale: f32,
    pub(super) zero: u8,
}

impl Grid {
    /// Returns the value of a byte.
    pub(super) fn value(self, byte: u8) -> f32 {
        self.scale * (f32::from(byte) - f32::from(self.zero))
    }
}

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
    pub(super) fn range(&self) -> SignedRange {
        // Clipping one side leaves more steps to the other. A side's best share of the steps is not known in advance; its
        // share of the range that would be best for each alone is close.
        let [most, least] = [&self.positive, &self.negative].map(|side| side.range(STEPS).clip);
        let share = |part: f32| match (most + least).is_normal() {
            true => ((STEPS as f32 * part / (most + least)) as u32).clamp(1, STEPS),
            false => STEPS,
        };
        let [positive, negative] =
            [(&self.positive, most), (&self.negative, least)].map(|(side, part)| side.range(share(part)));
        SignedRange { positive, least: 0.0 - negative.clip }
    }
}

/// The range of a map's bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SignedRange {
    positive: Range,
    /// The smallest represented value; 0 after a ReLU.
    least: f32,
}

impl SignedRange {
    /// Returns the difference of the largest and the smallest value.
    pub(super) fn width(&self) -> f32 {
        self.positive.clip - self.least
    }

    /// Returns the grid whose steps have this width.
    pub(super) fn grid(&self, scale: f32) -> Grid {
        Grid { scale, zero: (-self.least / scale).round().clamp(0.0, 255.0) as u8 }
    }

    pub(super) fn report(self) -> Range {
        Range { least: self.least, ..self.positive }
    }
}

#[cfg(test)]
mod tests {
    use super::{Grid, Observed};

    #[test]
    fn a_range_holds_the_values_of_both_signs() {
        let mut observed = Observed::default();
        let values: Vec<f32> = (0..1000).map(|i| i as f32 * 0.004 - 1.0).collect();
        observed.add(&values);
        let range = observed.range();
        assert!((range.width() - 4.0).abs() < 0.1, "{range:?}");
        let grid = range.grid(range.width() / 255.0);
        assert!((60..=67).contains(&grid.zero), "{grid:?}");
        assert!((grid.value(0) + 1.0).abs() < 0.05 && (grid.value(255) - 3.0).abs() < 0.05, "{grid:?}");
        assert_eq!(grid.value(grid.zero), 0.0);
        let mut positive = Observed::default();
        positive.add(&[0.0, 0.5, 2.0]);
        assert_eq!(positive.range().grid(0.5), Grid { scale: 0.5, zero: 0 });
        assert!((positive.range().width() - 2.0).abs() < 0.01);
    }
}
