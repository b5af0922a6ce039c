//! Labelled images in memory, as the trainer reads them.

use nin_train::Source;

use crate::oracle::Map;

/// Images, each with a label.
pub struct Images {
    /// The images.
    pub images: Vec<Map<f32>>,
    /// The class of each.
    pub labels: Vec<usize>,
    /// The number of classes.
    pub classes: usize,
}

impl Source for Images {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn sample(&self, index: usize, image: &mut [f32], target: &mut [f32]) -> usize {
        image.copy_from_slice(&self.images[index].values);
        assert_eq!(target.len(), self.classes);
        target.fill(0.0);
        target[self.labels[index]] = 1.0;
        self.labels[index]
    }
}
