//! The tiles of a map, and sizes that all passes share.

/// Side of a tile: the points of the transform.
pub(super) const SIDE: usize = 6;
/// Products in a tile.
pub(super) const PLACES: usize = SIDE * SIDE;
/// Columns of the products that are transformed back at once: as many as stay in cache.
pub(super) const BLOCK: usize = 48;
/// The same for the gradient of the weights.
pub(super) const WEIGHT_BLOCK: usize = 64;

/// Where a tile begins in its image, and how much of it is inside.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// Values before its first input.
    pub(super) from: usize,
    /// Rows and columns of its inputs that are in memory; beyond are zeros.
    pub(super) inside: [usize; 2],
    /// Its first output pixel of the chunk.
    pub(super) pixel: usize,
    /// Rows and columns of its outputs that are real.
    pub(super) real: [usize; 2],
}
