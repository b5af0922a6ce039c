//! What several tests need.
#![allow(dead_code)] // each test uses its part

use nin_train::Source;

/// Returns whether two numbers differ by at most `bound`, relative to the larger.
pub fn is_close(a: f64, b: f64, bound: f64) -> bool {
    (a - b).abs() <= bound * a.abs().max(b.abs())
}

/// Images in memory, as large as the network's input, channels last.
pub struct Images {
    pub values: Vec<f32>,
    pub labels: Vec<usize>,
    pub classes: usize,
}

impl Images {
    pub fn new(values: Vec<f32>, labels: Vec<usize>, classes: usize) -> Images {
        Images { values, labels, classes }
    }

    pub fn image(&self, index: usize) -> &[f32] {
        let len = self.values.len() / self.labels.len();
        &self.values[index * len..(index + 1) * len]
    }
}

impl Source for Images {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn sample(&self, index: usize, image: &mut [f32], target: &mut [f32]) -> usize {
        image.copy_from_slice(self.image(index));
        nin_train::engine::loss::target(self.labels[index], 0.0, target);
        self.labels[index]
    }
}
