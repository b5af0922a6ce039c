//! The operands of the kernels for up to four pixels.

/// Inputs of four pixels that are side by side in memory, for each pixel. A kernel for fewer pixels reads the first
/// ones only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Part {
    pub x: [*const u8; 4],
    /// The number of inputs of one pixel, at least one.
    pub length: usize,
    /// Weights to step back after the part, because vectors of sixteen advance over its end.
    #[cfg(nin_mve)]
    pub back: usize,
}

impl Part {
    /// Returns a part of `length` inputs.
    #[inline(always)]
    pub fn new(x: [*const u8; 4], length: usize) -> Self {
        Part {
            x,
            length,
            #[cfg(nin_mve)]
            back: length.wrapping_neg() % 16,
        }
    }

    /// Returns the end of a list: a part without inputs, after which a kernel advances by `beyond` weights.
    #[cfg(nin_mve)]
    pub fn end(beyond: usize) -> Self {
        Part { x: [core::ptr::null(); 4], length: 0, back: beyond.wrapping_neg() }
    }
}

/// The task of a kernel. The kernels read the fields at fixed distances and advance some of them.
#[repr(C)]
pub struct QuadTask {
    /// The first weight of the next output. All parts together have consecutive weights from here on.
    pub weights: *const i8,
    /// Weights from one output to the next.
    pub fan_in: usize,
    pub parts: *const Part,
    /// The end of the parts. The kernels for Helium find it by [`Part::end`], which is there.
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
