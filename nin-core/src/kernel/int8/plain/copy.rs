//! Copies a few bytes. A call of `memcpy` would take longer than most of these copies.
#![allow(unsafe_code)]

use core::arch::asm;

/// Copies `from` to `to`.
///
/// # Panics
///
/// If the slices differ in length.
#[inline(always)]
pub fn copy(to: &mut [u8], from: &[u8]) {
    assert!(to.len() == from.len());
    let (left, from, to) = (from.len(), from.as_ptr(), to.as_mut_ptr());
    // SAFETY: reads and writes `left` bytes, which both slices have, words first; words need no alignment on these
    // cores.
    #[cfg(not(nin_muls))]
    unsafe {
        asm!(
            "subs {left}, #4",
            "blo 3f",
            "2:",
            "ldr {t}, [{from}], #4",
            "str {t}, [{to}], #4",
            "subs {left}, #4",
            "bhs 2b",
            "3:",
            "adds {left}, #4",
            "beq 5f",
            "4:",
            "ldrb {t}, [{from}], #1",
            "strb {t}, [{to}], #1",
            "subs {left}, #1",
            "bne 4b",
            "5:",
            left = inout(reg) left => _,
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            t = out(reg) _,
            options(nostack)
        );
    }
    // SAFETY: reads and writes `left` bytes, which both slices have, the last one first.
    #[cfg(nin_muls)]
    unsafe {
        asm!(
            "b 3f",
            "2:",
            "ldrb {t}, [{from}, {left}]",
            "strb {t}, [{to}, {left}]",
            "3:",
            "subs {left}, #1",
            "bhs 2b",
            left = inout(reg) left => _,
            from = in(reg) from,
            to = in(reg) to,
            t = out(reg) _,
            options(nostack)
        );
    }
}
