//! Maxima of bytes, four at a time: for pools.
#![allow(unsafe_code)]

use core::arch::asm;

/// Raises each value of `most` to the value at the same index in `values`, if that is larger: four at a time, by adding
/// the saturated difference.
pub fn raise(most: &mut [u8], values: &[u8]) {
    let count = most.len().min(values.len());
    // SAFETY: reads `count` bytes of both slices and writes `count` bytes of `most`; both have them. Words need no
    // alignment on these cores.
    unsafe {
        asm!(
            "b 3f",
            "2:",
            "ldr {a}, [{most}]",
            "ldr {b}, [{values}], #4",
            "uqsub8 {b}, {b}, {a}",
            "uadd8 {a}, {a}, {b}",
            "str {a}, [{most}], #4",
            "ldr {a}, [{most}]",
            "ldr {b}, [{values}], #4",
            "uqsub8 {b}, {b}, {a}",
            "uadd8 {a}, {a}, {b}",
            "str {a}, [{most}], #4",
            "3:",
            "subs {left}, #8",
            "bhs 2b",
            "adds {left}, #8",
            "beq 5f",
            "4:",
            "ldrb {a}, [{most}]",
            "ldrb {b}, [{values}], #1",
            "uqsub8 {b}, {b}, {a}",
            "uadd8 {a}, {a}, {b}",
            "strb {a}, [{most}], #1",
            "subs {left}, #1",
            "bne 4b",
            "5:",
            left = inout(reg) count => _,
            most = inout(reg) most.as_mut_ptr() => _,
            values = inout(reg) values.as_ptr() => _,
            a = out(reg) _,
            b = out(reg) _,
            options(nostack)
        );
    }
}
