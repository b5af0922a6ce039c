//! Small pictures embedded in the page.

use base64::prelude::{BASE64_STANDARD, Engine};
use nin_core::Shape;

use crate::report::pictures::png;

/// An RGB picture, row by row.
pub(super) struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// Returns a picture with the colours `pixel(x, y)`.
    pub(super) fn paint(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Self {
        let pixels = (0..width * height).map(|i| pixel(i % width, i / width)).collect();
        Self { width, height, pixels }
    }

    /// Returns an image of a data set, reduced if a side has more than `most` pixels.
    pub(super) fn of(image: &[u8], shape: Shape, most: usize) -> Self {
        let [rows, columns, channels] = [shape.rows, shape.columns, shape.channels].map(usize::from);
        let colour = |x: usize, y: usize| match &image[(y * columns + x) * channels..][..channels] {
            [r, g, b] => [*r, *g, *b],
            other => [(other.iter().map(|&byte| usize::from(byte)).sum::<usize>() / other.len().max(1)) as u8; 3],
        };
        let largest = rows.max(columns);
        let small = |side: usize| if largest > most { (side * most / largest).max(1) } else { side };
        let (width, height) = (small(columns), small(rows));
        Self::paint(width, height, |x, y| {
            // The mean of the pixels that this one covers.
            let from = |i: usize, side: usize, of: usize| i * of / side..((i + 1) * of).div_ceil(side);
            let (mut sum, mut count) = ([0usize; 3], 0);
            for y in from(y, height, rows) {
                for x in from(x, width, columns) {
                    sum.iter_mut().zip(colour(x, y)).for_each(|(sum, byte)| *sum += usize::from(byte));
                    count += 1;
                }
            }
            sum.map(|sum| (sum / count.max(1)) as u8)
        })
    }

    /// Returns the picture, reduced if a side has more than `most` pixels.
    pub(super) fn smaller(self, most: usize) -> Self {
        let side = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
        let shape = Shape { channels: 3, rows: side(self.height), columns: side(self.width) };
        if self.width.max(self.height) > most { Self::of(self.pixels.as_flattened(), shape, most) } else { self }
    }

    /// Returns the darkened picture under a heat map of 0 to 1: `heat(x, y)`, with `x` and `y` from 0 to 1 across it.
    pub(super) fn heated(&self, heat: impl Fn(f32, f32) -> f32) -> Self {
        Self::paint(self.width, self.height, |x, y| {
            let at = |i: usize, of: usize| (i as f32 + 0.5) / of as f32;
            let heat = heat(at(x, self.width), at(y, self.height)).clamp(0.0, 1.0);
            let [r, g, b] = self.pixels[y * self.width + x].map(f32::from);
            let grey = 0.15 + 0.65 * (0.299 * r + 0.587 * g + 0.114 * b) / 255.0;
            let [red, green, blue] = warm(heat);
            let cover = 0.75 * heat;
            [red, green, blue].map(|colour| (255.0 * grey * (1.0 - cover) + f32::from(colour) * cover).round() as u8)
        })
    }

    /// Returns the picture as a `data:` URL; empty if it cannot be encoded as a PNG.
    pub(super) fn address(&self) -> String {
        let grey = self.pixels.iter().all(|[r, g, b]| r == g && g == b);
        let file = match grey {
            true => png(&self.pixels.iter().map(|pixel| pixel[0]).collect::<Vec<_>>(), self.height, self.width, 1),
            false => png(self.pixels.as_flattened(), self.height, self.width, 3),
        };
        file.map_or_else(|_| String::new(), |file| format!("data:image/png;base64,{}", BASE64_STANDARD.encode(&file)))
    }
}

/// Returns the colour at `value`, from 0 to 1, interpolated between the colours of `stops`.
fn between(stops: &[[u8; 3]], value: f32) -> [u8; 3] {
    let at = value.clamp(0.0, 1.0) * (stops.len() - 1) as f32;
    let first = (at as usize).min(stops.len() - 2);
    let share = at - first as f32;
    std::array::from_fn(|i| {
        let [a, b] = [stops[first][i], stops[first + 1][i]].map(f32::from);
        (a + (b - a) * share).round() as u8
    })
}

/// Returns a colour from black (0) over violet and orange to light yellow (1).
pub(super) fn warm(value: f32) -> [u8; 3] {
    between(&[[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], value)
}

/// Returns a colour from blue (−1) over white (0) to red (1).
pub(super) fn signed(value: f32) -> [u8; 3] {
    between(&[[20, 70, 150], [120, 170, 215], [247, 247, 247], [235, 140, 110], [165, 15, 35]], 0.5 + 0.5 * value)
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD as STANDARD, Engine};
    use nin_core::Shape;

    use super::{Picture, signed, warm};

    #[test]
    fn an_address_holds_the_picture_as_a_png() {
        let address = Picture::paint(2, 1, |x, _| [[255, 0, 0], [0, 0, 255]][x]).address();
        let file = STANDARD.decode(address.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let picture = image::load_from_memory(&file).unwrap().to_rgb8();
        assert_eq!((picture.dimensions(), picture.as_raw().as_slice()), ((2, 1), &[255, 0, 0, 0, 0, 255][..]));
    }

    #[test]
    fn colours_go_from_end_to_end() {
        assert_eq!((warm(0.0), warm(1.0), warm(9.0)), ([0, 0, 4], [252, 255, 164], [252, 255, 164]));
        assert_eq!((signed(-1.0), signed(0.0), signed(1.0)), ([20, 70, 150], [247; 3], [165, 15, 35]));
    }

    #[test]
    fn large_images_are_averaged() {
        let shape = Shape { channels: 1, rows: 2, columns: 4 };
        let picture = Picture::of(&[0, 100, 8, 8, 0, 100, 8, 16], shape, 2);
        assert_eq!((picture.width, picture.height), (2, 1));
        assert_eq!(picture.pixels, [[50; 3], [10; 3]]);
        assert_eq!(Picture::of(&[1, 2, 3], Shape { channels: 3, rows: 1, columns: 1 }, 2).pixels, [[1, 2, 3]]);
    }
}
