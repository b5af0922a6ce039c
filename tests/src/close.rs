//! Comparison of floating-point results.

use std::fmt;

/// The place where two lists of numbers differ most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worst {
    /// The index.
    pub index: usize,
    /// The computed value.
    pub got: f64,
    /// The expected value.
    pub want: f64,
    /// The distance, measured in `scale`; infinite if either value is not a number.
    pub error: f64,
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Worst { index, got, want, error } = self;
        write!(f, "number {index} is {got}, not {want}: relative error {error:.2e}")
    }
}

/// Returns the largest difference between `got` and `want`, relative to `scale`.
///
/// # Panics
///
/// If the lists differ in length.
pub fn worst(got: &[impl Into<f64> + Copy], want: &[impl Into<f64> + Copy], scale: f64) -> Worst {
    assert_eq!(got.len(), want.len(), "{} numbers where there should be {}", got.len(), want.len());
    let mut worst = Worst { index: 0, got: 0.0, want: 0.0, error: 0.0 };
    for (index, (&got, &want)) in got.iter().zip(want).enumerate() {
        let (got, want) = (got.into(), want.into());
        let error = if got == want { 0.0 } else { (got - want).abs() / scale };
        let error = if error.is_nan() || !scale.is_finite() && got != want { f64::INFINITY } else { error };
        if error > worst.error {
            worst = Worst { index, got, want, error };
        }
    }
    worst
}

/// Returns the largest magnitude among `values`: the usual scale.
pub fn magnitude(values: &[impl Into<f64> + Copy]) -> f64 {
    values.iter().fold(0.0, |most, &value| f64::max(most, value.into().abs()))
}

/// Returns whether every number of `got` is within `tolerance` of the same number of `want`, relative to the largest of
/// `want`.
pub fn is_close(got: &[impl Into<f64> + Copy], want: &[impl Into<f64> + Copy], tolerance: f64) -> bool {
    worst(got, want, magnitude(want)).error <= tolerance
}

/// Fails the test unless [`is_close`], and prints the worst place.
#[track_caller]
pub fn assert_close(what: &str, got: &[impl Into<f64> + Copy], want: &[impl Into<f64> + Copy], tolerance: f64) {
    assert_close_in_scale(what, got, want, tolerance, magnitude(want));
}

/// Fails the test unless the lists are close relative to a given scale, for sums whose terms cancel: see
/// [`Step::scale`](crate::oracle::Step::scale).
#[track_caller]
pub fn assert_close_in_scale(
    what: &str,
    got: &[impl Into<f64> + Copy],
    want: &[impl Into<f64> + Copy],
    tolerance: f64,
    scale: f64,
) {
    let worst = worst(got, want, scale);
    assert!(worst.error <= tolerance, "{what}: {worst}, more than {tolerance:.0e} of {scale:.3e}");
}

/// Fails the test unless both lists are equal bit for bit (0 and −0 differ; a NaN equals itself).
#[track_caller]
pub fn assert_same_bits(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}: {} numbers where there should be {}", got.len(), want.len());
    for (index, (got, want)) in got.iter().zip(want).enumerate() {
        assert_eq!(got.to_bits(), want.to_bits(), "{what}: number {index} is {got:e}, not {want:e}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_count() {
        for off in [1e-3, -1e-3] {
            assert!(is_close(&[1.0 + off], &[1.0], 1.1e-3));
            assert!(!is_close(&[1.0 + off], &[1.0], 0.9e-3));
            assert!(is_close(&[-1.0 + off], &[-1.0], 1.1e-3));
            assert!(!is_close(&[-1.0 + off], &[-1.0], 0.9e-3));
        }
    }

    #[test]
    fn one_wrong_number_among_many_is_found() {
        let want: Vec<f64> = (0..100).map(f64::from).collect();
        for index in 0..100 {
            let mut got = want.clone();
            got[index] -= 1.0;
            assert!(!is_close(&got, &want, 1e-3));
            assert_eq!(worst(&got, &want, 99.0).index, index);
        }
    }

    #[test]
    fn nothing_is_close_to_nan_or_infinity() {
        for (got, want) in [(f64::NAN, 1.0), (1.0, f64::NAN), (f64::NAN, f64::NAN), (f64::INFINITY, 1.0)] {
            assert!(!is_close(&[got], &[want], 1e30), "{got} {want}");
        }
        assert!(!is_close(&[1.0], &[f64::INFINITY], 1e30));
        assert!(!is_close(&[f64::NEG_INFINITY], &[f64::INFINITY], 1e30));
        assert!(!is_close(&[f64::INFINITY, 1.0], &[f64::INFINITY, 2.0], 1e30), "an infinite scale forgives nothing");
    }

    #[test]
    fn where_all_should_be_zero_nothing_else_will_do() {
        assert!(is_close(&[0.0, -0.0], &[0.0, 0.0], 0.0));
        assert!(!is_close(&[1e-300, 0.0], &[0.0, 0.0], 1e30));
    }

    #[test]
    #[should_panic(expected = "2 numbers where there should be 3")]
    fn lengths_must_agree() {
        is_close(&[1.0, 2.0], &[1.0, 2.0, 3.0], 1.0);
    }

    #[test]
    #[should_panic(expected = "logits: number 1 is 2, not 2.5: relative error 2.00e-1, more than 1e-5 of 2.500e0")]
    fn a_failure_says_where() {
        assert_close("logits", &[1.0, 2.0], &[1.0, 2.5], 1e-5);
    }

    #[test]
    fn bits_tell_zeros_apart() {
        assert_same_bits("NaN", &[f32::NAN], &[f32::NAN]);
        assert!(std::panic::catch_unwind(|| assert_same_bits("zeros", &[0.0], &[-0.0])).is_err());
        assert!(std::panic::catch_unwind(|| assert_same_bits("lengths", &[0.0], &[0.0, 0.0])).is_err());
    }
}
