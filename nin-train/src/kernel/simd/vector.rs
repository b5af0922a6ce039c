//! The vector operations of the kernels.
//!
//! Addresses are [`NonNull`], so that kernels keep their speed where debug assertions are on. With them, the compiler
//! checks each access by a raw pointer for null and alignment, and the standard library checks `ptr::add` and
//! `read_unaligned`: a training step took 2.4 times as long. The methods of `NonNull` have no such checks, and a step
//! takes about 1.04 times as long (`examples/step.rs`, `fashion` and `fashion-small`, AMD EPYC with AVX-512).
#![allow(unsafe_code)]

use std::ptr::NonNull;

/// A token: a value of this type proves that the processor has its vectors.
pub(crate) trait Simd: Copy {
    /// A vector of [`Simd::LANES`] values.
    type Vector: Copy;
    /// A truth value for each lane.
    type Mask: Copy;
    /// Values in a vector; at most 16.
    const LANES: usize;

    /// Runs `work` compiled for these vectors; functions that it calls must be inlined into it.
    fn vectorize<R>(self, work: impl FnOnce() -> R) -> R;

    /// Returns `value` in each lane.
    fn splat(self, value: f32) -> Self::Vector;
    /// Returns a + b.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Returns a where it is positive or not a number, else 0.
    fn relu(self, a: Self::Vector) -> Self::Vector;
    /// Returns a·b + c, rounded once if the processor supports it.
    fn fma(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Returns `value` where `gate` > 0, else 0.
    fn gate(self, value: Self::Vector, gate: Self::Vector) -> Self::Vector;
    /// Returns where a > b, or a is not a number.
    fn above(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// Returns where a = b.
    fn equal(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// Returns a where the mask is set, else b.
    fn select(self, mask: Self::Mask, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// Returns the values from `at` on.
    ///
    /// # Safety
    ///
    /// [`Simd::LANES`] values can be read at `at`, which is aligned for one.
    unsafe fn load(self, at: NonNull<f32>) -> Self::Vector;
    /// Returns the first `lanes` values from `at` on, and zeros in the other lanes.
    ///
    /// # Safety
    ///
    /// `lanes` values, at most [`Simd::LANES`], can be read at `at`.
    unsafe fn load_part(self, at: NonNull<f32>, lanes: usize) -> Self::Vector;
    /// Writes the values from `at` on.
    ///
    /// # Safety
    ///
    /// [`Simd::LANES`] values can be written at `at`, which is aligned for one.
    unsafe fn store(self, at: NonNull<f32>, value: Self::Vector);
    /// Writes the first `lanes` values from `at` on.
    ///
    /// # Safety
    ///
    /// `lanes` values, at most [`Simd::LANES`], can be written at `at`.
    unsafe fn store_part(self, at: NonNull<f32>, value: Self::Vector, lanes: usize);

    /// Returns the slice's first [`Simd::LANES`] values; of a shorter slice all values, and zeros in the other lanes.
    #[inline(always)]
    fn read(self, from: &[f32]) -> Self::Vector {
        if from.len() >= Self::LANES {
            // SAFETY: the slice has a vector's values.
            unsafe { self.load(start_of(from)) }
        } else {
            // SAFETY: the slice has these values, which are fewer than a vector's.
            unsafe { self.load_part(start_of(from), from.len()) }
        }
    }

    /// Writes the vector to the slice's first [`Simd::LANES`] values; of a shorter slice, to all of them.
    #[inline(always)]
    fn write(self, to: &mut [f32], value: Self::Vector) {
        if to.len() >= Self::LANES {
            // SAFETY: the slice has a vector's values.
            unsafe { self.store(start_of_mut(to), value) }
        } else {
            // SAFETY: the slice has these values, which are fewer than a vector's.
            unsafe { self.store_part(start_of_mut(to), value, to.len()) }
        }
    }
}

/// Returns where a slice begins.
#[inline(always)]
pub(in crate::kernel) fn start_of(values: &[f32]) -> NonNull<f32> {
    NonNull::from(values).cast()
}

/// Returns where a slice that is written to begins.
#[inline(always)]
pub(in crate::kernel) fn start_of_mut(values: &mut [f32]) -> NonNull<f32> {
    NonNull::from(values).cast()
}
