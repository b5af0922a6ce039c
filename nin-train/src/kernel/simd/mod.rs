//! Vectors of the current processor, chosen at run time: AVX-512, AVX2 with FMA, or plain arrays.
//!
//! [`vectorized`] compiles any loop for them. [`run`] compiles a [`Work`], which is written in the operations of the
//! trait [`Simd`]. A value of a type that implements `Simd` proves that the processor has the vectors: only a check at
//! run time creates one. The operations are therefore safe; only access by raw pointers is not.
//!
//! `nin-core` has vectors of its own, in `nin-core/src/kernel/isa`. The two are not one crate:
//!
//! - The engine's vectors are sixteen floats on every processor, and all instruction sets give the same bits. Here a
//!   vector is one register, products are fused where the processor can, and kernels need masks and parts of vectors.
//! - A token is a proof for the crate whose `unsafe` relies on it. What could be shared is the detection, some twenty
//!   lines; a crate for it would be one more to publish, and a dependency of firmware that has no such processor.
//! - `pulp` has tokens and most of these operations. It and what it depends on take 12 s of processor time to compile
//!   (AMD EPYC), and the hot loops would still need loads of their own: see the `vector` module for what those avoid.

mod portable;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

pub(super) use portable::Portable;
pub(crate) use vector::Simd;
pub(super) use vector::{start_of, start_of_mut};
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

/// Instruction sets that the kernels are compiled for, each with the proof that the processor has it.
#[derive(Clone, Copy)]
pub(super) enum Isa {
    /// 16 lanes, 32 registers.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    /// 8 lanes, 16 registers, fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// Arrays of 8 lanes, vectorised by the compiler.
    Portable(Portable),
}

impl Isa {
    /// Returns every instruction set of this processor, the best first.
    fn all() -> impl Iterator<Item = Isa> {
        #[cfg(target_arch = "x86_64")]
        let wide = [Avx512::detect().map(Isa::Avx512), Avx2::detect().map(Isa::Avx2)];
        #[cfg(not(target_arch = "x86_64"))]
        let wide = [];
        wide.into_iter().flatten().chain([Isa::Portable(Portable)])
    }

    /// Returns its name in `NIN_ISA`.
    fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) => "avx2",
            Isa::Portable(_) => "portable",
        }
    }
}

/// Returns the best instruction set of this processor.
///
/// The environment variable `NIN_ISA` (`avx512`, `avx2`, `portable`) can select a lesser one for comparison.
pub(super) fn isa() -> Isa {
    static ISA: OnceLock<Isa> = OnceLock::new();
    *ISA.get_or_init(|| {
        let wish = std::env::var("NIN_ISA").unwrap_or_default();
        let wished = Isa::all().find(|isa| isa.name() == wish);
        wished.or_else(|| Isa::all().next()).unwrap_or(Isa::Portable(Portable))
    })
}

/// Returns the f32 lanes of the vectors in use.
pub(super) fn lanes() -> usize {
    match isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(_) => Avx512::LANES,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) => Avx2::LANES,
        Isa::Portable(_) => Portable::LANES,
    }
}

/// Runs `work` compiled for the best instruction set of this processor; functions that it calls must be inlined into
/// it.
#[inline]
pub(crate) fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    match isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(simd) => simd.vectorize(work),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(simd) => simd.vectorize(work),
        Isa::Portable(simd) => simd.vectorize(work),
    }
}

/// Work written in vectors.
pub(crate) trait Work {
    /// Runs the work; it must be inlined into code that is compiled for `S`.
    fn run<S: Simd>(self, simd: S);
}

/// Runs work with the best vectors of this processor.
#[inline]
pub(crate) fn run(work: impl Work) {
    match isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(simd) => simd.vectorize(
            #[inline(always)]
            || work.run(simd),
        ),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(simd) => simd.vectorize(
            #[inline(always)]
            || work.run(simd),
        ),
        Isa::Portable(simd) => work.run(simd),
    }
}

#[cfg(test)]
mod tests {
    use super::{Isa, Simd};

    type Lane<'a> = &'a dyn Fn(f32, f32) -> f32;

    /// Each operation, lane by lane, against its description; slices of every length up to a vector's.
    fn check<S: Simd>(simd: S) {
        let special = [f32::NAN, -0.0, 0.0, f32::INFINITY, f32::NEG_INFINITY, 1.5, -2.5, f32::MIN_POSITIVE];
        let value = |i: usize| special.get(i % 11).copied().unwrap_or(i as f32 - 9.0);
        let a: Vec<f32> = (0..S::LANES + 3).map(value).collect();
        let b: Vec<f32> = (0..S::LANES + 3).map(|i| value(i * 7 + 2)).collect();
        let same = |got: f32, want: f32| got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
        for len in 0..=S::LANES {
            let [x, y] = [&a, &b].map(|values| simd.read(&values[..len]));
            let [above, equal] = [simd.above(x, y), simd.equal(x, y)];
            let results: [(S::Vector, Lane); 7] = [
                (simd.splat(0.25), &|_, _| 0.25),
                (simd.add(x, y), &|a, b| a + b),
                // Exact, fused or not: these products have few digits.
                (simd.fma(x, y, simd.splat(2.0)), &|a, b| a * b + 2.0),
                (simd.relu(x), &|a, _| if a.is_nan() || a > 0.0 { a } else { 0.0 }),
                (simd.gate(x, y), &|a, b| if b > 0.0 { a } else { 0.0 }),
                (simd.select(above, x, y), &|a, b| if a > b || a.is_nan() { a } else { b }),
                (simd.select(equal, x, y), &|a, b| if a == b { a } else { b }),
            ];
            for (number, (got, want)) in results.into_iter().enumerate() {
                let mut values = vec![7.0; S::LANES + 3];
                simd.write(&mut values[..len], got);
                for (i, got) in values.into_iter().enumerate() {
                    let want = if i < len { want(a[i], b[i]) } else { 7.0 };
                    let zero = number == 3 && got == 0.0 && want == 0.0;
                    assert!(same(got, want) || zero, "operation {number}, {len} values, lane {i}: {got} {want}");
                }
            }
        }
        // Only the first vector of a longer slice.
        let mut values = vec![7.0; S::LANES + 3];
        simd.write(&mut values, simd.read(&b));
        assert!(values[..S::LANES].iter().zip(&b).all(|(got, want)| same(*got, *want)));
        assert_eq!(values[S::LANES..], [7.0; 3]);
    }

    #[test]
    fn every_instruction_set_computes_what_its_operations_say() {
        for isa in Isa::all() {
            match isa {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512(simd) => check(simd),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2(simd) => check(simd),
                Isa::Portable(simd) => check(simd),
            }
        }
    }
}
