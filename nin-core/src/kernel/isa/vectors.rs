//! What kernels for a host's vectors are written in.

use half::f16;

use crate::kernel::sum::sealed::Rounding;

/// Work written in vectors.
pub trait Work {
    /// Does the work; to be inlined into code that is compiled for the vectors.
    fn run<V: Vectors>(self, vectors: V);
}

/// Vectors of sixteen floats. A value of this type proves that the processor has them.
pub trait Vectors: Copy {
    /// Sixteen floats.
    type Sixteen: Copy;
    /// How many of them the registers hold beside what is added to them.
    const SUMS: usize;

    /// From memory.
    fn load(self, values: &[f32; 16]) -> Self::Sixteen;
    /// From memory, widened exactly.
    fn widen(self, values: &[f16; 16]) -> Self::Sixteen;
    /// Into memory.
    fn store(self, vector: Self::Sixteen, values: &mut [f32; 16]);
    /// `sum + x · weights`, rounded as `R` says.
    fn add<R: Rounding>(self, sum: Self::Sixteen, x: f32, weights: Self::Sixteen) -> Self::Sixteen;
    /// [`relu`](crate::kernel::sum::relu) of each.
    fn relu(self, vector: Self::Sixteen) -> Self::Sixteen;
}
