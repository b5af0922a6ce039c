//! The directive with which assembly for DSP instructions begins.

/// DSP instructions are optional in Armv8-M, and `global_asm!` does not receive the compiler's target CPU. The
/// directive names a core that has them; the code is the same for all such cores.
#[cfg(nin_v8m)]
macro_rules! cpu {
    () => {
        ".cpu cortex-m33\n"
    };
}
#[cfg(not(nin_v8m))]
macro_rules! cpu {
    () => {
        ""
    };
}
pub(super) use cpu;
