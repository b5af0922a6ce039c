//! Random images of a network's size: reading a data set is not what is measured.

use nin_core::Plan;
use nin_train::Source;
use nin_train::engine::loss;
use nin_train::support::random::{Purpose, Stream};

/// Different images; a batch holds them again and again.
const DISTINCT: usize = 8;

/// A batch of random images.
pub struct RandomImages {
    values: Vec<f32>,
    count: usize,
    classes: usize,
}

impl RandomImages {
    /// `count` images for a network.
    pub fn new(plan: &Plan, count: usize) -> Self {
        let mut stream = Stream::new(1, Purpose::Order, 0, 0);
        let values = (0..DISTINCT * plan.shape(0).len()).map(|_| stream.unit()).collect();
        Self { values, count, classes: plan.classes() }
    }
}

impl Source for RandomImages {
    fn len(&self) -> usize {
        self.count
    }

    fn sample(&self, index: usize, image: &mut [f32], target: &mut [f32]) -> usize {
        let len = image.len();
        image.copy_from_slice(&self.values[index % DISTINCT * len..][..len]);
        let label = index % self.classes;
        loss::target(label, 0.0, target);
        label
    }
}
