//! Softmax cross-entropy.

/// Writes the target distribution of a label: 1 − `smoothing` on the label and `smoothing` spread over all classes,
/// the label included (PyTorch's `label_smoothing`; Szegedy et al. 2016).
pub fn target(label: usize, smoothing: f32, target: &mut [f32]) {
    target.fill(smoothing / target.len() as f32);
    if let Some(value) = target.get_mut(label) {
        *value += 1.0 - smoothing;
    }
}

/// Returns the cross-entropy between `target` and the softmax of `logits`, −Σ t·ln p, of one image; and its gradient,
/// times `scale`, into `d_logits` if that is not empty.
///
/// Sums run in f64, in the order of the classes.
pub fn cross_entropy(logits: &[f32], target: &[f32], scale: f32, d_logits: &mut [f32]) -> f64 {
    let largest = logits.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    let exp = |logit: f32| f64::from(logit - largest).exp();
    let sum: f64 = logits.iter().map(|logit| exp(*logit)).sum();
    let mass: f64 = target.iter().map(|t| f64::from(*t)).sum();
    for ((d, logit), t) in d_logits.iter_mut().zip(logits).zip(target) {
        *d = ((mass * exp(*logit) / sum - f64::from(*t)) * f64::from(scale)) as f32;
    }
    let log = sum.ln();
    logits.iter().zip(target).map(|(logit, t)| f64::from(*t) * (log - f64::from(logit - largest))).sum()
}
