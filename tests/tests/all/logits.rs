//! From logits to an answer: argmax, top k, probabilities.

use nin_core::{argmax, softmax, top_k};
use nin_tests::mix;
use nin_tests::random;
use proptest::prelude::*;

/// Returns logits with many ties, zeros of both signs, infinities and NaN.
fn logits() -> impl Strategy<Value = Vec<f32>> {
    let logit = prop_oneof![
        4 => (-4i8..4).prop_map(f32::from),
        4 => -30.0f32..30.0,
        1 => Just(-0.0),
        1 => Just(f32::NAN),
        1 => Just(-f32::NAN),
        1 => Just(f32::INFINITY),
        1 => Just(f32::NEG_INFINITY),
    ];
    prop::collection::vec(logit, 0..12)
}

/// Returns all classes, best first, in the documented order: a plain stable sort.
fn ranked(logits: &[f32]) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..logits.len()).collect();
    classes.sort_by(|&a, &b| match (logits[a].is_nan(), logits[b].is_nan()) {
        (false, false) => logits[b].partial_cmp(&logits[a]).unwrap(),
        (a, b) => a.cmp(&b),
    });
    classes
}

fn check_top<const N: usize>(logits: &[f32]) {
    let top = top_k::<N>(logits);
    let classes: Vec<usize> = top.iter().map(|&(class, _)| class).collect();
    assert_eq!(classes, ranked(logits)[..N.min(logits.len())], "top {N} of {logits:?}");
    assert!(top.iter().all(|&(class, logit)| logit.to_bits() == logits[class].to_bits()), "{logits:?}");
}

proptest! {
    #![proptest_config(random::config(4_000))]

    #[test]
    fn the_best_few(logits in logits()) {
        prop_assert_eq!(argmax(&logits), ranked(&logits).first().copied());
        check_top::<0>(&logits);
        check_top::<1>(&logits);
        check_top::<3>(&logits);
        check_top::<11>(&logits);
        check_top::<16>(&logits);
    }
}

#[test]
fn ties_go_to_the_first_and_nan_never_wins() {
    assert_eq!(argmax(&[]), None);
    assert_eq!(argmax(&[f32::NAN]), Some(0));
    assert_eq!(argmax(&[f32::NAN, f32::NEG_INFINITY, f32::NAN]), Some(1));
    assert_eq!(argmax(&[1.0, 3.0, 3.0, 2.0]), Some(1));
    assert_eq!(argmax(&[-0.0, 0.0]), Some(0));
    assert_eq!(top_k::<2>(&[0.0, f32::NAN, 0.0, 0.0])[..], [(0, 0.0), (2, 0.0)]);
}

/// Returns the largest difference between nin-core's probabilities and those of f64: absolute, and relative for those
/// over 10⁻⁶.
fn softmax_errors(logits: &[f32]) -> (f64, f64) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|&logit| (f64::from(logit) - f64::from(most)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    let mut got = logits.to_vec();
    softmax(&mut got);
    let total: f64 = got.iter().copied().map(f64::from).sum();
    assert!((total - 1.0).abs() < 1e-6, "{logits:?}: the probabilities of {got:?} sum to {total}");
    got.iter().zip(&powers).fold((0.0, 0.0), |(absolute, relative), (&got, power)| {
        let want = power / sum;
        let error = (f64::from(got) - want).abs();
        assert!(error.is_finite(), "{logits:?}: {got:?}");
        (f64::max(absolute, error), if want > 1e-6 { f64::max(relative, error / want) } else { relative })
    })
}

#[test]
fn softmax_is_as_good_as_it_says() {
    let (mut absolute, mut relative) = (0.0, 0.0);
    for n in 0..400_000u64 {
        let classes = 1 + mix::mix(n) % 12;
        let spread = [0.1, 1.0, 5.0, 20.0, 200.0, 1e5][(mix::mix(n) >> 32) as usize % 6];
        let logits: Vec<f32> = (0..classes).map(|i| (mix::signed(16 * (n + 1) + i) * spread) as f32).collect();
        let (one, other) = softmax_errors(&logits);
        (absolute, relative) = (f64::max(absolute, one), f64::max(relative, other));
    }
    println!("softmax is at most {absolute:.2e} off, {relative:.2e} of the probability");
    assert!((1e-5..1e-3).contains(&absolute), "{absolute:e}");
    assert!((1e-4..5e-3).contains(&relative), "{relative:e}");
}

#[test]
fn softmax_at_the_corners() {
    for classes in [1, 2, 3, 10, 1000] {
        let mut equal = vec![-7.5; classes];
        softmax(&mut equal);
        assert!(equal.iter().all(|&p| (p * classes as f32 - 1.0).abs() < 1e-6), "{classes} equal: {equal:?}");
    }
    let mut far = [0.0, -1e30, f32::NEG_INFINITY, 3.4e38];
    softmax(&mut far);
    assert_eq!(far, [0.0, 0.0, 0.0, 1.0]);
    softmax(&mut []);
}
