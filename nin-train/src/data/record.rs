//! The record of the images of a run, by which they are found again and checked for changes.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::sets::hex;
use super::{DatasetKind, Splits};
use crate::support::text::{grouped, visible};

/// A data set as a run used it. It is stored in checkpoints, never in model files, because a path may be private.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetRecord {
    /// The kind of the data set.
    pub kind: DatasetKind,
    /// The absolute path of its folder or file; `None` if it was found in the usual places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The absolute path of the folder of images that belong to none of the classes, if it was given apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// The share of each class that was held out for the test, if the data set has no test images of its own.
    pub test_fraction: f64,
    /// The order or the names of the classes, if the user gave them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Whether pictures that cannot be read were left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_bad: bool,
    /// The number of training images, including those that a recipe splits off for validation.
    pub training: usize,
    /// The number of validation images that the data set itself has.
    pub validation: usize,
    /// The number of test images.
    pub test: usize,
    /// SHA-256 over the [fingerprints](crate::data::Dataset::fingerprint) of the training, validation and test images.
    pub fingerprint: String,
}

impl DatasetRecord {
    /// Returns the record of `splits` as they were loaded, from `path` if that was named.
    pub fn new(kind: DatasetKind, path: Option<&Path>, test_fraction: f64, splits: &Splits) -> Self {
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut hash = Sha256::new();
        for part in [Some(&splits.train), splits.validation.as_ref(), Some(&splits.test)] {
            // A part that is missing counts, too: the same images may be split in another way.
            hash.update(part.map_or_else(String::new, |images| images.fingerprint()));
            hash.update([0]);
        }
        Self {
            kind,
            path: path.and_then(|path| whole(path).to_str().map(str::to_owned)),
            unknown: None,
            test_fraction,
            classes: Vec::new(),
            skip_bad: false,
            training: splits.train.len(),
            validation: splits.validation.as_ref().map_or(0, super::Dataset::len),
            test: splits.test.len(),
            fingerprint: hex(hash),
        }
    }

    /// Returns the same record with the folder of images that belong to none of the classes.
    pub fn with_unknown(self, folder: Option<&Path>) -> Self {
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Self { unknown: folder.and_then(|path| whole(path).to_str().map(str::to_owned)), ..self }
    }

    /// Returns the path of the folder or file.
    pub fn path(&self) -> Option<PathBuf> {
        self.path.as_deref().map(PathBuf::from)
    }

    /// Returns whether both name the same data set, whatever its content.
    pub fn is_same_place(&self, other: &Self) -> bool {
        (self.kind, &self.path, &self.unknown) == (other.kind, &other.path, &other.unknown)
    }

    /// Returns whether both have the same images in the same splits, wherever they are.
    pub fn is_same(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl fmt::Display for DatasetRecord {
    /// Writes, for example, `/home/me/photos (1,600 training and 400 test images)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.path.as_deref().unwrap_or(self.kind.name());
        let (training, test) = (grouped(self.training as u64), grouped(self.test as u64));
        let validation = match self.validation {
            0 => String::new(),
            images => format!(", {} validation", grouped(images as u64)),
        };
        write!(f, "{} ({training} training{validation} and {test} test images)", visible(name))
    }
}
