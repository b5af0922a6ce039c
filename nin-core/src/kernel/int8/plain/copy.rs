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
    #[cfg(nin_mla)]
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
    // SAFETY: reads and writes as many bytes as there are; the last vector leaves out what is past them.
    #[cfg(nin_mve)]
    unsafe {
        asm!(
            "wlstp.8 lr, {left}, 3f",
            "2:",
            "vldrb.8 q0, [{from}], #16",
            "vstrb.8 q0, [{to}], #16",
            "letp lr, 2b",
            "3:",
            left = in(reg) left,
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            out("lr") _,
            out("d0") _,
            out("d1") _,
            options(nostack)
        );
    }
    // SAFETY: reads and writes as many bytes as there are; where there is none, it jumps over the first.
    #[cfg(nin_rv32)]
    unsafe {
        asm!(
            "beq {from}, {end}, 3f",
            "2:",
            "lbu {t}, 0({from})",
            "addi {from}, {from}, 1",
            "sb {t}, 0({to})",
            "addi {to}, {to}, 1",
            "bne {from}, {end}, 2b",
            "3:",
            end = in(reg) from.wrapping_add(left),
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            t = out(reg) _,
            options(nostack)
        );
    }
}
