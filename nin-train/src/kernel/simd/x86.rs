//! Vectors of x86-64 processors: AVX-512, and AVX2 with FMA.
#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::mem::transmute;
use std::ptr::NonNull;

use super::Simd;

/// Made by [`Avx512::detect`] alone: the processor has these vectors.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct Avx512(());

impl Avx512 {
    /// Returns the proof, if the processor has them.
    pub(super) fn detect() -> Option<Avx512> {
        let has = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
        (has && Avx2::detect().is_some()).then_some(Avx512(()))
    }

    /// Returns a mask of the first `lanes` lanes, at most 16.
    #[inline(always)]
    fn first(self, lanes: usize) -> __mmask16 {
        ((1u32 << lanes) - 1) as __mmask16
    }
}

/// Runs `work` compiled for [`Avx512`].
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
fn with_avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}

// SAFETY of each body: the token proves that the processor has the instructions; addresses are the caller's.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Avx512 {
    type Vector = __m512;
    type Mask = __mmask16;
    const LANES: usize = 16;

    #[inline(always)]
    fn vectorize<R>(self, work: impl FnOnce() -> R) -> R {
        unsafe { with_avx512(work) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn relu(self, a: __m512) -> __m512 {
        // If either operand is NaN the result is the second operand, so NaN is kept.
        unsafe { _mm512_max_ps(_mm512_setzero_ps(), a) }
    }

    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn gate(self, value: __m512, gate: __m512) -> __m512 {
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(gate, _mm512_setzero_ps()), value) }
    }

    #[inline(always)]
    fn above(self, a: __m512, b: __m512) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a) }
    }

    #[inline(always)]
    fn equal(self, a: __m512, b: __m512) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b) }
    }

    #[inline(always)]
    fn select(self, mask: __mmask16, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mask_blend_ps(mask, b, a) }
    }

    #[inline(always)]
    unsafe fn load(self, at: NonNull<f32>) -> __m512 {
        unsafe { transmute::<[f32; 16], __m512>(*at.cast().as_ref()) }
    }

    #[inline(always)]
    unsafe fn load_part(self, at: NonNull<f32>, lanes: usize) -> __m512 {
        unsafe { _mm512_maskz_loadu_ps(self.first(lanes), at.as_ptr()) }
    }

    #[inline(always)]
    unsafe fn store(self, at: NonNull<f32>, value: __m512) {
        unsafe { *at.cast().as_mut() = transmute::<__m512, [f32; 16]>(value) }
    }

    #[inline(always)]
    unsafe fn store_part(self, at: NonNull<f32>, value: __m512, lanes: usize) {
        unsafe { _mm512_mask_storeu_ps(at.as_ptr(), self.first(lanes), value) }
    }
}

/// Made by [`Avx2::detect`] alone: the processor has these vectors.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct Avx2(());

impl Avx2 {
    /// Returns the proof, if the processor has them.
    pub(super) fn detect() -> Option<Avx2> {
        let has = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        has.then_some(Avx2(()))
    }

    /// Returns a mask of the first `lanes` lanes.
    #[inline(always)]
    fn first(self, lanes: usize) -> __m256i {
        // SAFETY: the token proves that the processor has the instructions.
        unsafe {
            let order = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes as i32), order)
        }
    }
}

/// Runs `work` compiled for [`Avx2`].
#[target_feature(enable = "avx2,fma")]
fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

// SAFETY of each body: the token proves that the processor has the instructions; addresses are the caller's.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Avx2 {
    type Vector = __m256;
    type Mask = __m256;
    const LANES: usize = 8;

    #[inline(always)]
    fn vectorize<R>(self, work: impl FnOnce() -> R) -> R {
        unsafe { with_avx2(work) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn relu(self, a: __m256) -> __m256 {
        unsafe { _mm256_max_ps(_mm256_setzero_ps(), a) }
    }

    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn gate(self, value: __m256, gate: __m256) -> __m256 {
        unsafe { _mm256_and_ps(value, _mm256_cmp_ps::<_CMP_GT_OQ>(gate, _mm256_setzero_ps())) }
    }

    #[inline(always)]
    fn above(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_or_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b), _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a)) }
    }

    #[inline(always)]
    fn equal(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b) }
    }

    #[inline(always)]
    fn select(self, mask: __m256, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_blendv_ps(b, a, mask) }
    }

    #[inline(always)]
    unsafe fn load(self, at: NonNull<f32>) -> __m256 {
        unsafe { transmute::<[f32; 8], __m256>(*at.cast().as_ref()) }
    }

    #[inline(always)]
    unsafe fn load_part(self, at: NonNull<f32>, lanes: usize) -> __m256 {
        unsafe { _mm256_maskload_ps(at.as_ptr(), self.first(lanes)) }
    }

    #[inline(always)]
    unsafe fn store(self, at: NonNull<f32>, value: __m256) {
        unsafe { *at.cast().as_mut() = transmute::<__m256, [f32; 8]>(value) }
    }

    #[inline(always)]
    unsafe fn store_part(self, at: NonNull<f32>, value: __m256, lanes: usize) {
        unsafe { _mm256_maskstore_ps(at.as_ptr(), self.first(lanes), value) }
    }
}
