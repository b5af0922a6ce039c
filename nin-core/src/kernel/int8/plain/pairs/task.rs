//! What the kernels for pairs of pixels work on.

/// Inputs of two pixels.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Run {
    pub first: *const u8,
    pub second: *const u8,
    /// How many of each, at least one.
    pub length: usize,
}

/// What a kernel works on; the order is its own, and it counts in it.
#[repr(C)]
pub struct PairTask {
    /// The first input of the first of the next three outputs.
    pub weights: *const i8,
    /// Weights from one output to the next.
    pub fan_in: usize,
    pub parts: *const Run,
    pub end: *const Run,
    /// The next three outputs' biases.
    pub biases: *const i32,
    /// Bytes from an output's bias to its multiplier, and from there to its shift.
    pub stride: usize,
    /// The first pixel's next output.
    pub out: *mut u8,
    /// Bytes from there to the second pixel's.
    pub step: usize,
    /// Outputs left, in threes.
    pub groups: usize,
}
