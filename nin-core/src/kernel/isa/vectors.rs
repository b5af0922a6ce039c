//! The traits with which kernels for a host's vectors are written.

use half::f16;

use crate::kernel::sum::sealed::Rounding;

/// A computation with vectors.
pub trait Work {
    /// Runs the computation; must be inlined into code that is compiled for the vectors.
    fn run<V: Vectors>(self, vectors: V);
}

/// Vectors of sixteen floats. A value of this type proves that the processor has them.
pub trait Vectors: Copy {
    /// Sixteen floats.
    type Sixteen: Copy;
    /// The number of sums that fit the registers together with the operands.
    const SUMS: usize;

    /// Loads sixteen floats.
    fn load(self, values: &[f32; 16]) -> Self::Sixteen;
    /// Loads sixteen 16-bit floats, widened exactly.
    fn widen(self, values: &[f16; 16]) -> Self::Sixteen;
    /// Stores sixteen floats.
    fn store(self, vector: Self::Sixteen, values: &mut [f32; 16]);
    /// Returns `sum + x · weights`, rounded by `R`.
    fn add<R: Rounding>(self, sum: Self::Sixteen, x: f32, weights: Self::Sixteen) -> Self::Sixteen;
    /// Returns the [`relu`](crate::kernel::sum::relu) of each float.
    fn relu(self, vector: Self::Sixteen) -> Self::Sixteen;
}
