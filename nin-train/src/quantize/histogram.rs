//! Histograms of activations, and the range with the smallest rounding error.

/// Bins of a histogram; its range is a power of two, so at least half of them are in use.
const BINS: usize = 8192;

/// Counts of values that are 0 or more, in bins of equal width. Its range grows with the values by joining bins, so
/// the result depends neither on their order nor on how they were shared among threads.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// The range is 2^exponent.
    exponent: i32,
    bins: Vec<u64>,
    zeros: u64,
    most: f32,
}

/// The chosen range of activations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The largest activation seen.
    pub most: f32,
    /// The largest represented activation; larger ones are clipped to it.
    pub clip: f32,
    /// The part of all activations above `clip`.
    pub clipped: f64,
    /// The smallest represented activation; 0 after a ReLU.
    pub least: f32,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { exponent: -100, bins: vec![0; BINS], zeros: 0, most: 0.0 }
    }
}

impl Histogram {
    /// Adds values; those not above 0 count as 0.
    pub fn add(&mut self, values: &[f32]) {
        let most = values.iter().copied().filter(|value| value.is_finite()).fold(0.0, f32::max);
        self.most = self.most.max(most);
        self.grow(most);
        let scale = BINS as f64 * f64::powi(2.0, -self.exponent);
        for &value in values {
            if value > 0.0 {
                self.bins[((f64::from(value) * scale) as usize).min(BINS - 1)] += 1;
            } else {
                self.zeros += 1;
            }
        }
    }

    /// Returns the sum of two histograms.
    pub fn join(mut self, mut other: Self) -> Self {
        self.grow(other.most);
        other.grow(self.most);
        self.bins.iter_mut().zip(&other.bins).for_each(|(bin, more)| *bin += more);
        Self { zeros: self.zeros + other.zeros, most: self.most.max(other.most), ..self }
    }

    fn grow(&mut self, most: f32) {
        while f64::from(most) >= f64::powi(2.0, self.exponent) {
            for i in 0..BINS / 2 {
                self.bins[i] = self.bins[2 * i] + self.bins[2 * i + 1];
            }
            self.bins[BINS / 2..].fill(0);
            self.exponent += 1;
        }
    }

    /// Returns the range with the least mean squared error when values are rounded to `steps` equal steps of it: a
    /// narrower range has finer steps, but clips more.
    pub fn range(&self, steps: u32) -> Range {
        let width = f64::powi(2.0, self.exponent) / BINS as f64;
        let total = self.zeros + self.bins.iter().sum::<u64>();
        let values: u64 = self.bins.iter().sum();
        // The moments of values above the threshold, which falls bin by bin; zeros are always exact.
        let (mut above, mut sum, mut squares) = (0u64, 0.0, 0.0);
        let mut best = (f64::INFINITY, BINS, 0);
        for bin in (1..BINS).rev() {
            let threshold = (bin + 1) as f64 * width;
            let step = threshold / f64::from(steps);
            let rounding = (values - above) as f64 * step * step / 12.0;
            let clipping = squares - 2.0 * threshold * sum + threshold * threshold * above as f64;
            let error = rounding + clipping;
            if error < best.0 {
                best = (error, bin, above);
            }
            let centre = (bin as f64 + 0.5) * width;
            above += self.bins[bin];
            sum += centre * self.bins[bin] as f64;
            squares += centre * centre * self.bins[bin] as f64;
        }
        let (_, bin, above) = best;
        let clip = (((bin + 1) as f64 * width) as f32).min(self.most);
        Range { most: self.most, clip, clipped: above as f64 / total.max(1) as f64, least: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::{Histogram, Range};

    fn of(values: &[f32]) -> Histogram {
        let mut histogram = Histogram::default();
        histogram.add(values);
        histogram
    }

    /// Mean squared error of rounding to `steps` steps of `clip`.
    fn error(values: &[f32], clip: f32, steps: u32) -> f64 {
        let step = f64::from(clip) / f64::from(steps);
        let of = |&value: &f32| (f64::from(value) - (f64::from(value.min(clip)) / step).round() * step).powi(2);
        values.iter().map(of).sum::<f64>() / values.len() as f64
    }

    /// Exponentially distributed values, some of them 0 after a ReLU.
    fn tail() -> Vec<f32> {
        (0..40_000u64)
            .map(|i| {
                let unit = (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32 / (1u32 << 24) as f32;
                (-(1.0 - unit).ln() - 0.3).max(0.0)
            })
            .collect()
    }

    #[test]
    fn the_best_range_is_near_that_of_a_plain_search() {
        let values = tail();
        for steps in [15, 255] {
            let Range { most, clip, clipped, .. } = of(&values).range(steps);
            assert_eq!(most, values.iter().copied().fold(0.0, f32::max));
            let best = (1..=400)
                .map(|i| most * i as f32 / 400.0)
                .min_by(|&a, &b| error(&values, a, steps).total_cmp(&error(&values, b, steps)))
                .unwrap();
            let (ours, theirs) = (error(&values, clip, steps), error(&values, best, steps));
            assert!(ours <= theirs * 1.05, "{steps} steps: {clip} has the error {ours:e}, {best} has {theirs:e}");
            let over = values.iter().filter(|&&value| value > clip).count() as f64 / values.len() as f64;
            assert!((clipped - over).abs() < 1e-3, "{clipped} is not {over}");
        }
        assert!(of(&values).range(15).clip < 0.7 * of(&values).range(15).most, "few steps clip");
    }

    #[test]
    fn even_values_are_not_clipped() {
        let values: Vec<f32> = (0..=10_000).map(|i| i as f32 / 10_000.0 * 3.0).collect();
        let range = of(&values).range(255);
        assert!(range.clip > 2.98 && range.clip <= 3.0, "{range:?}");
    }

    #[test]
    fn order_and_sharing_do_not_matter() {
        let values = tail();
        let (small, large): (Vec<f32>, Vec<f32>) = values.iter().partition(|&&value| value < 0.1);
        let whole = of(&values);
        assert_eq!(of(&small).join(of(&large)), whole);
        assert_eq!(of(&large).join(of(&small)), whole);
        let mut parts = Histogram::default();
        values.chunks(77).rev().for_each(|part| parts.add(part));
        assert_eq!(parts, whole);
    }

    #[test]
    fn nothing_seen_or_only_zeros() {
        assert_eq!(Histogram::default().range(255), Range { most: 0.0, clip: 0.0, clipped: 0.0, least: 0.0 });
        assert_eq!(of(&[0.0, -0.0, -1.0]).range(255).clip, 0.0);
        let range = of(&[1e-30, 0.0, 1e30]).range(255);
        assert!(range.most == 1e30 && range.clip > 0.9e30, "{range:?}");
    }
}
