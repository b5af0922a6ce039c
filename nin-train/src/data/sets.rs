//! Data sets in memory.

use ndarray::{ArrayView1, ArrayView4};
use nin_core::Shape;
use sha2::{Digest, Sha256};

use super::split::held_out;
use super::{DataError, Result};

/// Returns a digest in lower-case hexadecimal digits.
pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Images of one shape, each with the label of its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    images: Vec<u8>,
    shape: Shape,
    labels: Vec<u16>,
    class_names: Vec<String>,
    /// The file of each image, or empty.
    files: Vec<String>,
}

impl Dataset {
    /// Makes a data set from consecutive `images` (rows × columns × channels, channels last) and one label for each, an
    /// index into `class_names`.
    ///
    /// # Errors
    /// [`DataError::Invalid`] if the shape has a zero, the lengths don't match or a label is not below the number of
    /// classes.
    pub fn new(images: Vec<u8>, shape: Shape, labels: Vec<u16>, class_names: Vec<String>) -> Result<Self> {
        if shape.is_empty() {
            return Err(DataError::Invalid(format!("images of {shape} have no pixels")));
        }
        if labels.len().checked_mul(shape.len()) != Some(images.len()) {
            let (bytes, labels) = (images.len(), labels.len());
            return Err(DataError::Invalid(format!("{bytes} bytes are not {labels} images of {shape}")));
        }
        if let Some(label) = labels.iter().find(|&&label| usize::from(label) >= class_names.len()) {
            return Err(DataError::Invalid(format!("label {label} is out of range for {} classes", class_names.len())));
        }
        Ok(Self { images, shape, labels, class_names, files: Vec::new() })
    }

    /// Returns the same images, each with the name of its file.
    ///
    /// # Errors
    /// [`DataError::Invalid`] if the numbers of names and images differ.
    pub fn with_files(self, files: Vec<String>) -> Result<Self> {
        if files.len() != self.len() {
            return Err(DataError::Invalid(format!("there are {} file names for {} images", files.len(), self.len())));
        }
        Ok(Self { files, ..self })
    }

    /// Returns the name of image `i`'s file, if it has one.
    pub fn file(&self, i: usize) -> Option<&str> {
        self.files.get(i).map(String::as_str)
    }

    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the shape of each image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Returns the bytes of all images, one after the other.
    pub fn bytes(&self) -> &[u8] {
        &self.images
    }

    /// Returns all images as a view (images × rows × columns × channels).
    pub fn images(&self) -> ArrayView4<'_, u8> {
        let [rows, columns, channels] = [self.shape.rows, self.shape.columns, self.shape.channels].map(usize::from);
        ArrayView4::from_shape((self.len(), rows, columns, channels), &self.images)
            .expect("the number of bytes was checked when the data set was made")
    }

    /// Returns the labels of all images as a view.
    pub fn labels(&self) -> ArrayView1<'_, u16> {
        ArrayView1::from(&self.labels)
    }

    /// Returns the SHA-256 of all images, labels and the shape in hexadecimal digits; it identifies the data set.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        let Shape { channels, rows, columns } = self.shape;
        [channels, rows, columns].iter().chain(&self.labels).for_each(|number| hash.update(number.to_le_bytes()));
        hash.update(&self.images);
        hex(hash)
    }

    /// Returns the names of the classes, by label.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Returns image `i`: rows × columns × channels bytes, channels last.
    ///
    /// # Panics
    /// If `i` is not below [`Dataset::len`], as indexing a slice does.
    pub fn image(&self, i: usize) -> &[u8] {
        &self.images[i * self.shape.len()..][..self.shape.len()]
    }

    /// Returns the label of image `i`: the index of its class.
    ///
    /// # Panics
    /// If `i` is not below [`Dataset::len`], as indexing a slice does.
    pub fn label(&self, i: usize) -> usize {
        usize::from(self.labels[i])
    }

    /// Returns the number of images of each class, by label.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.class_names.len()];
        for &label in &self.labels {
            counts[usize::from(label)] += 1;
        }
        counts
    }

    /// Returns the weight of an image of each class that gives all classes the same total weight: images / (classes ×
    /// images of the class), over the classes that have images (scikit-learn's `class_weight="balanced"`). Their mean
    /// over all images is 1.
    pub fn balancing_weights(&self) -> Vec<f32> {
        let counts = self.class_counts();
        let classes = counts.iter().filter(|count| **count > 0).count();
        counts.iter().map(|&count| (self.len() as f64 / (classes * count.max(1)) as f64) as f32).collect()
    }

    /// Returns a data set of the images with these indices, in this order.
    ///
    /// # Panics
    /// If an index is not below [`Dataset::len`].
    pub fn select(&self, indices: &[usize]) -> Self {
        let mut images = Vec::with_capacity(indices.len() * self.shape.len());
        indices.iter().for_each(|&i| images.extend_from_slice(self.image(i)));
        let labels = indices.iter().map(|&i| self.labels[i]).collect();
        let files = indices.iter().filter_map(|&i| self.files.get(i).cloned()).collect();
        Self { images, shape: self.shape, labels, class_names: self.class_names.clone(), files }
    }

    /// Splits off `fraction` (above 0, below 1) of the images of each class, for validation or test. Returns (the rest,
    /// the split-off images), both in the original order. The same seed always chooses the same images; classes of
    /// equal size give parts of equal size.
    ///
    /// # Errors
    /// [`DataError::Invalid`] if the fraction is out of range or a class has just one image, which can't be split.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        let held = held_out(&self.labels, &self.class_names, fraction, seed)?;
        let indices = |want: bool| (0..self.len()).filter(|&i| held[i] == want).collect::<Vec<_>>();
        Ok((self.select(&indices(false)), self.select(&indices(true))))
    }
}

/// A training set, a test set and perhaps a validation set with the same shape and classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splits {
    /// The images to train with.
    pub train: Dataset,
    /// The images to choose the best epoch by, if the data set defines them.
    pub validation: Option<Dataset>,
    /// The images to test with.
    pub test: Dataset,
    /// One sentence that states where the images came from.
    pub source: String,
    /// Whether this is only the bundled part of the data set.
    pub is_subset: bool,
    /// One line the user should see, such as why the subset is used; `None` if there is nothing to report.
    pub notice: Option<String>,
}

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The training images.
    Training,
    /// The validation images.
    Validation,
    /// The test images.
    Test,
}

impl Part {
    /// All parts, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::Training, Self::Validation, Self::Test];

    /// Returns the name: `training`, `validation`, `test`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl Splits {
    /// Returns the images of a part. `None` if there are no validation images.
    pub fn part(&self, part: Part) -> Option<&Dataset> {
        match part {
            Part::Training => Some(&self.train),
            Part::Validation => self.validation.as_ref(),
            Part::Test => Some(&self.test),
        }
    }

    /// Returns the parts that the data set has, with their images.
    pub fn parts(&self) -> impl Iterator<Item = (Part, &Dataset)> {
        Part::ALL.into_iter().filter_map(|part| Some((part, self.part(part)?)))
    }
}
