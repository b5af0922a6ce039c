//! Data sets in NumPy's `.npz` archives.
//!
//! The arrays have the names that Keras uses (`x_train`, `y_train`, `x_test`, `y_test`, and `x_val`, `y_val`) or those
//! of MedMNIST (`train_images`, `train_labels`, `val_…`, `test_…`). Images are `uint8`: N × rows × columns, N × rows ×
//! columns × channels, or N × channels × rows × columns, with 1 or 3 channels. Labels are integers, N or N × 1. An
//! array of text, `class_names`, may name the classes; without it the classes are named by number. `docs/arrays.md`
//! describes the format.
//!
//! Files are not trusted: the size in a header is compared with the actual number of bytes before memory is allocated.

mod archive;
mod layout;
mod stored;

use std::path::Path;

use ndarray::Array4;

use super::arrays::assemble;
use super::{DataError, Dataset, Result, Splits};
use crate::support::text::grouped;
use archive::Archive;
use layout::channels_last;
use stored::Place;

/// The names of the arrays of images and of labels.
type Pair = [&'static str; 2];

/// The names of all arrays of a data set.
struct Keys {
    train: Pair,
    validation: Pair,
    test: Pair,
}

/// The names that Keras and MedMNIST use.
const KEYS: [Keys; 2] = [
    Keys { train: ["x_train", "y_train"], validation: ["x_val", "y_val"], test: ["x_test", "y_test"] },
    Keys {
        train: ["train_images", "train_labels"],
        validation: ["val_images", "val_labels"],
        test: ["test_images", "test_labels"],
    },
];

/// The array that names the classes.
const CLASS_NAMES: &str = "class_names";

impl Keys {
    fn pairs(&self) -> [Pair; 3] {
        [self.train, self.validation, self.test]
    }

    /// Returns the names that this archive uses.
    fn of(archive: &Archive<'_>) -> Result<&'static Keys> {
        let used = |keys: &&Keys| keys.pairs().concat().iter().any(|key| archive.has(key));
        let found: Vec<&Keys> = KEYS.iter().filter(used).collect();
        match found[..] {
            [keys] => Ok(keys),
            [] => Err(DataError::file(
                archive.path(),
                format!("has no images with a known name: {}", archive.listed()),
                "name its arrays x_train, y_train, x_test, y_test (Keras) or train_images, train_labels, … (MedMNIST)",
            )),
            _ => {
                let (path, all) = (archive.path(), archive.listed());
                Err(DataError::file(path, format!("names its arrays in two ways: {all}"), "keep one of the two"))
            }
        }
    }
}

/// Returns whether a path has an archive's extension, `.npz`.
pub fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"))
}

/// Returns whether a path has a single array's extension, `.npy`.
pub fn is_npy(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy"))
}

/// Loads a data set from an archive. Without test images, `test_fraction` of each class (above 0, below 1) is held out,
/// chosen by `seed`. `class_names` are used if the archive names no classes; if they are empty too, classes are named
/// by number.
///
/// # Errors
/// A file that is missing, damaged or not a zip archive; arrays that are missing or have another dtype or shape than
/// described [above](self), labels out of range, or training, validation and test images of different shapes. Each
/// error names the file and the array.
pub fn load(path: &Path, test_fraction: f64, seed: u64, class_names: &[&str]) -> Result<Splits> {
    let mut archive = Archive::open(path)?;
    let keys = Keys::of(&archive)?;
    let mut names = match archive.has(CLASS_NAMES) {
        true => Some(archive.stored(CLASS_NAMES)?.text()?),
        false => (!class_names.is_empty()).then(|| class_names.iter().map(|&name| name.to_owned()).collect()),
    };
    let [train, validation, test] =
        keys.pairs().map(|pair| part(&mut archive, pair, pair == keys.train, names.as_deref()));
    let (Some(train), validation, test) = (train?, validation?, test?) else {
        return Err(archive.missing(keys.train[0]));
    };
    let parts = [Some(&train), validation.as_ref(), test.as_ref()];
    let names = names.take().unwrap_or_else(|| {
        let labels = parts.iter().flatten().flat_map(|part| &part.labels);
        (0..=labels.copied().max().unwrap_or(0)).map(|class| class.to_string()).collect()
    });
    if names.len() < 2 {
        return Err(DataError::file(path, "has images of a single class", "add another class"));
    }
    let notice = notice(&archive, keys, &train);
    let train = train.dataset(&names)?;
    let same_shape = |part: Part, pair: Pair| {
        let set = part.dataset(&names)?;
        match set.shape() == train.shape() {
            true => Ok(set),
            false => Err(Place { path, key: Some(pair[0]) }.wrong(
                format!("holds images of {}, but those for training are {}", set.shape(), train.shape()),
                "give all images one shape",
            )),
        }
    };
    let validation = validation.map(|part| same_shape(part, keys.validation)).transpose()?;
    let test = test.map(|part| same_shape(part, keys.test)).transpose()?;
    let (train, test, how) = match test {
        Some(test) => (train, test, String::new()),
        None => {
            let (train, test) = train.split(test_fraction, seed)?;
            (train, test, format!(" ({test_fraction} of each class held out by seed {seed})"))
        }
    };
    let mut source = format!(
        "{} training and {} test images of {} classes from {}{how}",
        grouped(train.len() as u64),
        grouped(test.len() as u64),
        names.len(),
        path.display()
    );
    if let Some(validation) = &validation {
        let images = grouped(validation.len() as u64);
        source += &format!("; its {images} validation images take the place of those that --validation splits off");
    }
    Ok(Splits { train, validation, test, source: source + ".", is_subset: false, notice })
}

/// Reads the images of a file without labels, channels last: those of a `.npy` file, the test images of a `.npz` data
/// set, or the only array of a `.npz` archive.
///
/// # Errors
/// As [`load`]; an archive that has neither test images nor a single array.
pub fn images(path: &Path) -> Result<Array4<u8>> {
    if !is_npz(path) {
        return channels_last(archive::single(path)?);
    }
    let mut archive = Archive::open(path)?;
    let test = KEYS.iter().map(|keys| keys.test[0]).find(|key| archive.has(key)).map(str::to_owned);
    match test.or_else(|| archive.only()) {
        Some(key) => channels_last(archive.stored(&key)?),
        None => Err(DataError::file(
            path,
            format!("has neither test images nor a single array: {}", archive.listed()),
            "name the images x_test or test_images, or save them alone with numpy.save",
        )),
    }
}

/// Images and labels of one part.
struct Part {
    images: Array4<u8>,
    labels: Vec<u16>,
}

impl Part {
    fn dataset(self, class_names: &[String]) -> Result<Dataset> {
        assemble(self.images.into(), self.labels, class_names.to_vec())
    }
}

/// Reads one part of the data set; `None` if it is missing and not needed.
fn part(archive: &mut Archive<'_>, pair: Pair, needed: bool, names: Option<&[String]>) -> Result<Option<Part>> {
    let [images_key, labels_key] = pair;
    if !needed && !archive.has(images_key) && !archive.has(labels_key) {
        return Ok(None);
    }
    let classes = names.map_or(usize::from(u16::MAX) + 1, <[String]>::len);
    let labels = archive.stored(labels_key)?.labels(classes)?;
    let images = channels_last(archive.stored(images_key)?)?;
    let count = images.dim().0;
    if count != labels.len() {
        let (labels, images) = (grouped(labels.len() as u64), grouped(count as u64));
        return Err(Place { path: archive.path(), key: Some(labels_key) }.wrong(
            format!("holds {labels} labels, but '{images_key}' holds {images} images"),
            "give each image one label",
        ));
    }
    Ok(Some(Part { images, labels }))
}

/// Returns remarks about a usable data set.
fn notice(archive: &Archive<'_>, keys: &Keys, train: &Part) -> Option<String> {
    let known = keys.pairs().concat();
    let others: Vec<&str> = archive.names().filter(|name| !known.contains(name) && *name != CLASS_NAMES).collect();
    let mut remarks = Vec::new();
    if !others.is_empty() {
        let (path, others) = (archive.path().display(), others.join(", "));
        remarks.push(format!("{path}: these arrays are not used: {others}"));
    }
    if !train.labels.contains(&0) {
        remarks.push("no training image has the label 0; labels count from 0".to_owned());
    }
    (!remarks.is_empty()).then(|| remarks.join("; "))
}
