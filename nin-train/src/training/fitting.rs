//! Chooses a recipe by the number, the size and the balance of the images.
//!
//! The numbers were decided on validation images of the sets of `dev/photo_sets.py`; `docs/own-images.md` has the
//! results.

use nin_core::Plan;

use super::optim::Optimizer;
use super::recipe::Recipe;
use crate::data::{Augment, Dataset, Splits};
use crate::network::normalization::normalized;

/// Classes count as uneven if the largest has at least this many times as many images as the smallest.
const UNEVEN: f64 = 1.5;
/// The least number of images, and of images of each class, from which some are held out for validation. Fewer images
/// would be too few to choose an epoch by, and would be missing in training.
const VALIDATED: usize = 100;
const VALIDATED_CLASS: usize = 7;
/// Images that are normalised together.
const GROUP: usize = 32;
/// The peak learning rate of SGD under batch normalisation.
const RATE: f32 = 0.05;
/// The least number of epochs without a better validation result before a run may end.
const LEAST_PATIENCE: u32 = 10;

impl Recipe {
    /// Returns a recipe for a network with this plan on these images, from which validation images are not split off
    /// yet: batch normalisation, and batches, epochs, augmentation, balance of the classes, validation and patience
    /// that suit them.
    ///
    /// It never mirrors images: mirrored arrows, letters and digits have another meaning.
    pub fn fitting(plan: &Plan, splits: &Splits) -> Recipe {
        let train = &splits.train;
        let images = train.len();
        let counts = present(train);
        let smallest = counts.iter().copied().min().unwrap_or(0);
        let validation = match images {
            // The data set's own are taken, whatever the share.
            _ if splits.validation.is_some() => 0.1,
            _ if images < VALIDATED || smallest < VALIDATED_CLASS => 0.0,
            ..10_000 => 0.15,
            _ => 0.1,
        };
        let batch = Recipe::usual_batch(images);
        let side = train.shape().rows.min(train.shape().columns);
        let mut recipe = Recipe {
            batch,
            balanced: are_uneven(train),
            // A sixteenth of the side: 4 of 64 pixels. Less than a pixel is none.
            augment: Augment { crop: (side / 16).min(16) as u8, ..Augment::default() },
            validation,
            ..Recipe::default()
        };
        // A layer of one pixel has one value an image: too few to normalise over in a last batch of one image.
        if normalized(plan).iter().all(|layer| layer.tensor.layer.output.pixels() > 1) {
            recipe.batch_norm = Some(GROUP);
            recipe.optimizer = Optimizer::Sgd { momentum: 0.9, decay: 5e-4, nesterov: true };
            recipe.lr = RATE;
        }
        // Smaller batches make more steps of an epoch, so fewer epochs are enough; but each step learns from less.
        let shorter = (batch as f64 / Recipe::default().batch as f64).cbrt();
        recipe.set_epochs((f64::from(Recipe::usual_epochs(images)) * shorter).round().max(1.0) as u32);
        recipe.patience = recipe.usual_patience();
        recipe
    }

    /// Returns the usual number of images in a step for this number of training images: 32 up to 2,000, 64 up to 8,000,
    /// 128 for more. Small sets would have few steps per epoch otherwise.
    pub fn usual_batch(images: usize) -> usize {
        match images {
            0..=2000 => 32,
            2001..=8000 => 64,
            _ => 128,
        }
    }

    /// Returns the usual patience: a third of the epochs, at least 10; 0 without validation images. The results get
    /// better until the end of a one-cycle schedule, so fewer would end runs too early.
    pub fn usual_patience(&self) -> u32 {
        if self.validation > 0.0 { (self.epochs / 3).max(LEAST_PATIENCE) } else { 0 }
    }
}

/// Returns whether some class has many more images than another.
pub fn are_uneven(images: &Dataset) -> bool {
    let counts = present(images);
    let ends = counts.iter().min().zip(counts.iter().max());
    ends.is_some_and(|(least, most)| *most as f64 >= UNEVEN * *least as f64)
}

/// Returns the number of images of each class that has some.
fn present(images: &Dataset) -> Vec<usize> {
    images.class_counts().into_iter().filter(|count| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use nin_core::{Plan, Shape, Spec};

    use super::{Recipe, are_uneven};
    use crate::data::{Dataset, Splits};

    const SHAPE: Shape = Shape { channels: 1, rows: 32, columns: 40 };

    fn splits(counts: &[usize]) -> Splits {
        let (train, test) = (images(counts), images(counts));
        Splits { train, validation: None, test, source: String::new(), is_subset: false, notice: None }
    }

    /// Returns black images, as many of each class as `counts` holds.
    fn images(counts: &[usize]) -> Dataset {
        let labels: Vec<u16> = counts.iter().enumerate().flat_map(|(i, n)| std::iter::repeat_n(i as u16, *n)).collect();
        let names = (0..counts.len()).map(|class| class.to_string()).collect();
        Dataset::new(vec![0; labels.len() * SHAPE.len()], SHAPE, labels, names).unwrap()
    }

    fn plan(line: &str) -> Plan {
        Plan::new(Spec::new(line))
    }

    #[test]
    fn the_recipe_follows_the_number_and_balance_of_images() {
        let plan = plan("1x32x40 nin3+1:8,8 gap fc2");
        let even = Recipe::fitting(&plan, &splits(&[300, 300]));
        assert_eq!((even.batch, even.balanced, even.augment.crop), (32, false, 2));
        assert!(even.validation > 0.0 && even.patience >= 10 && even.patience < even.epochs);
        assert!(even.batch_norm.is_some() && even.check().is_ok());

        let uneven = Recipe::fitting(&plan, &splits(&[200, 3]));
        assert!(
            uneven.balanced && uneven.validation == 0.0 && uneven.patience == 0,
            "3 images are too few to hold out"
        );
        let own = Splits { validation: Some(images(&[5, 5])), ..splits(&[20, 20]) };
        assert!(Recipe::fitting(&plan, &own).validation > 0.0, "the data set's own validation images are used");
        let few = Recipe::fitting(&plan, &splits(&[20, 20]));
        assert!(few.epochs > even.epochs && few.validation == 0.0 && few.check().is_ok());
        let many = Recipe::fitting(&plan, &splits(&[6000, 6000]));
        assert!(many.epochs < even.epochs && many.batch == 128);
    }

    #[test]
    fn classes_without_images_are_not_uneven() {
        assert!(!are_uneven(&images(&[50, 0, 60])) && are_uneven(&images(&[50, 0, 80])) && !are_uneven(&images(&[0])));
    }

    #[test]
    fn layers_of_one_pixel_are_not_normalised() {
        let recipe = Recipe::fitting(&plan("1x32x40 nin3+1:8 gap fc9,2"), &splits(&[30, 30]));
        assert_eq!((recipe.batch_norm, recipe.optimizer), (None, Recipe::default().optimizer));
    }
}
