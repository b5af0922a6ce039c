//! Ten test images, and their conversion to the input of a network of any size and format.

use nin_core::camera::{Between, Crop};
use nin_core::{Affine, AffineInt4, Float, Format, Int4, Int8, Model, Shape};

/// Grey images with their labels, from files in IDX form, the format of MNIST.
#[derive(Clone, Copy, Debug)]
pub struct Images {
    images: &'static [u8],
    labels: &'static [u8],
    rows: usize,
    columns: usize,
}

/// The first image of each class among Fashion-MNIST's test images (Zalando SE, MIT licence).
pub const FASHION: Images =
    Images::new(include_bytes!("../images/fashion-images"), include_bytes!("../images/fashion-labels"));

impl Images {
    /// Reads the two files. A fault in them is an error of the compiler.
    const fn new(images: &'static [u8], labels: &'static [u8]) -> Images {
        assert!(word(images, 0) == 0x803 && word(labels, 0) == 0x801, "these are not images and labels in IDX form");
        let (count, rows, columns) = (word(images, 4), word(images, 8), word(images, 12));
        assert!(count == word(labels, 4), "the numbers of images and labels differ");
        let (images, labels) = (images.split_at(16).1, labels.split_at(8).1);
        assert!(images.len() == count * rows * columns && labels.len() == count, "the files have a wrong length");
        Images { images, labels, rows, columns }
    }

    /// Returns the shape of an image.
    pub const fn shape(&self) -> Shape {
        // Bundled images have far fewer than 65,536 rows and columns.
        Shape { channels: 1, rows: self.rows as _, columns: self.columns as _ }
    }

    /// Returns the number of images.
    pub const fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns whether there is no image.
    pub const fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the images with their labels.
    pub fn iter(&self) -> impl Iterator<Item = (Image, usize)> + Clone + use<> {
        let (rows, columns) = (self.rows, self.columns);
        let images = self.images.chunks_exact(rows * columns).map(move |pixels| Image { pixels, rows, columns });
        images.zip(self.labels.iter().map(|&label| usize::from(label)))
    }
}

/// Reads a big-endian word of an IDX header.
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
    /// Returns row `y` of the image.
    pub fn row(&self, y: usize) -> &'static [u8] {
        &self.pixels[y * self.columns..][..self.columns]
    }

    /// Returns the grey level in row `y` and column `x` of the image after it was resized to the shape `to`. The level
    /// is that of the trainer ([`nin_core::camera`] has the rules). The resized image is never in memory.
    pub fn fitted(&self, to: Shape, y: usize, x: usize) -> u8 {
        // Bundled images have far fewer than 65,536 rows and columns.
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

/// Returns the source positions that output position `index` covers when `from` positions are reduced to `to`, each
/// with the length that is covered. A source position is `to` units long, an output position `from` units.
fn covered(index: usize, from: usize, to: usize) -> impl Iterator<Item = (usize, u32)> + Clone {
    let (start, end) = (index * from, (index + 1) * from);
    (start / to..end.div_ceil(to)).map(move |at| (at, (end.min((at + 1) * to) - start.max(at * to)) as u32))
}

/// A [`Format`] whose rows can be written from grey or colour levels.
pub trait LevelFormat: Format {
    /// Writes one row of an image in the form that the network reads. `level(x, channel)` returns a level from 0 to
    /// 255.
    fn write_row(model: &Model<'_>, row: &mut [Self::Value], level: impl FnMut(usize, usize) -> f32);
}

/// Normalises the levels as [`Model::preprocess`] does. They need not be whole numbers.
impl<W, R> LevelFormat for Float<W, R>
where
    Float<W, R>: Format<Value = f32>,
{
    fn write_row(model: &Model<'_>, row: &mut [f32], mut level: impl FnMut(usize, usize) -> f32) {
        let channels = model.plan().spec().input().channels as usize;
        for channel in 0..channels {
            let normalization = model.normalization(channel);
            for (x, value) in row.iter_mut().skip(channel).step_by(channels).enumerate() {
                *value = normalization.apply(level(x, channel));
            }
        }
    }
}

/// Rounds the levels to bytes, which an 8-bit network reads without normalisation.
impl<const LANES: usize> LevelFormat for Int8<LANES> {
    fn write_row(model: &Model<'_>, row: &mut [u8], mut level: impl FnMut(usize, usize) -> f32) {
        let channels = model.plan().spec().input().channels as usize;
        for (index, value) in row.iter_mut().enumerate() {
            *value = (level(index / channels, index % channels) + 0.5) as u8;
        }
    }
}

impl LevelFormat for Affine {
    fn write_row(model: &Model<'_>, row: &mut [u8], level: impl FnMut(usize, usize) -> f32) {
        <Int8>::write_row(model, row, level);
    }
}

impl LevelFormat for AffineInt4 {
    fn write_row(model: &Model<'_>, row: &mut [u8], level: impl FnMut(usize, usize) -> f32) {
        <Int8>::write_row(model, row, level);
    }
}

impl LevelFormat for Int4 {
    fn write_row(model: &Model<'_>, row: &mut [u8], level: impl FnMut(usize, usize) -> f32) {
        <Int8>::write_row(model, row, level);
    }
}

/// Returns pixel `index` of images that are computed by a formula, as a level from 0 to 255: test images that are the
/// same on every machine and need no file. The pixel is the upper 24 bits of SplitMix64's output for a counter.
pub fn formula_level(index: u64) -> f32 {
    let mut z = index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 40) as f32 / 16_777_216.0 * 255.0
}
