//! Test images for a board: a file of images with labels, read in place.

use core::fmt;

use crate::spec::Shape;

/// First bytes of every file of test images; the last one is the version.
const MAGIC: [u8; 8] = *b"NiNimgs1";
/// Bytes before the labels.
const HEADER: usize = 16;

/// Images with their labels, in a file that `nin-train data --raw` and `nin-train train` write. The images are as the
/// network reads them: no decoding is left.
///
/// All numbers are little-endian:
///
/// | offset | type | field |
/// | --: | :-- | :-- |
/// | 0 | 8 bytes | `NiNimgs1` in ASCII |
/// | 8 | u16 | channels |
/// | 10 | u16 | rows |
/// | 12 | u16 | columns |
/// | 14 | u16 | n, the number of images |
/// | 16 | u16 × n | the label of each image: the index of its class |
/// | 16 + 2 n | u8 × … | the images: rows from the top, pixels from the left, the channels of a pixel side by side (R, G, B) |
///
/// ```
/// use nin_core::TestImages;
///
/// let file = *b"NiNimgs1\x01\0\x02\0\x03\0\x01\0\x07\0abcdef"; // one image of 1x2x3 with label 7
/// let images = TestImages::read(&file)?;
/// assert_eq!((images.len(), images.label(0), images.row(0, 1)), (1, 7, &b"def"[..]));
/// # Ok::<(), nin_core::TestImagesError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TestImages<'i> {
    shape: Shape,
    labels: &'i [u8],
    pixels: &'i [u8],
}

impl<'i> TestImages<'i> {
    /// Reads a file. It may be followed by other bytes, as in a flash partition.
    ///
    /// # Errors
    ///
    /// [`TestImagesError`] if it is not such a file, if its images have no pixels, or if it ends early.
    pub const fn read(file: &'i [u8]) -> Result<TestImages<'i>, TestImagesError> {
        let mut i = 0;
        while i < MAGIC.len() {
            if i >= file.len() || file[i] != MAGIC[i] {
                return Err(TestImagesError::Magic);
            }
            i += 1;
        }
        if file.len() < HEADER {
            return Err(TestImagesError::Truncated { expected: HEADER as u64, found: file.len() });
        }
        let shape = Shape { channels: u16_at(file, 8), rows: u16_at(file, 10), columns: u16_at(file, 12) };
        let count = u16_at(file, 14) as u64;
        let image = shape.channels as u64 * shape.rows as u64 * shape.columns as u64;
        if image == 0 {
            return Err(TestImagesError::Empty);
        }
        // At most 2⁶⁴: four numbers of 16 bits, and the last one is below 2¹⁶.
        let expected = HEADER as u64 + 2 * count + image * count;
        if expected > file.len() as u64 {
            return Err(TestImagesError::Truncated { expected, found: file.len() });
        }
        let (labels, pixels) = file.split_at(HEADER).1.split_at(2 * count as usize);
        Ok(TestImages { shape, labels, pixels })
    }

    /// Returns the bytes of a file, without the images: header and labels.
    ///
    /// The images follow, each rows × columns × channels bytes, in the order of the labels.
    pub fn header(shape: Shape, labels: impl ExactSizeIterator<Item = u16>) -> impl Iterator<Item = u8> {
        let count = u16::try_from(labels.len()).unwrap_or(u16::MAX);
        let numbers = [shape.channels, shape.rows, shape.columns, count].into_iter().chain(labels.take(count.into()));
        MAGIC.into_iter().chain(numbers.flat_map(u16::to_le_bytes))
    }

    /// The shape of each image.
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The number of images.
    pub const fn len(&self) -> usize {
        self.labels.len() / 2
    }

    /// Whether there is no image.
    pub const fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the label of image `index`: the index of its class.
    ///
    /// # Panics
    ///
    /// If there is no such image.
    pub fn label(&self, index: usize) -> usize {
        u16_at(self.labels, 2 * index).into()
    }

    /// Returns row `y` of image `index`: columns × channels bytes, channels last.
    ///
    /// # Panics
    ///
    /// If there is no such image or row.
    pub fn row(&self, index: usize, y: usize) -> &'i [u8] {
        let row = self.shape.row();
        &self.pixels[index * self.shape.len()..][..self.shape.len()][y * row..][..row]
    }
}

const fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// Why a file does not hold test images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TestImagesError {
    /// The file does not begin with `NiNimgs1`.
    Magic,
    /// The images have no pixels.
    Empty,
    /// The file ends early.
    Truncated {
        /// Bytes that its header states.
        expected: u64,
        /// Bytes of the file.
        found: usize,
    },
}

impl fmt::Display for TestImagesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TestImagesError::Magic => f.write_str("not a file of test images: it does not begin with \"NiNimgs1\""),
            TestImagesError::Empty => f.write_str("the test images have no pixels"),
            TestImagesError::Truncated { expected, found } => {
                write!(f, "the file of test images ends early: it has {found} of {expected} bytes")
            }
        }
    }
}

impl core::error::Error for TestImagesError {}
