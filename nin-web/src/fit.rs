//! A picture in the shape of the network's input: cropped, in the network's colours and size.

use nin_core::Shape;
use nin_core::camera::{Crop, luma};

/// Writes a picture of `rows` × `columns` pixels (R, G, B, and a fourth byte that is ignored) in the shape `to` to
/// `out`. Returns whether it could: the network needs one channel (grey) or three.
///
/// The picture is cropped about its centre to the aspect ratio of `to`. A pixel of the network is the mean of the area
/// that it covers if the crop has at least its rows and columns; otherwise the crop is enlarged bilinearly. Results are
/// exact, and rounded to the nearest integer, halves up: the bytes that [`nin_core::camera`] makes of a camera's rows
/// and nin-train of a picture.
pub fn fit(picture: &[[u8; 4]], (rows, columns): (usize, usize), to: Shape, out: &mut [u8]) -> bool {
    let (height, width, channels) = (usize::from(to.rows), usize::from(to.columns), usize::from(to.channels));
    if rows * columns == 0 || rows * columns != picture.len() || out.len() != to.len() || !matches!(channels, 1 | 3) {
        return false;
    }
    let (Ok(frame_rows), Ok(frame_columns)) = (u16::try_from(rows), u16::try_from(columns)) else { return false };
    let crop = Crop::new((frame_rows, frame_columns), to);
    let reduced = crop.covers(to);
    let [left, top, across, down] = [crop.left, crop.top, crop.columns, crop.rows].map(usize::from);
    let side = |at, from, to| if reduced { Side::area(at, from, to) } else { Side::between(at, from, to) };
    for (y, row) in out.chunks_exact_mut(width * channels).enumerate() {
        let rows = side(y, down, height);
        for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
            let columns_of = side(x, across, width);
            let (mut sums, mut area) = ([0u64; 3], 0u64);
            for v in rows.first..rows.end {
                for u in columns_of.first..columns_of.end {
                    let weight = rows.weight(v) * columns_of.weight(u);
                    let [r, g, b, _] = picture[(top + v) * columns + left + u];
                    let colour = if channels == 1 { [luma([r, g, b]); 3] } else { [r, g, b] };
                    for (sum, level) in sums.iter_mut().zip(colour) {
                        *sum += weight * u64::from(level);
                    }
                    area += weight;
                }
            }
            for (value, sum) in pixel.iter_mut().zip(sums) {
                *value = ((sum + area / 2) / area) as u8;
            }
        }
    }
    true
}

/// The source pixels of one output pixel on one axis, and their weights.
struct Side {
    first: usize,
    end: usize,
    /// The weights of the first pixel, of the last one, and of those between them.
    weights: [u64; 3],
}

impl Side {
    /// The pixels that an output pixel covers; each counts by the part of it that lies inside.
    fn area(at: usize, from: usize, to: usize) -> Side {
        // A source pixel is `to` units long, an output pixel `from` units.
        let (begin, stop) = (at * from, (at + 1) * from);
        let (first, end) = (begin / to, stop.div_ceil(to));
        let inside = |pixel: usize| (stop.min((pixel + 1) * to) - begin.max(pixel * to)) as u64;
        Side { first, end, weights: [inside(first), inside(end - 1), to as u64] }
    }

    /// The two pixels around the centre of an output pixel.
    fn between(at: usize, from: usize, to: usize) -> Side {
        let whole = 2 * to;
        let centre = ((2 * at + 1) * from).saturating_sub(to);
        let first = (centre / whole).min(from - 1);
        match first + 1 < from {
            true => {
                let weight = (centre % whole) as u64;
                Side { first, end: first + 2, weights: [whole as u64 - weight, weight, 0] }
            }
            false => Side { first: from - 1, end: from, weights: [whole as u64; 3] },
        }
    }

    fn weight(&self, pixel: usize) -> u64 {
        match pixel {
            first if first == self.first => self.weights[0],
            last if last + 1 == self.end => self.weights[1],
            _ => self.weights[2],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use nin_core::Shape;

    use super::fit;

    fn fitted(picture: &[[u8; 4]], size: (usize, usize), to: Shape) -> Vec<u8> {
        let mut out = std::vec![0; to.len()];
        assert!(fit(picture, size, to, &mut out));
        out
    }

    fn grey(levels: &[u8]) -> Vec<[u8; 4]> {
        levels.iter().map(|&level| [level, level, level, 255]).collect()
    }

    #[test]
    fn the_same_size_stays_as_it_is() {
        let picture = [[1, 2, 3, 0], [4, 5, 6, 0]];
        assert_eq!(fitted(&picture, (1, 2), Shape { channels: 3, rows: 1, columns: 2 }), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn pixels_are_means_of_areas() {
        // 3 pixels on 2: the middle one counts half for each. (10 + 20/2) / 1.5 = 13.3, (20/2 + 60) / 1.5 = 46.7.
        assert_eq!(
            fitted(&grey(&[10, 20, 60].repeat(3)), (3, 3), Shape { channels: 1, rows: 2, columns: 2 }),
            [13, 47, 13, 47]
        );
        // 4 x 8, cropped to the middle four columns.
        let row = [0, 0, 1, 2, 3, 5, 0, 0];
        assert_eq!(fitted(&grey(&row.repeat(4)), (4, 8), Shape { channels: 1, rows: 2, columns: 2 }), [2, 4, 2, 4]);
    }

    #[test]
    fn small_pictures_are_enlarged() {
        let out = fitted(&grey(&[0, 100]), (1, 2), Shape { channels: 1, rows: 2, columns: 4 });
        assert_eq!(out, [0, 25, 75, 100, 0, 25, 75, 100]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let to = |channels| Shape { channels, rows: 1, columns: 1 };
        assert!(!fit(&[], (0, 0), to(1), &mut [0]));
        assert!(!fit(&grey(&[1]), (1, 2), to(1), &mut [0]));
        assert!(!fit(&grey(&[1]), (1, 1), to(2), &mut [0, 0]));
        assert!(!fit(&grey(&[1]), (1, 1), to(1), &mut []));
    }
}
