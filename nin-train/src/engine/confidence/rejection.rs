//! Thresholds below which an image is rejected.

/// The answer to an image: its score, and whether the most likely class is right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// The score; larger means more like the training images.
    pub score: f32,
    /// Whether the answer is right. It is never right for an image that belongs to none of the classes.
    pub right: bool,
}

/// Returns the largest threshold that accepts at least the share `keep` of the right answers; `None` if none is right
/// or has a finite score.
pub fn threshold(answers: &[Judged], keep: f64) -> Option<f32> {
    let mut scores: Vec<f32> = answers.iter().filter(|answer| answer.right).map(|answer| answer.score).collect();
    scores.sort_by(f32::total_cmp);
    // The tolerance is for products such as 0.95 × 20, which is 19 but not in floats.
    let kept = ((keep * scores.len() as f64 - 1e-9).ceil().max(1.0) as usize).min(scores.len());
    scores.get(scores.len().checked_sub(kept)?).copied().filter(|score| score.is_finite())
}

/// The images that a threshold accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The threshold.
    pub threshold: f32,
    /// The number of images that it accepts.
    pub accepted: usize,
    /// The number of accepted images with the right answer.
    pub right: usize,
}

impl Point {
    /// Counts the images that a threshold accepts.
    pub fn at(answers: &[Judged], threshold: f32) -> Self {
        let accepted = || answers.iter().filter(|answer| answer.score >= threshold);
        Self { threshold, accepted: accepted().count(), right: accepted().filter(|answer| answer.right).count() }
    }
}

/// Returns, for each share of right answers to keep, the threshold and the images that it accepts. Shares for which
/// there is no threshold are left out.
pub fn curve(answers: &[Judged], shares: &[f64]) -> Vec<Point> {
    shares.iter().filter_map(|&keep| Some(Point::at(answers, threshold(answers, keep)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Judged, Point, curve, threshold};

    #[test]
    fn a_threshold_keeps_the_share_and_no_more_than_needed() {
        // Scores 1 to 20 are right, and each of them plus a half is wrong.
        let right = (1..=20u8).map(|score| Judged { score: score.into(), right: true });
        let wrong = (1..=20u8).map(|score| Judged { score: f32::from(score) + 0.5, right: false });
        let answers: Vec<Judged> = right.chain(wrong).collect();
        assert_eq!(threshold(&answers, 0.95), Some(2.0));
        assert_eq!(threshold(&answers, 1.0), Some(1.0));
        assert_eq!(threshold(&answers, 0.94), Some(2.0));
        assert_eq!(threshold(&answers, 0.5), Some(11.0));
        assert_eq!(threshold(&answers, 1e-6), Some(20.0));
        assert_eq!(threshold(&[], 0.95), None);
        assert_eq!(threshold(&[Judged { score: f32::NEG_INFINITY, right: true }], 0.95), None);
        let points = curve(&answers, &[0.5]);
        assert_eq!(points, [Point { threshold: 11.0, accepted: 20, right: 10 }]);
    }
}
