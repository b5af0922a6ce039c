//! From a picture to a network's input, slowly and by the definition: whole pictures, exact fractions.

use nin_core::Shape;

/// A picture with three channels.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// The colour of each pixel, row by row.
    pub pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// Returns what a network with input `to` reads: rows × columns × channels.
    pub fn fitted(&self, to: Shape) -> Vec<u8> {
        let (rows, columns) = (usize::from(to.rows), usize::from(to.columns));
        let cropped = self.cropped(rows, columns);
        let planes: Vec<Vec<i128>> = match to.channels {
            1 => vec![cropped.pixels.iter().map(|&colour| grey(colour)).collect()],
            _ => (0..3).map(|c| cropped.pixels.iter().map(|colour| colour[c].into()).collect()).collect(),
        };
        let mut out = Vec::new();
        for y in 0..rows {
            for x in 0..columns {
                for plane in &planes {
                    let down = weights(y, cropped.rows, rows);
                    let across = weights(x, cropped.columns, columns);
                    // The weights of each axis are fractions of one denominator; so are those of the pixels.
                    let (mut sum, mut all) = (0, 0);
                    for &(from_y, by_y) in &down {
                        for &(from_x, by_x) in &across {
                            sum += by_y * by_x * plane[from_y * cropped.columns + from_x];
                            all += by_y * by_x;
                        }
                    }
                    out.push(((2 * sum + all) / (2 * all)) as u8);
                }
            }
        }
        out
    }

    fn cropped(&self, rows: usize, columns: usize) -> Picture {
        // The nearest integer; the half is rounded up.
        let nearest = |number: usize, by: usize| (2 * number + by) / (2 * by);
        let width = nearest(self.rows * columns, rows).clamp(1, self.columns);
        let height = nearest(self.columns * rows, columns).clamp(1, self.rows);
        let (left, top) = ((self.columns - width) / 2, (self.rows - height) / 2);
        let row = |y: usize| &self.pixels[(top + y) * self.columns + left..][..width];
        let pixels = (0..height).flat_map(row).copied().collect();
        Picture { rows: height, columns: width, pixels }
    }
}

/// Returns the grey level of a colour by the weights of BT.601 in 256ths.
pub fn grey([r, g, b]: [u8; 3]) -> i128 {
    (i128::from(r) * 77 + i128::from(g) * 150 + i128::from(b) * 29 + 128) / 256
}

/// Returns the source positions of an output position, with their weights: the part of each that it covers, or the two
/// neighbours of its centre if the axis is enlarged.
fn weights(index: usize, from: usize, to: usize) -> Vec<(usize, i128)> {
    let (index, from, to) = (index as i128, from as i128, to as i128);
    if from >= to {
        let part = |at: i128| ((index + 1) * from).min((at + 1) * to) - (index * from).max(at * to);
        return (0..from).map(|at| (at as usize, part(at))).filter(|&(_, part)| part > 0).collect();
    }
    // The centre, in parts of 2 to of a pixel, from the centre of the first one.
    let centre = ((2 * index + 1) * from - to).clamp(0, 2 * to * (from - 1));
    let (first, part) = (centre / (2 * to), centre % (2 * to));
    [(first, 2 * to - part), (first + 1, part)]
        .into_iter()
        .filter(|&(_, part)| part > 0)
        .map(|(at, part)| (at as usize, part))
        .collect()
}
