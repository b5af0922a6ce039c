//! Writes test images for a board: a file that a firmware reads in place ([`nin_core::TestImages`]).

use nin_core::TestImages;

use super::{DataError, Dataset, Result, Shape, fit};

/// Returns a file of the images with these indices, resized to the shape `to` by [`fit`](fn@fit), with their labels.
///
/// # Errors
/// [`DataError::Invalid`] if there are more than 65,535 images, or if their number of channels cannot become that of
/// `to`.
///
/// # Panics
/// If an index is not below [`Dataset::len`].
pub fn test_images(dataset: &Dataset, indices: &[usize], to: Shape) -> Result<Vec<u8>> {
    let (from, most) = (dataset.shape(), usize::from(u16::MAX));
    if indices.len() > most {
        return Err(DataError::Invalid(format!("a file of test images holds at most {most}, not {}", indices.len())));
    }
    if from.channels != to.channels && !(matches!(from.channels, 1 | 3) && matches!(to.channels, 1 | 3)) {
        let problem = format!("images of {} channels cannot become images of {}", from.channels, to.channels);
        return Err(DataError::Invalid(problem));
    }
    // A label is an index into at most 65,536 classes.
    let labels = indices.iter().map(|&index| dataset.label(index) as u16);
    let mut file: Vec<u8> = TestImages::header(to, labels).collect();
    indices.iter().for_each(|&index| file.extend_from_slice(&fit(dataset.image(index), from, to)));
    Ok(file)
}

/// Returns the indices of up to `count` images: the first of each class, then the second of each class, and so on.
pub fn spread(dataset: &Dataset, count: usize) -> Vec<usize> {
    let mut seen = vec![0usize; dataset.class_names().len()];
    let mut order: Vec<(usize, usize, usize)> = (0..dataset.len())
        .map(|index| {
            let label = dataset.label(index);
            seen[label] += 1;
            (seen[label], label, index)
        })
        .collect();
    order.sort_unstable();
    order.into_iter().take(count).map(|(_, _, index)| index).collect()
}
