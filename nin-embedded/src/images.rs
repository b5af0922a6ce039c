//! Ten test images, and how they reach a network of any size and format.

use nin_core::{Affine, Float, Format, Int4, Int8, Model, Shape};

/// Ten images of one channel with their labels, in IDX form: as MNIST's files have it.
#[derive(Clone, Copy, Debug)]
pub struct Images {
    images: &'static [u8],
    labels: &'static [u8],
    rows: usize,
    columns: usize,
}

/// The first image of each class of Fashion-MNIST's test images. Zalando SE, MIT licence.
pub const FASHION: Images =
    Images::new(include_bytes!("../images/fashion-images"), include_bytes!("../images/fashion-labels"));

impl Images {
    /// Reads the two files; what is wrong with them fails while compiling.
    const fn new(images: &'static [u8], labels: &'static [u8]) -> Images {
        assert!(word(images, 0) == 0x803 && word(labels, 0) == 0x801, "these are not images and labels in IDX form");
        let (count, rows, columns) = (word(images, 4), word(images, 8), word(images, 12));
        assert!(count == word(labels, 4), "there are as many labels as images");
        let (images, labels) = (images.split_at(16).1, labels.split_at(8).1);
        assert!(images.len() == count * rows * columns && labels.len() == count, "the files are whole");
        Images { images, labels, rows, columns }
    }

    /// The shape of each.
    pub const fn shape(&self) -> Shape {
        // Of images that are compiled in, which have far fewer than 65,536 rows and columns.
        Shape { channels: 1, rows: self.rows as _, columns: self.columns as _ }
    }

    /// How many images there are.
    pub const fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub const fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The images with their labels.
    pub fn iter(&self) -> impl Iterator<Item = (Image, usize)> + Clone + use<> {
        let (rows, columns) = (self.rows, self.columns);
        let images = self.images.chunks_exact(rows * columns).map(move |pixels| Image { pixels, rows, columns });
        images.zip(self.labels.iter().map(|&label| usize::from(label)))
    }
}

/// A big-endian word of an IDX header.
const fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

/// One image: rows of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    pixels: &'static [u8],
    rows: usize,
    columns: usize,
}

impl Image {
    /// Row `y` of the image as it is.
    pub fn row(&self, y: usize) -> &'static [u8] {
        &self.pixels[y * self.columns..][..self.columns]
    }

    /// The pixel in row `y` of `rows` and column `x` of `columns` of the image made that large, bilinearly: a level
    /// from 0 to 255, just what the trainer makes of it. A larger image is never in memory, so that a network takes
    /// images from a smaller camera than it was trained for.
    pub fn resized(&self, (y, rows): (usize, usize), (x, columns): (usize, usize)) -> f32 {
        let (down, across) = (Tap::new(y, self.rows, rows), Tap::new(x, self.columns, columns));
        let level = |line: &[u8]| mix(across.weight, f32::from(line[across.first]), f32::from(line[across.second]));
        mix(down.weight, level(self.row(down.first)), level(self.row(down.second)))
    }
}

/// Between which two source positions an output position lies, and how far towards the second (0 to 1).
struct Tap {
    first: usize,
    second: usize,
    weight: f32,
}

impl Tap {
    /// Pixels are squares that touch, edges are repeated: PyTorch's `align_corners=False`, in f32 and in its order.
    fn new(position: usize, from: usize, to: usize) -> Tap {
        let centre = (from as f32 / to as f32) * (position as f32 + 0.5) - 0.5;
        let centre = if centre < 0.0 { 0.0 } else { centre };
        let first = (centre as usize).min(from - 1);
        let beyond = centre - first as f32;
        let weight = if beyond > 1.0 { 1.0 } else { beyond };
        Tap { first, second: (first + 1).min(from - 1), weight }
    }
}

fn mix(weight: f32, first: f32, second: f32) -> f32 {
    (1.0 - weight) * first + weight * second
}

/// A [`Format`] that a network can be shown images in.
pub trait Sight: Format {
    /// Puts a row of one image into what the network reads: `level(x, channel)` is from 0 to 255.
    fn see(model: &Model<'_>, row: &mut [Self::Value], level: impl FnMut(usize, usize) -> f32);
}

/// As [`Model::preprocess`], for levels between those of a byte too.
impl<W, R> Sight for Float<W, R>
where
    Float<W, R>: Format<Value = f32>,
{
    fn see(model: &Model<'_>, row: &mut [f32], mut level: impl FnMut(usize, usize) -> f32) {
        let channels = model.plan().spec().input().channels as usize;
        for channel in 0..channels {
            let normalization = model.normalization(channel);
            for (x, value) in row.iter_mut().skip(channel).step_by(channels).enumerate() {
                *value = normalization.apply(level(x, channel));
            }
        }
    }
}

/// An 8-bit network reads the levels themselves.
impl<const LANES: usize> Sight for Int8<LANES> {
    fn see(model: &Model<'_>, row: &mut [u8], mut level: impl FnMut(usize, usize) -> f32) {
        let channels = model.plan().spec().input().channels as usize;
        for (index, value) in row.iter_mut().enumerate() {
            *value = (level(index / channels, index % channels) + 0.5) as u8;
        }
    }
}

impl Sight for Affine {
    fn see(model: &Model<'_>, row: &mut [u8], level: impl FnMut(usize, usize) -> f32) {
        <Int8>::see(model, row, level);
    }
}

impl Sight for Int4 {
    fn see(model: &Model<'_>, row: &mut [u8], level: impl FnMut(usize, usize) -> f32) {
        <Int8>::see(model, row, level);
    }
}

/// Pixel `index` of the images that a formula gives, as a level from 0 to 255: the same everywhere, and no file is
/// needed. It is SplitMix64's output function on a counter, whose upper 24 bits are the pixel.
pub fn formula_level(index: u64) -> f32 {
    let mut z = index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 40) as f32 / 16_777_216.0 * 255.0
}
