//! The arguments of the kernels for pairs of pixels.

/// Contiguous inputs of two pixels.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Run {
    pub first: *const u8,
    pub second: *const u8,
    /// The number of inputs of each pixel, at least one.
    pub length: usize,
}

/// Arguments of a kernel, which also updates them; the assembly relies on the order of the fields.
#[repr(C)]
pub struct PairTask {
    /// The first input of the first of the next three outputs.
    pub weights: *const i8,
    /// The weights of one output: the distance to those of the next.
    pub fan_in: usize,
    pub parts: *const Run,
    pub end: *const Run,
    /// The next three outputs' biases.
    pub biases: *const i32,
    /// Bytes from an output's bias to its multiplier, and from its multiplier to its shift.
    pub stride: usize,
    /// The address of the first pixel's next output.
    pub out: *mut u8,
    /// Bytes from the first pixel's outputs to those of the second.
    pub step: usize,
    /// Groups of three outputs that remain.
    pub groups: usize,
}
