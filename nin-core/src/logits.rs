//! Functions of logits: the best class, the best N classes, probabilities.

use heapless::Vec;
use micromath::F32Ext;

/// Returns the class with the largest logit, the first one if several are equal; `None` if there is no logit.
/// Every number counts as larger than NaN.
pub fn argmax(logits: &[f32]) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for (class, &logit) in logits.iter().enumerate() {
        if best.is_none_or(|(_, most)| logit > most || (most.is_nan() && !logit.is_nan())) {
            best = Some((class, logit));
        }
    }
    best.map(|(class, _)| class)
}

/// Returns the `N` classes with the largest logits and these logits, largest first; all classes if there are fewer.
/// Equal logits are in the order of their classes, NaN is last.
pub fn top_k<const N: usize>(logits: &[f32]) -> Vec<(usize, f32), N> {
    let mut top: Vec<(usize, f32), N> = Vec::new();
    for (class, &logit) in logits.iter().enumerate() {
        let at = top.iter().position(|&(_, other)| logit > other || (other.is_nan() && !logit.is_nan()));
        let at = at.unwrap_or(top.len());
        if at == N {
            continue;
        }
        if top.is_full() {
            top.pop();
        }
        // There is room, and `at` is at most the length: this cannot fail.
        let _ = top.insert(at, (class, logit));
    }
    top
}

/// Turns logits into probabilities, in place. Use it to display results; use [`argmax`] to choose the class.
///
/// A logit of −∞ has the probability 0 if another one is finite. If a logit is NaN or +∞, or all are −∞, the result is
/// unspecified and may differ between processors.
///
/// The exponential is micromath's, which is small and fast. Compared with f64, the measured absolute error of a
/// probability is at most 0.0006, and the relative error of one above 10⁻⁶ at most 0.24 %; a test limits them to 0.001
/// and 0.5 %. Such an error can change the order of two nearly equal logits.
pub fn softmax(logits: &mut [f32]) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
    let mut sum = 0.0;
    for logit in logits.iter_mut() {
        *logit = F32Ext::exp(*logit - most);
        sum += *logit;
    }
    for logit in logits {
        *logit /= sum;
    }
}
