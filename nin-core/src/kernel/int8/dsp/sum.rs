//! The sums of shortcuts, two values at a time: 28 instructions for each.
#![allow(unsafe_code)]

use core::arch::global_asm;

use super::cpu::cpu;
use crate::packing::affine::{FACTOR, Factor, HEADER, Words};

/// Adds the values at a shortcut's end to those of its body, in place; `bytes` is the sum's part of the weights. Returns
/// the number of values that it has added: none if a factor shifts to the left, if the last one does not shift, or if the
/// range is not 0 to 255; else all, or all but the last.
pub fn sum(bytes: &[u8], shortcut: &[u8], body: &mut [u8]) -> usize {
    let words = Words::read(bytes);
    let [ours, theirs, total] = [0, 1, 2].map(|index| Factor::read(bytes, HEADER + 4 + index * FACTOR));
    let count = body.len().min(shortcut.len()) / 2 * 2;
    if count == 0 || ours.shift < 0 || theirs.shift < 0 || total.shift < 1 || (words.least, words.most) != (0, 255) {
        return 0;
    }
    let terms = Terms {
        ours: Term::new(words.input_zero, ours),
        theirs: Term::new(bytes[HEADER], theirs),
        total: Term::new(words.output_zero, total),
    };
    // SAFETY: reads `count` bytes of both slices and writes `count` bytes of `body`; both have them. The function follows
    // the procedure call standard.
    unsafe { nin_int8_sum(body.as_mut_ptr(), shortcut.as_ptr(), count, &raw const terms) }
    count
}

/// Zero points and factors; the assembly relies on the order of the fields.
#[repr(C)]
struct Terms {
    ours: Term,
    theirs: Term,
    total: Term,
}

#[repr(C)]
struct Term {
    zero: i32,
    multiplier: i32,
    /// The shift that leaves 1 of a negative number: 31, or 32, which leaves 0, if there is no shift that rounds.
    sign: i32,
    /// Half of the shift's unit.
    half: i32,
    shift: i32,
}

impl Term {
    fn new(zero: u8, Factor { multiplier, shift }: Factor) -> Term {
        let sign = if shift == 0 { 32 } else { 31 };
        Term { zero: zero.into(), multiplier, sign, half: ((1u32 << (shift & 31)) >> 1) as i32, shift }
    }
}

unsafe extern "C" {
    fn nin_int8_sum(body: *mut u8, shortcut: *const u8, count: usize, terms: *const Terms);
}

global_asm!(
    cpu!(),
    ".syntax unified\n.thumb\n",
    // r4 to r8: the fields of a `Term`. A value less its zero point is multiplied by 2^21, twice the unit of docs/int8.md,
    // because SMMULR keeps the upper half of the product.
    r#"
    .macro NIN_SUM_TERM a
    sub    \a, \a, r4
    lsl    \a, \a, #21
    smmulr \a, \a, r5
    lsr    lr, \a, r6
    sub    \a, \a, lr
    add    \a, \a, r7
    asr    \a, \a, r8
    .endm
    .macro NIN_SUM_TOTAL a
    lsl    \a, \a, #1
    smmulr \a, \a, r5
    add    \a, \a, \a, asr #31
    add    \a, \a, r7
    asr    \a, \a, r8
    add    \a, \a, r4
    usat   \a, #8, \a
    strb   \a, [r0], #1
    .endm
    .section .text.nin_int8_sum,"ax",%progbits
    .global nin_int8_sum
    .type  nin_int8_sum, %function
    .thumb_func
    .balign 4
    nin_int8_sum:
    push   {r4-r11, lr}
    2:
    ldm    r3!, {r4-r8}
    ldrb   r9, [r0]
    ldrb   r10, [r0, #1]
    NIN_SUM_TERM r9
    NIN_SUM_TERM r10
    ldm    r3!, {r4-r8}
    ldrb   r11, [r1], #1
    ldrb   r12, [r1], #1
    NIN_SUM_TERM r11
    NIN_SUM_TERM r12
    add    r9, r9, r11
    add    r10, r10, r12
    ldm    r3, {r4-r8}
    subs   r3, #40
    NIN_SUM_TOTAL r9
    NIN_SUM_TOTAL r10
    subs   r2, #2
    bne    2b
    pop    {r4-r11, pc}
    .size  nin_int8_sum, . - nin_int8_sum
    "#,
    options(raw)
);
