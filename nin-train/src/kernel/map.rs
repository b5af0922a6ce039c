//! The memory layout of a chunk's feature maps.

use nin_core::Shape;
use nin_core::spec::{Side, Window};

/// Maps of several images, channels last, with zeros around and between their pixels where the next product needs them:
/// a border for a padded convolution, and for the gradient of one with a stride also gaps between pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Map {
    pub(crate) shape: Shape,
    /// Values from one image to the next.
    pub(crate) image: usize,
    /// Values before an image's first pixel.
    pub(crate) origin: usize,
    /// Values from one row of pixels to the next.
    pub(crate) row: usize,
    /// Values from one pixel to the next.
    pub(crate) column: usize,
    /// Values from one row of memory to the next (`row`, unless there are gaps).
    pub(crate) line: usize,
}

impl Map {
    /// Makes a dense layout, pixel after pixel.
    pub(crate) fn plain(shape: Shape) -> Map {
        Map::spaced(shape, [0, 0], [1, 1], [shape.rows.into(), shape.columns.into()])
    }

    /// Makes a layout with the zeros that a window's padding needs around the pixels.
    pub(crate) fn bordered(shape: Shape, window: Window) -> Map {
        let Window { rows, columns } = window;
        let around =
            |side: Side, length: u16| usize::from(length) + usize::from(side.padding) + usize::from(side.after);
        let memory = [around(rows, shape.rows), around(columns, shape.columns)];
        Map::spaced(shape, [rows.padding.into(), columns.padding.into()], [1, 1], memory)
    }

    /// Makes a layout with a border of that many pixels above and on the left, distances from pixel to pixel (along
    /// rows and columns each, as all arguments), and memory for `rows × columns` pixels.
    pub(crate) fn spaced(shape: Shape, border: [usize; 2], gap: [usize; 2], [rows, columns]: [usize; 2]) -> Map {
        let channels = shape.channels as usize;
        let line = columns * channels;
        Map {
            shape,
            image: rows * line,
            origin: border[0] * line + border[1] * channels,
            row: gap[0] * line,
            column: gap[1] * channels,
            line,
        }
    }

    /// Returns the number of values of `images` images.
    pub(crate) fn len(&self, images: usize) -> usize {
        images * self.image
    }

    /// Returns whether there is memory that belongs to no pixel.
    pub(crate) fn has_room(&self) -> bool {
        self.image != self.shape.len()
    }

    /// Returns where a pixel begins.
    #[inline(always)]
    pub(crate) fn at(&self, image: usize, row: usize, column: usize) -> usize {
        image * self.image + self.origin + row * self.row + column * self.column
    }

    /// Returns where each pixel of `images` begins, ascending.
    pub(crate) fn offsets(&self, images: usize) -> Vec<u32> {
        let [rows, columns] = [self.shape.rows as usize, self.shape.columns as usize];
        let mut offsets = Vec::with_capacity(images * rows * columns);
        for image in 0..images {
            for row in 0..rows {
                offsets.extend((0..columns).map(|column| self.at(image, row, column) as u32));
            }
        }
        offsets
    }

    /// Fills the memory that belongs to no pixel with zeros; with gaps, all memory.
    pub(crate) fn clear_room(&self, images: usize, values: &mut [f32]) {
        let wide = self.shape.row();
        if self.column != self.shape.channels as usize {
            return values[..self.len(images)].fill(0.0);
        }
        let mut end = 0;
        for image in 0..images {
            for row in 0..self.shape.rows.into() {
                let start = self.at(image, row, 0);
                values[end..start].fill(0.0);
                end = start + wide;
            }
        }
        values[end..self.len(images)].fill(0.0);
    }

    /// Copies an image's pixels from dense channels-last memory.
    pub(crate) fn put(&self, image: usize, from: &[f32], to: &mut [f32]) {
        let channels = self.shape.channels as usize;
        for (row, line) in from.chunks_exact(self.shape.row()).enumerate() {
            let at = self.at(image, row, 0);
            if self.column == channels {
                to[at..at + line.len()].copy_from_slice(line);
                continue;
            }
            for (pixel, to) in line.chunks_exact(channels).zip(to[at..].chunks_mut(self.column)) {
                to[..channels].copy_from_slice(pixel);
            }
        }
    }

    /// Returns an image's pixels, dense and channels last.
    pub(crate) fn get(&self, image: usize, from: &[f32]) -> Vec<f32> {
        let channels = self.shape.channels as usize;
        let mut pixels = Vec::with_capacity(self.shape.len());
        for row in 0..self.shape.rows.into() {
            for column in 0..self.shape.columns.into() {
                pixels.extend_from_slice(&from[self.at(image, row, column)..][..channels]);
            }
        }
        pixels
    }
}
