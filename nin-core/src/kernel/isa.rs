//! Code compiled for the vectors of the processor that runs.
//!
//! A build knows those that the compiler was told of. With the feature `std` it asks the processor, and the
//! environment variable `NIN_ISA` (`vnni`, `avx512`, `avx2`, `portable`) can ask for lesser ones, to compare them. All
//! compute the same.
#![allow(unsafe_code)]

use half::f16;

use super::float::relu;

/// Instruction sets that kernels are compiled for, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// AVX-512 with dot products of bytes.
    #[cfg(target_arch = "x86_64")]
    Vnni,
    /// AVX-512: 16 lanes, 32 registers.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2: 8 lanes, 16 registers.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What the compiler makes of loops for its target.
    Portable,
}

/// Whether the processor has all of these features.
#[cfg(all(target_arch = "x86_64", any(test, feature = "std")))]
macro_rules! has {
    ($($feature:tt),*) => { $(std::arch::is_x86_feature_detected!($feature))&&* };
}
#[cfg(all(target_arch = "x86_64", not(any(test, feature = "std"))))]
macro_rules! has {
    ($($feature:tt),*) => { $(cfg!(target_feature = $feature))&&* };
}

impl Isa {
    /// Every instruction set that this processor has, the best first.
    pub fn all() -> impl Iterator<Item = Isa> {
        #[cfg(target_arch = "x86_64")]
        let all = {
            let avx2 = has!("avx2", "fma", "f16c");
            let avx512 = has!("avx512f", "avx512bw", "avx512vl", "avx512dq");
            let vnni = has!("avx512vnni");
            [
                (avx2 && avx512 && vnni, Isa::Vnni),
                (avx2 && avx512, Isa::Avx512),
                (avx2, Isa::Avx2),
                (true, Isa::Portable),
            ]
        };
        #[cfg(not(target_arch = "x86_64"))]
        let all = [(true, Isa::Portable)];
        all.into_iter().filter_map(|(has, isa)| has.then_some(isa))
    }

    /// The best, or the one that was asked for.
    #[cfg(feature = "std")]
    #[inline]
    pub fn here() -> Isa {
        static HERE: std::sync::OnceLock<Isa> = std::sync::OnceLock::new();
        *HERE.get_or_init(|| {
            let wish = std::env::var("NIN_ISA").unwrap_or_default();
            let wished = Isa::all().find(|isa| isa.name() == wish);
            wished.or_else(|| Isa::all().next()).unwrap_or(Isa::Portable)
        })
    }

    /// The best that the compiler was told of.
    #[cfg(not(feature = "std"))]
    #[inline]
    pub fn here() -> Isa {
        Isa::all().next().unwrap_or(Isa::Portable)
    }

    #[cfg(feature = "std")]
    const fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Vnni => "vnni",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            Isa::Portable => "portable",
        }
    }

    /// Does work with these vectors.
    #[inline]
    pub fn run(self, work: impl Work) {
        match self {
            // SAFETY: `all` found these features on this processor, and only it makes these values.
            #[cfg(target_arch = "x86_64")]
            Isa::Vnni | Isa::Avx512 => unsafe { x86::with_avx512(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { x86::with_avx2(work) },
            Isa::Portable => work.run(Portable),
        }
    }
}

/// Work written in vectors.
pub trait Work {
    /// Does it; to be inlined into code that is compiled for the vectors.
    fn run<V: Vectors>(self, vectors: V);
}

/// Vectors of sixteen floats. Who has a value of this type runs on a processor that has them.
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
    /// `sum + x · weights`: the product rounded, then the sum.
    fn add(self, sum: Self::Sixteen, x: f32, weights: Self::Sixteen) -> Self::Sixteen;
    /// [`relu`] of each.
    fn relu(self, vector: Self::Sixteen) -> Self::Sixteen;
}

#[derive(Clone, Copy)]
struct Portable;

impl Vectors for Portable {
    type Sixteen = [f32; 16];
    const SUMS: usize = 4;

    #[inline(always)]
    fn load(self, values: &[f32; 16]) -> [f32; 16] {
        *values
    }

    #[inline(always)]
    fn widen(self, values: &[f16; 16]) -> [f32; 16] {
        values.map(f16::to_f32)
    }

    #[inline(always)]
    fn store(self, vector: [f32; 16], values: &mut [f32; 16]) {
        *values = vector;
    }

    #[inline(always)]
    fn add(self, mut sum: [f32; 16], x: f32, weights: [f32; 16]) -> [f32; 16] {
        for (sum, weight) in sum.iter_mut().zip(weights) {
            super::float::add_product(sum, x, weight);
        }
        sum
    }

    #[inline(always)]
    fn relu(self, vector: [f32; 16]) -> [f32; 16] {
        vector.map(relu)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::*;

    use half::f16;

    use super::{Vectors, Work};

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
    pub fn with_avx512(work: impl Work) {
        work.run(Avx512(()));
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    pub fn with_avx2(work: impl Work) {
        work.run(Avx2(()));
    }

    /// Made in [`with_avx512`] alone.
    #[derive(Clone, Copy)]
    struct Avx512(());

    // SAFETY of each body: the value vouches for the processor, and the arrays are as long as the vectors.
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
        fn add(self, sum: __m512, x: f32, weights: __m512) -> __m512 {
            unsafe {
                let x = _mm512_set1_ps(x);
                match cfg!(feature = "fma") {
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

    /// Made in [`with_avx2`] alone.
    #[derive(Clone, Copy)]
    struct Avx2(());

    // SAFETY of each body: as above.
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
        fn add(self, sum: [__m256; 2], x: f32, weights: [__m256; 2]) -> [__m256; 2] {
            unsafe {
                let x = _mm256_set1_ps(x);
                match cfg!(feature = "fma") {
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
}
