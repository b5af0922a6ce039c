//! The fused multiply-add of a Cortex-M's FPU.
#![allow(unsafe_code)]

use core::arch::asm;

/// Returns `sum + x · weight`, rounded once.
#[inline(always)]
pub fn fused(x: f32, weight: f32, sum: f32) -> f32 {
    let mut bits = sum.to_bits();
    // SAFETY: uses only registers, and declares all of them.
    unsafe {
        asm!(
            "vmov s0, {x}",
            "vmov s1, {weight}",
            "vmov s2, {sum}",
            "vfma.f32 s2, s0, s1",
            "vmov {sum}, s2",
            sum = inout(reg) bits, x = in(reg) x.to_bits(), weight = in(reg) weight.to_bits(),
            out("d0") _, out("d1") _,
            options(pure, nomem, nostack)
        );
    }
    f32::from_bits(bits)
}
