//! The tiles of a map, and sizes that all passes share.

/// Side of a tile: the points of the transform.
pub(super) const SIDE: usize = 6;
/// Products in a tile.
pub(super) const PLACES: usize = SIDE * SIDE;
/// The number of columns of the products that are transformed back at once; they fit the cache.
pub(super) const BLOCK: usize = 48;
/// The same for the gradient of the weights.
pub(super) const WEIGHT_BLOCK: usize = 64;

/// The position of a tile in its image, and its part inside the image.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// The offset of its first input, in values.
    pub(super) from: usize,
    /// Rows and columns of its inputs that are in memory; the others are zeros.
    pub(super) inside: [usize; 2],
    /// The index of its first output pixel in the chunk.
    pub(super) pixel: usize,
    /// Rows and columns of its outputs that exist.
    pub(super) real: [usize; 2],
}
