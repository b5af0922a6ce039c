//! Temperature scaling (Guo, Pleiss, Sun and Weinberger 2017), and the expected calibration error.

/// The bounds of a temperature: beyond them there is nothing left to calibrate.
const COLDEST: f64 = 0.05;
const HOTTEST: f64 = 20.0;
/// Halvings of the interval between the bounds: enough for all digits of an f32.
const HALVINGS: usize = 60;
/// Bins of the expected calibration error, of equal width, as in the paper.
const BINS: usize = 15;

/// Returns the temperature with which the softmax of the logits has the smallest mean cross-entropy, between 0.05 and
/// 20; 1 if there are no images. The order of the images does not change the largest logit, so answers stay as they
/// are.
///
/// The cross-entropy is a convex function of the inverse temperature, and its derivative is the mean difference between
/// the expected logit and the label's logit.
pub fn temperature(logits: &[&[f32]], labels: &[usize]) -> f32 {
    if logits.is_empty() {
        return 1.0;
    }
    let slope = |inverse: f64| -> f64 {
        let of_image = |(row, &label): (&&[f32], &usize)| {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let (mut sum, mut expected) = (0.0, 0.0);
            for &logit in *row {
                let power = (inverse * f64::from(logit - most)).exp();
                sum += power;
                expected += power * f64::from(logit);
            }
            expected / sum - row.get(label).map_or(0.0, |&logit| f64::from(logit))
        };
        logits.iter().zip(labels).map(of_image).sum()
    };
    let (mut low, mut high) = (1.0 / HOTTEST, 1.0 / COLDEST);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if slope(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    (2.0 / (low + high)) as f32
}

/// Returns the expected calibration error of answers, each with its probability and whether it is right: the mean over
/// all answers of the difference between probability and accuracy in 15 bins of equal width. 0 if there are none.
pub fn calibration_error(answers: impl IntoIterator<Item = (f64, bool)>) -> f64 {
    let (mut bins, mut all) = ([(0.0, 0usize); BINS], 0usize);
    for (probability, right) in answers {
        let bin = &mut bins[((probability * BINS as f64) as usize).min(BINS - 1)];
        *bin = (bin.0 + probability, bin.1 + usize::from(right));
        all += 1;
    }
    bins.iter().map(|&(probability, right)| (probability - right as f64).abs()).sum::<f64>() / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::{calibration_error, temperature};

    #[test]
    fn the_temperature_of_known_probabilities() {
        // Of 100 images with logits (2, 0), 75 have the first label: the softmax must be 3 : 1, so 2 / T = ln 3.
        let rows = vec![&[2.0, 0.0][..]; 100];
        let labels: Vec<usize> = (0..100).map(|i| usize::from(i % 4 == 0)).collect();
        assert!((f64::from(temperature(&rows, &labels)) - 2.0 / 3f64.ln()).abs() < 1e-6);
        // All right: near the lower bound, where the other class has no part left in the sum.
        assert!((0.05..0.06).contains(&temperature(&rows, &[0; 100])));
        // As often wrong as right: the upper bound.
        let half: Vec<usize> = (0..100).map(|i| i % 2).collect();
        assert!((temperature(&rows, &half) - 20.0).abs() < 1e-4);
        assert_eq!(temperature(&[], &[]), 1.0);
    }

    #[test]
    fn the_error_is_the_distance_between_probability_and_accuracy() {
        // One bin: 0.9 against 3 of 4; another: 0.5 against 1 of 2.
        let answers = [(0.9, true), (0.9, true), (0.9, true), (0.9, false), (0.5, true), (0.5, false)];
        assert!((calibration_error(answers) - 0.15 * 4.0 / 6.0).abs() < 1e-12);
        assert_eq!(calibration_error([(1.0, true)]), 0.0);
        assert_eq!(calibration_error([]), 0.0);
    }
}
