//! Augmentation: random changes of single images.

use std::ops::Range;

use nin_core::Shape;
use serde::{Deserialize, Serialize};

use crate::support::random::Stream;

/// Random changes that preserve an image's class, applied to the data set's pixels before resizing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Augment {
    /// Mirrors each image left to right with a probability of one half (`RandomHorizontalFlip`).
    pub flip: bool,
    /// Shifts by up to this many pixels in each direction; uncovered pixels are black (`RandomCrop` with padding).
    pub crop: u8,
    /// Rotates by up to this many degrees in either direction about the image's centre, with bilinear interpolation and
    /// black outside (`RandomRotation`).
    pub rotate: u8,
    /// Share of images in which a rectangle becomes black: 1/50 to 1/3 of the area, at most 3.3 times as long as wide
    /// (`RandomErasing`; Zhong et al. 2020).
    pub erase: f32,
    /// Multiplies the image by a random factor between max(0, 1 − b) and 1 + b, for this value b
    /// (`ColorJitter(brightness=…)`).
    pub brightness: f32,
    /// Multiplies each value's distance from the image's mean, over all channels, by a random factor, drawn the same
    /// way (`ColorJitter(contrast=…)`).
    pub contrast: f32,
}

impl Augment {
    /// Augments one image; `from` and `to` have the same shape, channels last.
    pub fn apply(&self, from: &[u8], shape: Shape, to: &mut [u8], stream: &mut Stream) {
        let [rows, columns, channels] = [shape.rows as usize, shape.columns as usize, shape.channels as usize];
        let most = self.crop as usize;
        // The number of draws is fixed, so that enabling one change leaves the others as they were.
        let (flip, down, right) = (stream.below(2) == 1, stream.below(2 * most + 1), stream.below(2 * most + 1));
        let angle = stream.within(f64::from(self.rotate).to_radians());
        let erased = Rectangle::draw(self.erase, rows, columns, stream);
        let light = [self.brightness, self.contrast].map(|most| (1.0 + stream.within(most.into())).max(0.0));
        let curve = (self.brightness > 0.0 || self.contrast > 0.0).then(|| exposure(from, light));
        let level = |byte: u8| curve.as_ref().map_or(byte, |curve| curve[usize::from(byte)]);
        let (sine, cosine) = angle.sin_cos();
        let (middle_row, middle_column) = ((rows as f32 - 1.0) / 2.0, (columns as f32 - 1.0) / 2.0);
        for row in 0..rows {
            for column in 0..columns {
                let to = &mut to[(row * columns + column) * channels..][..channels];
                if erased.as_ref().is_some_and(|erased| erased.covers(row, column)) {
                    to.fill(0);
                    continue;
                }
                let side = if self.flip && flip { columns - 1 - column } else { column };
                if self.rotate > 0 {
                    let row = (row + down) as f32 - most as f32 - middle_row;
                    let column = (side + right) as f32 - most as f32 - middle_column;
                    let at = [cosine * row - sine * column + middle_row, sine * row + cosine * column + middle_column];
                    blend(|at| level(from[at]), shape, at, to);
                    continue;
                }
                let at = (row + down).checked_sub(most).zip((side + right).checked_sub(most));
                match at.filter(|(row, column)| *row < rows && *column < columns) {
                    Some((row, column)) => {
                        let from = &from[(row * columns + column) * channels..][..channels];
                        to.iter_mut().zip(from).for_each(|(to, from)| *to = level(*from));
                    }
                    None => to.fill(0),
                }
            }
        }
    }
}

/// Returns the new value of each byte after a change of brightness, then of contrast about the new mean.
fn exposure(image: &[u8], [brightness, contrast]: [f32; 2]) -> [u8; 256] {
    let mean = image.iter().map(|byte| f64::from(*byte)).sum::<f64>() / image.len().max(1) as f64;
    let (brightness, contrast) = (f64::from(brightness), f64::from(contrast));
    std::array::from_fn(|byte| {
        let around = brightness * (mean + contrast * (byte as f64 - mean));
        around.round().clamp(0.0, 255.0) as u8
    })
}

/// Writes the bilinear interpolation of the image's bytes, `from(index)`, at a position to `to`; outside the image they
/// are 0.
fn blend(from: impl Fn(usize) -> u8, shape: Shape, [row, column]: [f32; 2], to: &mut [u8]) {
    let channels = shape.channels as usize;
    let [above, left] = [row.floor(), column.floor()];
    let [down, right] = [row - above, column - left];
    for (channel, to) in to.iter_mut().enumerate() {
        let mut sum = 0.0;
        for (row, down) in [(above, 1.0 - down), (above + 1.0, down)] {
            for (column, right) in [(left, 1.0 - right), (left + 1.0, right)] {
                let inside =
                    (0.0..f32::from(shape.rows)).contains(&row) && (0.0..f32::from(shape.columns)).contains(&column);
                if inside {
                    let at = (row as usize * shape.columns as usize + column as usize) * channels + channel;
                    sum += down * right * f32::from(from(at));
                }
            }
        }
        *to = sum.round() as u8;
    }
}

/// A rectangle in an image.
struct Rectangle {
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Rectangle {
    /// Draws a rectangle to erase; `None` if this image is not drawn or is too small for the rectangle.
    fn draw(share: f32, rows: usize, columns: usize, stream: &mut Stream) -> Option<Rectangle> {
        let [chance, area, ratio, top, left] = [(); 5].map(|()| stream.unit());
        let area = (0.02 + area * (1.0 / 3.0 - 0.02)) * (rows * columns) as f32;
        // Log-uniform from 1/3.3 to 3.3.
        let ratio = 3.3f32.powf(2.0 * ratio - 1.0);
        let [height, width] = [(area * ratio).sqrt().round() as usize, (area / ratio).sqrt().round() as usize];
        if chance >= share || height >= rows || width >= columns {
            return None;
        }
        let place = |unit: f32, room: usize| ((unit * (room + 1) as f32) as usize).min(room);
        let (top, left) = (place(top, rows - height), place(left, columns - width));
        Some(Rectangle { rows: top..top + height, columns: left..left + width })
    }

    fn covers(&self, row: usize, column: usize) -> bool {
        self.rows.contains(&row) && self.columns.contains(&column)
    }
}
