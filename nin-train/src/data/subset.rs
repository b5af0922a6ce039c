//! The part of Fashion-MNIST inside the program, which needs no download: the first 600 training and 100 test images of
//! each class, as one gzip stream of four IDX files in the order of [`idx::NAMES`].

use std::io;
use std::path::Path;

use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};

use super::idx::{self, Origin};
use super::{DataError, Dataset, DatasetKind, Result, Splits};

/// Training images of each class in the subset.
pub const TRAIN_PER_CLASS: usize = 600;
/// Test images of each class in the subset.
pub const TEST_PER_CLASS: usize = 100;

/// The bytes of the subset in the program: the result of [`make_subset`] for the whole Fashion-MNIST.
pub const BUNDLED: &[u8] = include_bytes!("../../data/fashion-mnist-subset.bin.gz");

/// Makes the bytes of the bundled subset from the whole data set; the result is deterministic.
///
/// # Errors
/// [`DataError::Invalid`] if a class has too few images or the images can't be written as IDX.
pub fn make_subset(original: &Splits) -> Result<Vec<u8>> {
    let train = first_of_each_class(&original.train, TRAIN_PER_CLASS)?;
    let test = first_of_each_class(&original.test, TEST_PER_CLASS)?;
    pack(&[train, test]).map_err(|error| DataError::Invalid(format!("the subset could not be packed: {error}")))
}

fn pack(parts: &[Dataset]) -> io::Result<Vec<u8>> {
    // No time, no name and "unknown system": the bytes depend only on the images.
    let mut gzip = GzBuilder::new().operating_system(255).write(Vec::new(), Compression::best());
    for part in parts {
        idx::write_images(part, &mut gzip)?;
        idx::write_labels(part, &mut gzip)?;
    }
    gzip.finish()
}

/// Returns the first `per_class` images of each class, in the original order.
fn first_of_each_class(dataset: &Dataset, per_class: usize) -> Result<Dataset> {
    let mut counts = vec![0; dataset.class_names().len()];
    let mut indices = Vec::with_capacity(per_class * counts.len());
    for i in 0..dataset.len() {
        let count = &mut counts[dataset.label(i)];
        if *count < per_class {
            *count += 1;
            indices.push(i);
        }
    }
    match counts.iter().position(|&count| count < per_class) {
        None => Ok(dataset.select(&indices)),
        Some(class) => Err(DataError::Invalid(format!(
            "class '{}' has only {} of the {per_class} images the subset needs",
            dataset.class_names()[class],
            counts[class]
        ))),
    }
}

/// Returns the bundled subset.
///
/// # Errors
/// As [`read_subset`]; only if the program was built with a broken file.
pub fn bundled() -> Result<Splits> {
    read_subset(BUNDLED, Path::new("bundled subset"))
}

/// Reads the bytes made by [`make_subset`]; `path` names them in messages.
///
/// # Errors
/// [`DataError::File`] if they are truncated, damaged or not a subset.
pub fn read_subset(bytes: &[u8], path: &Path) -> Result<Splits> {
    let origin = Origin { path, advice: "make it again with `nin-train data subset`" };
    let names = DatasetKind::FashionMnist.class_names();
    let mut gzip = GzDecoder::new(bytes);
    let mut part = || {
        let (shape, pixels) = idx::read_images(&mut gzip, origin)?;
        let labels = idx::read_labels(&mut gzip, origin)?;
        idx::assemble(shape, pixels, labels, origin, names)
    };
    let (train, test) = (part()?, part()?);
    idx::expect_end(&mut gzip, origin)?;
    if train.shape() != test.shape() {
        return Err(DataError::file(path, "has training and test images of different shapes", origin.advice));
    }
    let source =
        "The bundled part of Fashion-MNIST (MIT, Zalando SE): the first 600 training and 100 test images of each class."
            .to_owned();
    Ok(Splits { train, validation: None, test, source, is_subset: true, notice: None })
}
