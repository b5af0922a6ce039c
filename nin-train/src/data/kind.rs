//! The data sets that are known by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{DataError, Result};

/// A data set by name. Its text form is the value of `--dataset`: `fashion-mnist`, `fashion-mnist-subset`, `mnist`,
/// `cifar10`, `idx`, `folder` or `npz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
#[non_exhaustive]
pub enum DatasetKind {
    /// Zalando's articles of clothing: 60,000 + 10,000 images of 1×28×28, ten classes; downloaded if missing.
    FashionMnist,
    /// The bundled part of Fashion-MNIST: 6,000 + 1,000 images.
    Subset,
    /// Handwritten digits: 60,000 + 10,000 images of 1×28×28, ten classes; the user supplies the files.
    Mnist,
    /// Small photos: 50,000 + 10,000 images of 3×32×32, ten classes; the user supplies the files (binary version).
    Cifar10,
    /// The user's own files in MNIST's format, of any size and number of classes.
    Idx,
    /// The user's picture files: one sub-folder for each class, or a table of files and labels.
    Folder,
    /// The user's images as arrays in an `.npz` file.
    Npz,
}

impl DatasetKind {
    /// All kinds, in the order of the help text.
    pub const ALL: [Self; 7] =
        [Self::FashionMnist, Self::Subset, Self::Mnist, Self::Cifar10, Self::Idx, Self::Folder, Self::Npz];

    /// Returns the name used by `--dataset` and for the folder of the data set.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FashionMnist => "fashion-mnist",
            Self::Subset => "fashion-mnist-subset",
            Self::Mnist => "mnist",
            Self::Cifar10 => "cifar10",
            Self::Idx => "idx",
            Self::Folder => "folder",
            Self::Npz => "npz",
        }
    }

    /// Returns the standard class names by label; empty for [`DatasetKind::Idx`], [`DatasetKind::Folder`] and
    /// [`DatasetKind::Npz`].
    pub const fn class_names(self) -> &'static [&'static str] {
        match self {
            Self::FashionMnist | Self::Subset => &[
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ],
            Self::Mnist => &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            Self::Cifar10 => {
                &["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
            }
            Self::Idx | Self::Folder | Self::Npz => &[],
        }
    }
}

impl fmt::Display for DatasetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<DatasetKind> for &'static str {
    fn from(kind: DatasetKind) -> Self {
        kind.name()
    }
}

impl TryFrom<String> for DatasetKind {
    type Error = DataError;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

impl FromStr for DatasetKind {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            DataError::Invalid(format!("there is no data set '{text}'; choose one of {names}"))
        })
    }
}
