//! The selection of a host's vector instructions.
//!
//! Without the feature `std`, a build uses the instruction sets of the compiler's target. With it, the program detects
//! those of the processor, and the environment variable `NIN_ISA` (`vnni`, `avx512`, `avx2`, `portable`) can select
//! another one, to compare them. All give the same results. Kernels are written with the traits of [`vectors`];
//! [`portable`] and `x86` implement them. This module imports only `kernel::sum`.
#![allow(unsafe_code)]

mod portable;
mod vectors;
#[cfg(target_arch = "x86_64")]
mod x86;

use self::portable::Portable;
pub use self::vectors::{Vectors, Work};

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
    /// Loops that the compiler vectorizes for its target.
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
    /// Returns the instruction sets of this processor, the best first.
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

    /// Returns the best instruction set, or the one that `NIN_ISA` names.
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

    /// Returns the best instruction set of the compiler's target.
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

    /// Runs `work` with these vectors.
    #[inline]
    pub fn run(self, work: impl Work) {
        match self {
            // SAFETY: only `all` creates these values, and only for features of this processor.
            #[cfg(target_arch = "x86_64")]
            Isa::Vnni | Isa::Avx512 => unsafe { x86::with_avx512(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { x86::with_avx2(work) },
            Isa::Portable => work.run(Portable),
        }
    }
}
