//! Vectors for any processor: arrays of 8, vectorised by the compiler.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::Simd;

/// A token that any processor has.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct Portable;

impl Simd for Portable {
    type Vector = [f32; 8];
    type Mask = [bool; 8];
    const LANES: usize = 8;

    #[inline(always)]
    fn vectorize<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }

    #[inline(always)]
    fn splat(self, value: f32) -> [f32; 8] {
        [value; 8]
    }

    #[inline(always)]
    fn add(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn relu(self, a: [f32; 8]) -> [f32; 8] {
        a.map(|a| if a < 0.0 { 0.0 } else { a })
    }

    #[inline(always)]
    fn fma(self, a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        // On aarch64 every processor fuses; elsewhere `mul_add` would call a library function.
        if cfg!(target_arch = "aarch64") {
            std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
        } else {
            std::array::from_fn(|i| a[i] * b[i] + c[i])
        }
    }

    #[inline(always)]
    fn gate(self, value: [f32; 8], gate: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| if gate[i] > 0.0 { value[i] } else { 0.0 })
    }

    #[inline(always)]
    fn above(self, a: [f32; 8], b: [f32; 8]) -> [bool; 8] {
        std::array::from_fn(|i| a[i] > b[i] || a[i].is_nan())
    }

    #[inline(always)]
    fn equal(self, a: [f32; 8], b: [f32; 8]) -> [bool; 8] {
        std::array::from_fn(|i| a[i] == b[i])
    }

    #[inline(always)]
    fn select(self, mask: [bool; 8], a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| if mask[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    unsafe fn load(self, at: NonNull<f32>) -> [f32; 8] {
        // SAFETY: the caller's.
        unsafe { *at.cast().as_ref() }
    }

    #[inline(always)]
    unsafe fn load_part(self, at: NonNull<f32>, lanes: usize) -> [f32; 8] {
        let mut value = [0.0; 8];
        for (i, lane) in value.iter_mut().enumerate().take(lanes) {
            // SAFETY: the caller's.
            *lane = unsafe { *at.add(i).as_ref() };
        }
        value
    }

    #[inline(always)]
    unsafe fn store(self, at: NonNull<f32>, value: [f32; 8]) {
        // SAFETY: the caller's.
        unsafe { *at.cast().as_mut() = value }
    }

    #[inline(always)]
    unsafe fn store_part(self, at: NonNull<f32>, value: [f32; 8], lanes: usize) {
        for (i, lane) in value.iter().enumerate().take(lanes) {
            // SAFETY: the caller's.
            unsafe { *at.add(i).as_mut() = *lane };
        }
    }
}
