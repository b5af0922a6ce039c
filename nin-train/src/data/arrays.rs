//! Data sets from arrays.

use std::fmt::Display;

use ndarray::{ArrayView1, ArrayView4, CowArray, Ix4};

use super::{DataError, Dataset, Result, Shape};
use crate::support::text::grouped;

impl Dataset {
    /// Makes a data set from an array of images (images × rows × columns × channels, 0 to 255) and their labels,
    /// indices into `class_names`. Copies the images once, whatever their order in memory.
    ///
    /// ```
    /// use ndarray::{Array4, array};
    /// use nin_train::data::Dataset;
    ///
    /// let images = Array4::from_shape_fn((2, 4, 4, 1), |(image, row, ..)| (100 * image + row) as u8);
    /// let data = Dataset::from_arrays(images.view(), array![0i64, 1].view(), &["dark", "bright"])?;
    /// assert_eq!(data.images(), images);
    /// # Ok::<(), nin_train::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Invalid`] if the images have no pixels or more than 65,535 rows, columns or channels, if the
    /// numbers of labels and images differ, or if a label is not below the number of classes.
    pub fn from_arrays<L>(
        images: ArrayView4<'_, u8>,
        labels: ArrayView1<'_, L>,
        class_names: &[impl AsRef<str>],
    ) -> Result<Self>
    where
        L: Copy + Display + TryInto<u16>,
    {
        let labels = indices(labels, class_names.len()).map_err(DataError::Invalid)?;
        let names = class_names.iter().map(|name| name.as_ref().to_owned()).collect();
        assemble(images.into(), labels, names)
    }
}

/// Makes a data set from an array (images × rows × columns × channels) and labels. An owned array in row-major order is
/// not copied.
pub(super) fn assemble(images: CowArray<'_, u8, Ix4>, labels: Vec<u16>, class_names: Vec<String>) -> Result<Dataset> {
    let shape = shape(&images)?;
    if images.dim().0 != labels.len() {
        let (images, labels) = (grouped(images.dim().0 as u64), grouped(labels.len() as u64));
        return Err(DataError::Invalid(format!("there are {labels} labels for {images} images")));
    }
    let bytes = if images.is_owned() && images.is_standard_layout() {
        images.into_owned().into_raw_vec_and_offset().0
    } else {
        images.iter().copied().collect()
    };
    Dataset::new(bytes, shape, labels, class_names)
}

/// Returns the shape of each image of an array.
fn shape(images: &CowArray<'_, u8, Ix4>) -> Result<Shape> {
    let (_, rows, columns, channels) = images.dim();
    match [channels, rows, columns].map(u16::try_from) {
        [Ok(channels), Ok(rows), Ok(columns)] => Ok(Shape { channels, rows, columns }),
        _ => Err(DataError::Invalid(format!(
            "images of {channels}x{rows}x{columns} have a side above 65,535: give images × rows × columns × channels"
        ))),
    }
}

/// Returns the labels as indices of `classes` classes, or a sentence about the first invalid one.
pub(super) fn indices<L>(labels: ArrayView1<'_, L>, classes: usize) -> std::result::Result<Vec<u16>, String>
where
    L: Copy + Display + TryInto<u16>,
{
    let index = |(image, label): (usize, &L)| match (*label).try_into() {
        Ok(index) if usize::from(index) < classes => Ok(index),
        _ => Err(format!(
            "label {label} of image {} is not one of 0 to {}",
            grouped(image as u64),
            grouped(classes.saturating_sub(1) as u64)
        )),
    };
    labels.iter().enumerate().map(index).collect()
}
