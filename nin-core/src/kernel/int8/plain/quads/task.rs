//! The operands of the kernels for up to four pixels.

/// Inputs of four pixels that are side by side in memory, for each pixel. A kernel for fewer pixels reads the first
/// ones only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Part {
    pub x: [*const u8; 4],
    /// The number of inputs of one pixel, at least one.
    pub length: usize,
}

/// The task of a kernel. The kernels read the fields at fixed distances and advance some of them.
#[repr(C)]
pub struct QuadTask {
    /// The first weight of the next output. All parts together have consecutive weights from here on.
    pub weights: *const i8,
    /// Weights from one output to the next.
    pub fan_in: usize,
    pub parts: *const Part,
    pub end: *const Part,
    /// The next output's bias.
    pub biases: *const i32,
    /// Bytes from an output's bias to its multiplier, and from there to its shift.
    pub stride: usize,
    /// The first pixel's next output.
    pub out: *mut u8,
    /// Rounds left; a round computes as many outputs as [`outputs`](super::kernel::outputs) returns.
    pub rounds: usize,
    /// Bytes from `out` to each pixel's output. A kernel for N pixels expects the offset of pixel `i % N` at `i`.
    pub offsets: [usize; 4],
}
