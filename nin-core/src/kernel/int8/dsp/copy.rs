//! Copies and fills of a few bytes, which are faster than calls of `memcpy` and `memset`.
#![allow(unsafe_code)]

use core::arch::asm;

/// Copies `count` times `length` bytes, at least one: from every `step` bytes of `from` to every `stride` bytes of `to`.
/// For a few bytes it is faster than `memcpy`.
pub fn copy_each(from: &[u8], (count, length): (usize, usize), step: usize, to: &mut [u8], stride: usize) {
    assert!(
        count > 0
            && length > 0
            && from.len() >= (count - 1) * step + length
            && to.len() >= (count - 1) * stride + length
    );
    // SAFETY: reads and writes only the bytes whose number is checked above. Words need no alignment on these cores.
    unsafe {
        asm!(
            "2:",
            "subs {left}, {length}, #16",
            "blo 4f",
            "3:",
            "ldr {x}, [{from}], #4",
            "str {x}, [{to}], #4",
            "ldr {x}, [{from}], #4",
            "str {x}, [{to}], #4",
            "ldr {x}, [{from}], #4",
            "str {x}, [{to}], #4",
            "ldr {x}, [{from}], #4",
            "str {x}, [{to}], #4",
            "subs {left}, #16",
            "bhs 3b",
            "4:",
            "adds {left}, #16",
            "beq 6f",
            "b 8f",
            "7:",
            "ldr {x}, [{from}], #4",
            "str {x}, [{to}], #4",
            "8:",
            "subs {left}, #4",
            "bhs 7b",
            "adds {left}, #4",
            "beq 6f",
            "5:",
            "ldrb {x}, [{from}], #1",
            "strb {x}, [{to}], #1",
            "subs {left}, #1",
            "bne 5b",
            "6:",
            "add {from}, {step}",
            "add {to}, {stride}",
            "subs {count}, #1",
            "bne 2b",
            left = out(reg) _,
            x = out(reg) _,
            count = inout(reg) count => _,
            from = inout(reg) from.as_ptr() => _,
            to = inout(reg) to.as_mut_ptr() => _,
            length = in(reg) length,
            step = in(reg) step.wrapping_sub(length),
            stride = in(reg) stride.wrapping_sub(length),
            options(nostack)
        );
    }
}

/// Does the same for words: addresses, `length`, `step` and `stride` must be multiples of four.
pub fn copy_words(from: &[u8], (count, length): (usize, usize), step: usize, to: &mut [u8], stride: usize) {
    let places = from.as_ptr().addr() | to.as_ptr().addr();
    assert!(
        (places | length | step | stride).is_multiple_of(4)
            && count > 0
            && length > 0
            && from.len() >= (count - 1) * step + length
            && to.len() >= (count - 1) * stride + length
    );
    // SAFETY: reads and writes only the words whose number and alignment are checked above.
    unsafe {
        asm!(
            "2:",
            "subs {left}, {length}, #16",
            "blo 4f",
            "3:",
            "ldm {from}!, {{r2, r3, r4, r5}}",
            "stm {to}!, {{r2, r3, r4, r5}}",
            "subs {left}, #16",
            "bhs 3b",
            "4:",
            "adds {left}, #16",
            "beq 6f",
            "5:",
            "ldr r2, [{from}], #4",
            "str r2, [{to}], #4",
            "subs {left}, #4",
            "bne 5b",
            "6:",
            "add {from}, {step}",
            "add {to}, {stride}",
            "subs {count}, #1",
            "bne 2b",
            left = out(reg) _,
            count = inout(reg) count => _,
            from = inout(reg) from.as_ptr() => _,
            to = inout(reg) to.as_mut_ptr() => _,
            length = in(reg) length,
            step = in(reg) step.wrapping_sub(length),
            stride = in(reg) stride.wrapping_sub(length),
            out("r2") _,
            out("r3") _,
            out("r4") _,
            out("r5") _,
            options(nostack)
        );
    }
}

/// Fills a few bytes, faster than `memset`.
#[inline(always)]
pub fn fill(to: &mut [u8], value: u8) {
    // SAFETY: writes the bytes of the slice. Words need no alignment on these cores.
    unsafe {
        asm!(
            "b 3f",
            "2:",
            "str {words}, [{to}], #4",
            "str {words}, [{to}], #4",
            "3:",
            "subs {left}, #8",
            "bhs 2b",
            "adds {left}, #8",
            "beq 5f",
            "4:",
            "strb {words}, [{to}], #1",
            "subs {left}, #1",
            "bne 4b",
            "5:",
            left = inout(reg) to.len() => _,
            to = inout(reg) to.as_mut_ptr() => _,
            words = in(reg) u32::from(value) * 0x0101_0101,
            options(nostack)
        );
    }
}
