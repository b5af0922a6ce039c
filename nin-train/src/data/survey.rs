//! Finds faults of a data set that are easily overlooked: the same picture twice, in two classes, or in training and
//! test; and pictures of one colour.

use std::collections::HashMap;

use rayon::prelude::*;

use super::{Part, Splits};

/// Two images are nearly the same if at most this many bits of their hashes differ, and [`ALIKE`] holds too.
const MOST_BITS: u32 = 10;

/// The least correlation of the pixels of two images that are nearly the same. Of 8 million pairs of Fashion-MNIST's
/// test images, which are alike as clothes are, none reaches it; a picture that was saved again at a lower quality
/// does.
const ALIKE: f64 = 0.99;

/// The most images that are compared with each other, since the time grows with their square: this is 450 million
/// pairs.
const MOST_COMPARED: usize = 30_000;

/// One image of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The part that it belongs to.
    pub part: Part,
    /// Its index there.
    pub index: usize,
}

/// Images of one part of a data set that are also among its training images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// The indices of those that are equal to a training image, in order.
    pub equal: Vec<usize>,
    /// The indices of those that are nearly equal to one, in order.
    pub near: Vec<usize>,
}

impl Shared {
    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.equal.len() + self.near.len()
    }

    /// Returns whether there is no such image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the indices of all of them, in order.
    pub fn indices(&self) -> Vec<usize> {
        let mut indices = [self.equal.as_slice(), &self.near].concat();
        indices.sort_unstable();
        indices
    }
}

/// The faults of a data set. Images are compared as the network reads them: cropped and resized.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survey {
    /// Groups of images with equal bytes, except those of one colour.
    pub equal: Vec<Vec<Place>>,
    /// Pairs of images that differ by little, as after another compression.
    pub near: Vec<[Place; 2]>,
    /// Whether near duplicates were not searched for, because there are more than 30,000 images.
    pub too_many: bool,
    /// Images of one colour.
    pub constant: Vec<Place>,
}

impl Survey {
    /// Returns the faults of a data set.
    pub fn of(splits: &Splits) -> Self {
        let images: Vec<(Place, &[u8])> = splits
            .parts()
            .flat_map(|(part, dataset)| {
                (0..dataset.len()).map(move |index| (Place { part, index }, dataset.image(index)))
            })
            .collect();
        let shape = splits.train.shape();
        let (rows, columns, channels) =
            (usize::from(shape.rows), usize::from(shape.columns), usize::from(shape.channels));
        let is_constant = |image: &[u8]| image.chunks_exact(channels).all(|pixel| pixel == &image[..channels]);
        let (constant, images): (Vec<_>, Vec<_>) = images.into_iter().partition(|(_, image)| is_constant(image));
        let mut groups: HashMap<&[u8], Vec<Place>> = HashMap::new();
        images.iter().for_each(|(place, image)| groups.entry(image).or_default().push(*place));
        // Of equal images only the first is compared, so that its near duplicates are reported once.
        let single: Vec<(Place, &[u8])> =
            images.iter().filter(|(place, image)| groups[image][0] == *place).copied().collect();
        let mut equal: Vec<_> = groups.into_values().filter(|group| group.len() > 1).collect();
        equal.sort();
        let too_many = single.len() > MOST_COMPARED;
        let near = if too_many { Vec::new() } else { near(&single, rows, columns, channels) };
        Self { equal, near, too_many, constant: constant.into_iter().map(|(place, _)| place).collect() }
    }

    /// Returns the images of `part` that are also among the training images, equal or nearly so.
    pub fn shared_with_training(&self, part: Part) -> Shared {
        let in_training = |places: &[Place]| places.iter().any(|place| place.part == Part::Training);
        let of_part =
            |places: &[Place]| places.iter().filter(|place| place.part == part).map(|place| place.index).collect();
        let equal: Vec<Vec<usize>> =
            self.equal.iter().filter(|group| in_training(group)).map(|group| of_part(group)).collect();
        let mut equal = equal.concat();
        // A pair stands for all images that are equal to one of the two.
        let groups: HashMap<&Place, &Vec<Place>> =
            self.equal.iter().flat_map(|group| group.iter().map(move |place| (place, group))).collect();
        let whole = |place: &Place| groups.get(place).map_or_else(|| vec![*place], |group| group.to_vec());
        let mut near: Vec<usize> = Vec::new();
        for pair in &self.near {
            let both = [whole(&pair[0]), whole(&pair[1])].concat();
            if in_training(&both) {
                near.extend::<Vec<usize>>(of_part(&both));
            }
        }
        equal.sort_unstable();
        near.sort_unstable();
        near.dedup();
        near.retain(|index| equal.binary_search(index).is_err());
        Shared { equal, near }
    }

    /// Returns the groups of equal images and the pairs of near ones that have more than one label.
    pub fn contradictions<'a>(&'a self, splits: &'a Splits) -> impl Iterator<Item = &'a [Place]> {
        let label = |place: &Place| splits.part(place.part).map(|dataset| dataset.label(place.index));
        let groups = self.equal.iter().map(Vec::as_slice).chain(self.near.iter().map(|pair| &pair[..]));
        groups.filter(move |group| group.iter().any(|place| label(place) != label(&group[0])))
    }
}

/// Returns all pairs of images that are nearly the same, in order.
fn near(images: &[(Place, &[u8])], rows: usize, columns: usize, channels: usize) -> Vec<[Place; 2]> {
    let hashes: Vec<u64> =
        images.par_iter().map(|(_, image)| difference_hash(image, rows, columns, channels)).collect();
    let with_later = |first: usize| {
        let hashes = &hashes;
        (first + 1..images.len())
            .filter(move |&second| (hashes[first] ^ hashes[second]).count_ones() <= MOST_BITS)
            .filter(move |&second| correlation(images[first].1, images[second].1) >= ALIKE)
            .map(move |second| [images[first].0, images[second].0])
    };
    (0..images.len()).into_par_iter().flat_map_iter(with_later).collect()
}

/// Returns a perceptual hash: the image as 8 rows of 9 grey values, and a bit for each two neighbours in a row, set if
/// the right one is lighter.
fn difference_hash(image: &[u8], rows: usize, columns: usize, channels: usize) -> u64 {
    const ROWS: usize = 8;
    const COLUMNS: usize = 9;
    // The part of `side` pixels that cell `i` of `cells` covers, at least one.
    let part = |i: usize, cells: usize, side: usize| {
        let start = i * side / cells;
        start..((i + 1) * side / cells).max(start + 1)
    };
    let mut hash = 0;
    for y in 0..ROWS {
        let cell = |x: usize| {
            let (across, down) = (part(x, COLUMNS, columns), part(y, ROWS, rows));
            let count = across.len() * down.len();
            let sum: u64 = down
                .flat_map(|row| {
                    &image[(row * columns + across.start) * channels..(row * columns + across.end) * channels]
                })
                .map(|&value| u64::from(value))
                .sum();
            sum as f64 / count as f64
        };
        let cells: [f64; COLUMNS] = std::array::from_fn(cell);
        for pair in cells.windows(2) {
            hash = hash << 1 | u64::from(pair[1] > pair[0]);
        }
    }
    hash
}

/// Returns the correlation of the values of two images, -1 to 1.
fn correlation(a: &[u8], b: &[u8]) -> f64 {
    let count = a.len() as f64;
    let (mut sum_a, mut sum_b, mut sum_aa, mut sum_bb, mut sum_ab) = (0u64, 0u64, 0u64, 0u64, 0u64);
    for (&x, &y) in a.iter().zip(b) {
        let (x, y) = (u64::from(x), u64::from(y));
        sum_a += x;
        sum_b += y;
        sum_aa += x * x;
        sum_bb += y * y;
        sum_ab += x * y;
    }
    let [mean_a, mean_b, aa, bb, ab] = [sum_a, sum_b, sum_aa, sum_bb, sum_ab].map(|sum| sum as f64 / count);
    (ab - mean_a * mean_b) / ((aa - mean_a * mean_a) * (bb - mean_b * mean_b)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::{Place, Shared, Survey, correlation, difference_hash};
    use crate::data::Part;

    #[test]
    fn a_near_pair_stands_for_all_images_equal_to_it() {
        let [training, test] = [Part::Training, Part::Test].map(|part| move |index: usize| Place { part, index });
        let survey = Survey {
            equal: vec![vec![training(3), test(8)], vec![test(2), test(5)], vec![training(1), training(2)]],
            near: vec![[training(0), test(2)], [training(7), test(8)], [test(0), test(1)]],
            ..Survey::default()
        };
        let shared = survey.shared_with_training(Part::Test);
        assert_eq!(shared, Shared { equal: vec![8], near: vec![2, 5] });
        assert_eq!((shared.len(), shared.indices()), (3, vec![2, 5, 8]));
        assert!(survey.shared_with_training(Part::Validation).is_empty());
    }

    #[test]
    fn a_hash_has_a_bit_for_each_step_to_the_right() {
        let rising: Vec<u8> = (0..8 * 9).map(|i| (i % 9) as u8).collect();
        let falling: Vec<u8> = rising.iter().map(|value| 8 - value).collect();
        assert_eq!(difference_hash(&rising, 8, 9, 1), u64::MAX);
        assert_eq!(difference_hash(&falling, 8, 9, 1), 0);
        // The first row rises, the others fall; three channels, four times as large.
        let mut mixed = falling;
        mixed[..9].copy_from_slice(&rising[..9]);
        let large: Vec<u8> = (0..32 * 36).flat_map(|i| [mixed[i / 36 / 4 * 9 + i % 36 / 4]; 3]).collect();
        assert_eq!(difference_hash(&large, 32, 36, 3), 0xff << 56);
        // Images smaller than the grid.
        assert_eq!(difference_hash(&[1, 2], 1, 2, 1), difference_hash(&[1, 2, 1, 2], 2, 2, 1));
    }

    #[test]
    fn correlation_is_that_of_the_textbook() {
        assert!((correlation(&[1, 2, 3, 4], &[2, 4, 6, 8]) - 1.0).abs() < 1e-12);
        assert!((correlation(&[1, 2, 3, 4], &[8, 6, 4, 2]) + 1.0).abs() < 1e-12);
        // By hand: deviations (-1, 0, 1) and (-2, 1, 1), so 3 / sqrt(2 * 6).
        assert!((correlation(&[1, 2, 3], &[0, 3, 3]) - 3.0 / 12f64.sqrt()).abs() < 1e-12);
    }
}
