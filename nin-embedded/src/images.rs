//! Ten test images, and how they reach a network of any size and format.

use nin_core::camera::{Between, Crop};
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

    /// The grey level in row `y` and column `x` of the image in the shape `to`, the same as the trainer makes of it
    /// ([`nin_core::camera`] has the rules). A larger image is never in memory.
    pub fn fitted(&self, to: Shape, y: usize, x: usize) -> u8 {
        // Of images that are compiled in, which have far fewer than 65,536 rows and columns.
        let crop = Crop::new((self.rows as u16, self.columns as u16), to);
        let (rows, columns) = (usize::from(crop.rows), usize::from(crop.columns));
        let level = |y: usize, x: usize| self.row(usize::from(crop.top) + y)[usize::from(crop.left) + x];
        if crop.covers(to) {
            let (down, across) = (covered(y, rows, to.rows.into()), covered(x, columns, to.columns.into()));
            let line = |y: usize| across.clone().map(|(x, part)| part * u32::from(level(y, x))).sum::<u32>();
            let area = (rows * columns) as u32;
            return ((down.map(|(y, part)| part * line(y)).sum::<u32>() + area / 2) / area) as u8;
        }
        let (down, across) = (Between::new(y, rows, to.rows.into()), Between::new(x, columns, to.columns.into()));
        let upper = [level(down.first, across.first), level(down.first, across.second)];
        let lower = [level(down.second, across.first), level(down.second, across.second)];
        down.level(&across, [upper[0], upper[1], lower[0], lower[1]])
    }
}

/// The source positions that output position `index` covers if `from` positions become `to`, each with the part that is
/// covered: a source position has `to` units, an output position `from`.
fn covered(index: usize, from: usize, to: usize) -> impl Iterator<Item = (usize, u32)> + Clone {
    let (start, end) = (index * from, (index + 1) * from);
    (start / to..end.div_ceil(to)).map(move |at| (at, (end.min((at + 1) * to) - start.max(at * to)) as u32))
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
