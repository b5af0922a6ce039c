//! The distillation loss.

use serde::{Deserialize, Serialize};

/// The hyperparameters of distillation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Distill {
    /// The teacher's share of the loss, above 0 and at most 1; the labels have the rest.
    pub share: f32,
    /// The temperature, above 0: logits are divided by it before the softmax. A higher one gives unlikely classes more
    /// weight.
    pub temperature: f32,
}

impl Default for Distill {
    /// Returns the values commonly used to compare distillation methods (Tian, Krishnan, Isola 2020).
    fn default() -> Distill {
        Distill { share: 0.9, temperature: 4.0 }
    }
}

impl Distill {
    /// Returns the teacher's part of one image's loss; its gradient for the student's logits, times `scale`, is added
    /// to `d_logits`.
    ///
    /// Sums are in f64, in the order of the classes.
    pub(crate) fn loss(&self, logits: &[f32], teacher: &[f32], scale: f32, d_logits: &mut [f32]) -> f64 {
        let (share, temperature) = (f64::from(self.share), f64::from(self.temperature));
        let log_mass = |logits: &[f32]| {
            let largest = logits.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
            let sum: f64 = logits.iter().map(|logit| (f64::from(logit - largest) / temperature).exp()).sum();
            f64::from(largest) / temperature + sum.ln()
        };
        let (student_mass, teacher_mass) = (log_mass(logits), log_mass(teacher));
        let mut divergence = 0.0;
        for ((d, z), v) in d_logits.iter_mut().zip(logits).zip(teacher) {
            let log_q = f64::from(*z) / temperature - student_mass;
            let log_p = f64::from(*v) / temperature - teacher_mass;
            divergence += log_p.exp() * (log_p - log_q);
            *d += (share * temperature * (log_q.exp() - log_p.exp()) * f64::from(scale)) as f32;
        }
        share * temperature * temperature * divergence
    }
}

#[cfg(test)]
mod tests {
    use super::Distill;

    fn softmax(logits: &[f64], temperature: f64) -> Vec<f64> {
        let exp: Vec<f64> = logits.iter().map(|logit| (logit / temperature).exp()).collect();
        let sum: f64 = exp.iter().sum();
        exp.iter().map(|value| value / sum).collect()
    }

    fn naive(distill: Distill, student: &[f64], teacher: &[f64]) -> f64 {
        let temperature = f64::from(distill.temperature);
        let [p, q] = [teacher, student].map(|logits| softmax(logits, temperature));
        let divergence: f64 = p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum();
        f64::from(distill.share) * temperature.powi(2) * divergence
    }

    #[test]
    fn the_loss_and_its_gradient_are_those_of_the_formula() {
        let [student, teacher] = [[1.5f32, -2.0, 0.25, 4.0], [3.0, -1.0, 2.0, 1.0]];
        for (share, temperature) in [(0.9, 4.0), (0.5, 1.0), (1.0, 2.5)] {
            let distill = Distill { share, temperature };
            let mut gradient = [1.0; 4];
            let loss = distill.loss(&student, &teacher, 0.5, &mut gradient);
            let (z, v) = (student.map(f64::from), teacher.map(f64::from));
            assert!((loss - naive(distill, &z, &v)).abs() < 1e-6, "{loss}");
            for class in 0..4 {
                let [mut up, mut down] = [z; 2];
                (up[class], down[class]) = (z[class] + 1e-5, z[class] - 1e-5);
                let slope = (naive(distill, &up, &v) - naive(distill, &down, &v)) / 2e-5;
                let found = f64::from(gradient[class]) - 1.0;
                assert!((found - 0.5 * slope).abs() < 1e-6, "{found} {slope}");
            }
        }
    }

    #[test]
    fn who_says_what_the_teacher_says_has_nothing_to_learn() {
        let logits = [700.0, -700.0, 12.0];
        let mut gradient = [0.0; 3];
        assert!(Distill::default().loss(&logits, &logits, 1.0, &mut gradient).abs() < 1e-9);
        assert!(gradient.iter().all(|value| value.abs() < 1e-6));
    }
}
