//! Bilinear enlargement, in integers.

/// The two source positions around a position of an enlarged row or column, and their weights.
///
/// Pixels are squares that touch, and the first and the last are repeated (PyTorch's `align_corners=False`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Between {
    /// The source position before it.
    pub first: usize,
    /// The source position after it.
    pub second: usize,
    /// The weight of the second, in [`whole`](Self::whole)ths.
    weight: u64,
    /// The sum of both weights.
    whole: u64,
}

impl Between {
    /// Returns the source positions around `position` if `from` pixels become `to` pixels.
    ///
    /// # Panics
    ///
    /// If `from` or `to` is 0.
    pub const fn new(position: usize, from: usize, to: usize) -> Between {
        // The centre of the position in the source is ((2 position + 1) from / to - 1) / 2.
        let whole = 2 * to as u64;
        let centre = ((2 * position as u64 + 1) * from as u64).saturating_sub(to as u64);
        let first = (centre / whole) as usize;
        if first + 1 < from {
            return Between { first, second: first + 1, weight: centre % whole, whole };
        }
        Between { first: from - 1, second: from - 1, weight: 0, whole }
    }

    /// Returns the level between four levels: `[above left, above right, below left, below right]`, for the row `self`
    /// and the column `across`. The exact value is rounded to the nearest integer, halves up.
    pub const fn level(&self, across: &Between, [a, b, c, d]: [u8; 4]) -> u8 {
        let upper = (across.whole - across.weight) * a as u64 + across.weight * b as u64;
        let lower = (across.whole - across.weight) * c as u64 + across.weight * d as u64;
        let area = self.whole * across.whole;
        (((self.whole - self.weight) * upper + self.weight * lower + area / 2) / area) as u8
    }
}
