//! The part of a frame that the network reads.

use crate::spec::Shape;

/// A rectangle of a frame, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// The first column.
    pub left: u16,
    /// The first row.
    pub top: u16,
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

impl Crop {
    /// Returns the largest rectangle of a frame of `rows` × `columns` pixels that has the aspect ratio of `to`, about
    /// the frame's centre.
    ///
    /// It has all of the frame's rows or all of its columns. The other side is rounded to the nearest integer, and is
    /// at least 1. If the pixels that are left out are of an odd number, the additional one is at the right or at the
    /// bottom.
    ///
    /// # Panics
    ///
    /// If `to` has no rows or columns.
    pub const fn new((rows, columns): (u16, u16), to: Shape) -> Crop {
        let (w, h) = (part(columns, rows, to.columns, to.rows), part(rows, columns, to.rows, to.columns));
        Crop { left: (columns - w) / 2, top: (rows - h) / 2, columns: w, rows: h }
    }

    /// Whether each side has at least as many pixels as `to`: it is then reduced, otherwise enlarged.
    pub const fn covers(self, to: Shape) -> bool {
        self.rows >= to.rows && self.columns >= to.columns
    }
}

/// Returns the part of `side` that has the ratio `wanted` : `wanted_other` to all of the `other` side.
const fn part(side: u16, other: u16, wanted: u16, wanted_other: u16) -> u16 {
    // At most 65,535² + 32,767, which 32 bits hold.
    let exact = (other as u32 * wanted as u32 + wanted_other as u32 / 2) / wanted_other as u32;
    if exact >= side as u32 {
        side
    } else if exact == 0 {
        1
    } else {
        exact as u16
    }
}
