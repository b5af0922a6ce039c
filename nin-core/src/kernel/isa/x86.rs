//! Vectors of x86-64.

use core::arch::x86_64::*;

use half::f16;

use super::vectors::{Vectors, Work};
use crate::kernel::sum::sealed::Rounding;

/// Runs `work` with AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
pub fn with_avx512(work: impl Work) {
    work.run(Avx512(()));
}

/// Runs `work` with AVX2.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn with_avx2(work: impl Work) {
    work.run(Avx2(()));
}

/// Vectors of AVX-512; created only in [`with_avx512`].
#[derive(Clone, Copy)]
struct Avx512(());

// SAFETY of each body: the value proves that the processor has AVX-512; the arrays are as long as the vectors.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vectors for Avx512 {
    type Sixteen = __m512;
    const SUMS: usize = 8;

    #[inline(always)]
    fn load(self, values: &[f32; 16]) -> __m512 {
        unsafe { _mm512_loadu_ps(values.as_ptr()) }
    }

    #[inline(always)]
    fn widen(self, values: &[f16; 16]) -> __m512 {
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(values.as_ptr().cast())) }
    }

    #[inline(always)]
    fn store(self, vector: __m512, values: &mut [f32; 16]) {
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), vector) }
    }

    #[inline(always)]
    fn add<R: Rounding>(self, sum: __m512, x: f32, weights: __m512) -> __m512 {
        unsafe {
            let x = _mm512_set1_ps(x);
            match R::FUSED {
                true => _mm512_fmadd_ps(x, weights, sum),
                false => _mm512_add_ps(sum, _mm512_mul_ps(x, weights)),
            }
        }
    }

    #[inline(always)]
    fn relu(self, vector: __m512) -> __m512 {
        unsafe {
            let bits = _mm512_castps_si512(vector);
            _mm512_castsi512_ps(_mm512_andnot_si512(_mm512_srai_epi32::<31>(bits), bits))
        }
    }
}

/// Vectors of AVX2; created only in [`with_avx2`].
#[derive(Clone, Copy)]
struct Avx2(());

// SAFETY of each body: as above, with AVX2.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vectors for Avx2 {
    type Sixteen = [__m256; 2];
    const SUMS: usize = 4;

    #[inline(always)]
    fn load(self, values: &[f32; 16]) -> [__m256; 2] {
        unsafe { [_mm256_loadu_ps(values.as_ptr()), _mm256_loadu_ps(values.as_ptr().add(8))] }
    }

    #[inline(always)]
    fn widen(self, values: &[f16; 16]) -> [__m256; 2] {
        let [low, high] = [&values[..8], &values[8..]];
        unsafe {
            [
                _mm256_cvtph_ps(_mm_loadu_si128(low.as_ptr().cast())),
                _mm256_cvtph_ps(_mm_loadu_si128(high.as_ptr().cast())),
            ]
        }
    }

    #[inline(always)]
    fn store(self, vector: [__m256; 2], values: &mut [f32; 16]) {
        unsafe {
            _mm256_storeu_ps(values.as_mut_ptr(), vector[0]);
            _mm256_storeu_ps(values.as_mut_ptr().add(8), vector[1]);
        }
    }

    #[inline(always)]
    fn add<R: Rounding>(self, sum: [__m256; 2], x: f32, weights: [__m256; 2]) -> [__m256; 2] {
        unsafe {
            let x = _mm256_set1_ps(x);
            match R::FUSED {
                true => [_mm256_fmadd_ps(x, weights[0], sum[0]), _mm256_fmadd_ps(x, weights[1], sum[1])],
                false => [
                    _mm256_add_ps(sum[0], _mm256_mul_ps(x, weights[0])),
                    _mm256_add_ps(sum[1], _mm256_mul_ps(x, weights[1])),
                ],
            }
        }
    }

    #[inline(always)]
    fn relu(self, vector: [__m256; 2]) -> [__m256; 2] {
        unsafe {
            let bits = [_mm256_castps_si256(vector[0]), _mm256_castps_si256(vector[1])];
            [
                _mm256_castsi256_ps(_mm256_andnot_si256(_mm256_srai_epi32::<31>(bits[0]), bits[0])),
                _mm256_castsi256_ps(_mm256_andnot_si256(_mm256_srai_epi32::<31>(bits[1]), bits[1])),
            ]
        }
    }
}
