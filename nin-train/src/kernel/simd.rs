//! Vectors of the processor that runs, chosen at run time: AVX-512, AVX2 with FMA, or plain arrays.
//!
//! Everything that depends on the processor stands here. [`vectorized`] compiles any loop for it; the trait
//! [`Simd`] is what the matrix kernels are written in.

use std::sync::OnceLock;

/// Instruction sets that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// 16 lanes, 32 registers.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 8 lanes, 16 registers, fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What the compiler makes of arrays of 8.
    Portable,
}

/// The best instruction set of this processor.
///
/// The environment variable `NIN_ISA` (`avx512`, `avx2`, `portable`) can ask for a lesser one, to compare them.
pub fn isa() -> Isa {
    static ISA: OnceLock<Isa> = OnceLock::new();
    *ISA.get_or_init(|| {
        let wish = std::env::var("NIN_ISA").unwrap_or_default();
        detect(&wish)
    })
}

#[cfg(target_arch = "x86_64")]
fn detect(wish: &str) -> Isa {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
    match wish {
        "portable" => Isa::Portable,
        "avx2" if avx2 => Isa::Avx2,
        _ if avx512 => Isa::Avx512,
        _ if avx2 => Isa::Avx2,
        _ => Isa::Portable,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect(_: &str) -> Isa {
    Isa::Portable
}

/// Runs `work` compiled for the best instruction set of this processor; what it calls must be inlined into it.
#[inline]
pub fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    match isa() {
        // SAFETY: `isa` found these features on this processor.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { with_avx512(work) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { with_avx2(work) },
        Isa::Portable => work(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
fn with_avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Work written in vectors.
pub(crate) trait Work {
    /// Does it; inlined into code that is compiled for `S`.
    ///
    /// # Safety
    ///
    /// The processor must have the instruction set of `S`.
    unsafe fn run<S: Simd>(self);
}

/// Does work with the best vectors of this processor.
#[inline]
pub(crate) fn run(work: impl Work) {
    match isa() {
        // SAFETY: `isa` found these features on this processor.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe {
            with_avx512(
                #[inline(always)]
                || work.run::<Avx512>(),
            )
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe {
            with_avx2(
                #[inline(always)]
                || work.run::<Avx2>(),
            )
        },
        // SAFETY: it needs no features.
        Isa::Portable => unsafe { work.run::<Portable>() },
    }
}

/// A vector of f32 and what the kernels do with it.
///
/// # Safety
///
/// Callers of every method make sure that the processor has the instruction set; `load`, `store` read and write
/// [`Simd::LANES`] values at `at`, the `part` ones the first `lanes`, which must lie in one allocation.
pub(crate) trait Simd: Copy {
    type Vector: Copy;
    type Mask: Copy;
    const LANES: usize;
    unsafe fn splat(value: f32) -> Self::Vector;
    unsafe fn load(at: *const f32) -> Self::Vector;
    unsafe fn load_part(at: *const f32, lanes: usize) -> Self::Vector;
    unsafe fn store(at: *mut f32, value: Self::Vector);
    unsafe fn store_part(at: *mut f32, value: Self::Vector, lanes: usize);
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn relu(a: Self::Vector) -> Self::Vector;
    /// a·b + c, rounded once where the processor can.
    unsafe fn fma(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `value` where `gate` > 0, else 0.
    unsafe fn gate(value: Self::Vector, gate: Self::Vector) -> Self::Vector;
    /// Where a > b, or a is not a number.
    unsafe fn above(a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// Where a = b.
    unsafe fn equal(a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// a where the mask is set, else b.
    unsafe fn select(mask: Self::Mask, a: Self::Vector, b: Self::Vector) -> Self::Vector;
}

/// A slice of at most a vector's length as a vector.
///
/// # Safety
///
/// The processor must have the instruction set of `S`.
#[inline(always)]
pub(crate) unsafe fn read<S: Simd>(from: &[f32]) -> S::Vector {
    // SAFETY: the caller makes sure of the processor; the slice is the address and its length.
    unsafe { if from.len() == S::LANES { S::load(from.as_ptr()) } else { S::load_part(from.as_ptr(), from.len()) } }
}

/// The other way.
///
/// # Safety
///
/// As for [`read`].
#[inline(always)]
pub(crate) unsafe fn write<S: Simd>(to: &mut [f32], value: S::Vector) {
    let lanes = to.len();
    // SAFETY: as in `read`.
    unsafe {
        if lanes == S::LANES { S::store(to.as_mut_ptr(), value) } else { S::store_part(to.as_mut_ptr(), value, lanes) }
    }
}

#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

// SAFETY of each body: the trait's contract.
#[cfg(target_arch = "x86_64")]
#[allow(clippy::undocumented_unsafe_blocks)]
mod avx512 {
    use super::{Avx512, Simd};
    use std::arch::x86_64::*;

    #[inline(always)]
    fn first(lanes: usize) -> __mmask16 {
        ((1u32 << lanes) - 1) as __mmask16
    }

    impl Simd for Avx512 {
        type Vector = __m512;
        type Mask = __mmask16;
        const LANES: usize = 16;
        #[inline(always)]
        unsafe fn splat(value: f32) -> __m512 {
            unsafe { _mm512_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(at: *const f32) -> __m512 {
            unsafe { _mm512_loadu_ps(at) }
        }
        #[inline(always)]
        unsafe fn load_part(at: *const f32, lanes: usize) -> __m512 {
            unsafe { _mm512_maskz_loadu_ps(first(lanes), at) }
        }
        #[inline(always)]
        unsafe fn store(at: *mut f32, value: __m512) {
            unsafe { _mm512_storeu_ps(at, value) }
        }
        #[inline(always)]
        unsafe fn store_part(at: *mut f32, value: __m512, lanes: usize) {
            unsafe { _mm512_mask_storeu_ps(at, first(lanes), value) }
        }
        #[inline(always)]
        unsafe fn add(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn relu(a: __m512) -> __m512 {
            // The second operand is what a NaN in the first gives way to, so NaN stays.
            unsafe { _mm512_max_ps(_mm512_setzero_ps(), a) }
        }
        #[inline(always)]
        unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn gate(value: __m512, gate: __m512) -> __m512 {
            unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(gate, _mm512_setzero_ps()), value) }
        }
        #[inline(always)]
        unsafe fn above(a: __m512, b: __m512) -> __mmask16 {
            unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a) }
        }
        #[inline(always)]
        unsafe fn equal(a: __m512, b: __m512) -> __mmask16 {
            unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b) }
        }
        #[inline(always)]
        unsafe fn select(mask: __mmask16, a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_mask_blend_ps(mask, b, a) }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

// SAFETY of each body: the trait's contract.
#[cfg(target_arch = "x86_64")]
#[allow(clippy::undocumented_unsafe_blocks)]
mod avx2 {
    use super::{Avx2, Simd};
    use std::arch::x86_64::*;

    #[inline(always)]
    unsafe fn first(lanes: usize) -> __m256i {
        unsafe {
            let order = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes as i32), order)
        }
    }

    impl Simd for Avx2 {
        type Vector = __m256;
        type Mask = __m256;
        const LANES: usize = 8;
        #[inline(always)]
        unsafe fn splat(value: f32) -> __m256 {
            unsafe { _mm256_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(at: *const f32) -> __m256 {
            unsafe { _mm256_loadu_ps(at) }
        }
        #[inline(always)]
        unsafe fn load_part(at: *const f32, lanes: usize) -> __m256 {
            unsafe { _mm256_maskload_ps(at, first(lanes)) }
        }
        #[inline(always)]
        unsafe fn store(at: *mut f32, value: __m256) {
            unsafe { _mm256_storeu_ps(at, value) }
        }
        #[inline(always)]
        unsafe fn store_part(at: *mut f32, value: __m256, lanes: usize) {
            unsafe { _mm256_maskstore_ps(at, first(lanes), value) }
        }
        #[inline(always)]
        unsafe fn add(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn relu(a: __m256) -> __m256 {
            unsafe { _mm256_max_ps(_mm256_setzero_ps(), a) }
        }
        #[inline(always)]
        unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn gate(value: __m256, gate: __m256) -> __m256 {
            unsafe { _mm256_and_ps(value, _mm256_cmp_ps::<_CMP_GT_OQ>(gate, _mm256_setzero_ps())) }
        }
        #[inline(always)]
        unsafe fn above(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_or_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b), _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a)) }
        }
        #[inline(always)]
        unsafe fn equal(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b) }
        }
        #[inline(always)]
        unsafe fn select(mask: __m256, a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_blendv_ps(b, a, mask) }
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Simd for Portable {
    type Vector = [f32; 8];
    type Mask = [bool; 8];
    const LANES: usize = 8;
    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 8] {
        [value; 8]
    }
    #[inline(always)]
    unsafe fn load(at: *const f32) -> [f32; 8] {
        // SAFETY: the trait's contract.
        unsafe { at.cast::<[f32; 8]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_part(at: *const f32, lanes: usize) -> [f32; 8] {
        let mut value = [0.0; 8];
        for (i, lane) in value.iter_mut().enumerate().take(lanes) {
            // SAFETY: the trait's contract.
            *lane = unsafe { at.add(i).read() };
        }
        value
    }
    #[inline(always)]
    unsafe fn store(at: *mut f32, value: [f32; 8]) {
        // SAFETY: the trait's contract.
        unsafe { at.cast::<[f32; 8]>().write_unaligned(value) }
    }
    #[inline(always)]
    unsafe fn store_part(at: *mut f32, value: [f32; 8], lanes: usize) {
        for (i, lane) in value.iter().enumerate().take(lanes) {
            // SAFETY: the trait's contract.
            unsafe { at.add(i).write(*lane) };
        }
    }
    #[inline(always)]
    unsafe fn add(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn relu(a: [f32; 8]) -> [f32; 8] {
        a.map(|a| if a < 0.0 { 0.0 } else { a })
    }
    #[inline(always)]
    unsafe fn fma(a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        // On aarch64 every processor fuses; elsewhere `mul_add` would call a library function.
        if cfg!(target_arch = "aarch64") {
            std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
        } else {
            std::array::from_fn(|i| a[i] * b[i] + c[i])
        }
    }
    #[inline(always)]
    unsafe fn gate(value: [f32; 8], gate: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| if gate[i] > 0.0 { value[i] } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn above(a: [f32; 8], b: [f32; 8]) -> [bool; 8] {
        std::array::from_fn(|i| a[i] > b[i] || a[i].is_nan())
    }
    #[inline(always)]
    unsafe fn equal(a: [f32; 8], b: [f32; 8]) -> [bool; 8] {
        std::array::from_fn(|i| a[i] == b[i])
    }
    #[inline(always)]
    unsafe fn select(mask: [bool; 8], a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| if mask[i] { a[i] } else { b[i] })
    }
}
