//! The inputs of a tile's windows, widened to 16 bits: the operands of the [multiplications](super::multiply).
#![allow(unsafe_code)]

use core::arch::{asm, global_asm};

use super::cpu::cpu;

/// Widened inputs in pairs: `[inputs / 2][pixels]` words, with the inputs rounded up to a multiple of four.
pub struct Window<'a> {
    words: &'a mut [u32],
    pixels: usize,
    inputs: usize,
    /// Two inputs of padding.
    zeros: u32,
}

impl<'a> Window<'a> {
    /// Uses the first of `words` for `inputs` inputs of each of `pixels` pixels. Padding is `zero`.
    pub fn new(words: &'a mut [u32], pixels: usize, inputs: usize, zero: u8) -> Self {
        assert!(words.len() >= inputs.div_ceil(4) * 2 * pixels);
        Window { words, pixels, inputs, zeros: 0x2_0002 * u32::from(zero) }
    }

    /// Sets inputs `at..end` to padding. `at` is a multiple of four, and `end` is rounded up to one.
    pub fn clear(&mut self, at: usize, end: usize) {
        assert!(at.is_multiple_of(4) && end <= self.inputs);
        if at < end {
            // SAFETY: writes two words of every pixel for each four of inputs, for which there is room.
            unsafe {
                asm!(
                    "2:",
                    "strd {zero}, {zero}, [{to}], #8",
                    "subs {left}, #1",
                    "bne 2b",
                    left = inout(reg) (end - at).div_ceil(4) * self.pixels => _,
                    to = inout(reg) self.words.as_mut_ptr().wrapping_add(at / 2 * self.pixels) => _,
                    zero = in(reg) self.zeros,
                    options(nostack)
                );
            }
        }
    }

    /// Writes inputs `at..end` of `count` pixels from `first` on. Each pixel's bytes begin `step` bytes after those of
    /// the pixel before it in `x`.
    pub fn put(&mut self, (first, count): (usize, usize), (at, end): (usize, usize), x: &[u8], step: usize) {
        let length = end.wrapping_sub(at);
        assert!(
            at < end
                && end <= self.inputs.next_multiple_of(4)
                && count > 0
                && first + count <= self.pixels
                && x.len() >= (count - 1) * step + length
        );
        let (x, to) = (x.as_ptr(), self.words.as_mut_ptr().wrapping_add(at / 4 * 2 * self.pixels + first));
        // SAFETY: both functions read only the bytes whose number is checked above. They write into the two words that
        // each pixel has for every four inputs, for which there is room. They follow the procedure call standard.
        unsafe {
            if count == 4 && (at | length).is_multiple_of(4) {
                nin_int8_widen4(x, step, to, x.wrapping_add(length));
            } else {
                nin_int8_widen(x, length, to, 4 * self.pixels, at, step, count);
            }
        }
    }

    /// Joins two inputs that remain at the end into one pair.
    pub fn close(&mut self) {
        if !self.inputs.is_multiple_of(4) {
            let (even, odd) = self.words[self.inputs / 4 * 2 * self.pixels..].split_at_mut(self.pixels);
            even.iter_mut().zip(odd).for_each(|(even, odd)| *even = *even & 0xFFFF | *odd << 16);
        }
    }
}

unsafe extern "C" {
    fn nin_int8_widen(x: *const u8, length: usize, window: *mut u32, next: usize, at: usize, step: usize, count: usize);
    fn nin_int8_widen4(x: *const u8, step: usize, window: *mut u32, end: *const u8);
}

global_asm!(
    cpu!(),
    ".syntax unified\n.thumb\n",
    // Widens the bytes of some pixels: four at a time if they are four inputs of one word of the packing, else one at a
    // time. r12 is a mask of nine bits in each half: the even bytes of a word, doubled.
    r#"
    .section .text.nin_int8_widen,"ax",%progbits
    .global nin_int8_widen
    .type nin_int8_widen, %function
    .thumb_func
    .balign 4
    nin_int8_widen:
    push   {r4-r11, lr}
    ldrd   r8, r9, [sp, #36]
    ldr    r10, [sp, #44]
    sub    r9, r1
    movw   r12, #0x01FE
    movt   r12, #0x01FE
    1:
    mov    r5, r1
    mov    r6, r2
    lsls   r4, r8, #31
    bmi    7f
    bcs    5f
    2:
    subs   r5, #4
    blo    4f
    3:
    ldr    r4, [r0], #4
    and    r7, r12, r4, lsl #1
    and    r4, r12, r4, lsr #7
    str    r7, [r6]
    str    r4, [r6, r3]
    add    r6, r6, r3, lsl #1
    subs   r5, #4
    bhs    3b
    4:
    adds   r5, #4
    beq    9f
    ldrb   r4, [r0], #1
    lsls   r4, r4, #1
    strh   r4, [r6]
    subs   r5, #1
    beq    9f
    8:
    ldrb   r4, [r0], #1
    lsls   r4, r4, #1
    strh   r4, [r6, r3]
    subs   r5, #1
    beq    9f
    5:
    ldrb   r4, [r0], #1
    lsls   r4, r4, #1
    strh   r4, [r6, #2]
    subs   r5, #1
    beq    9f
    6:
    ldrb   r4, [r0], #1
    lsls   r4, r4, #1
    adds   r6, r6, r3
    strh   r4, [r6, #2]
    adds   r6, r6, r3
    subs   r5, #1
    bne    2b
    9:
    add    r0, r9
    adds   r2, #4
    subs   r10, #1
    bne    1b
    pop    {r4-r11, pc}
    7:
    bcc    8b
    b      6b
    .size  nin_int8_widen, . - nin_int8_widen
    "#,
    // Widens four bytes of each of four pixels: the even bytes doubled, then the odd ones.
    r#"
    .section .text.nin_int8_widen4,"ax",%progbits
    .global nin_int8_widen4
    .type nin_int8_widen4, %function
    .thumb_func
    .balign 4
    nin_int8_widen4:
    push   {r4-r11, lr}
    add    lr, r1, r1, lsl #1
    movw   r12, #0x01FE
    movt   r12, #0x01FE
    1:
    ldr    r5, [r0, r1]
    ldr    r6, [r0, r1, lsl #1]
    ldr    r7, [r0, lr]
    ldr    r4, [r0], #4
    and    r8, r12, r4, lsr #7
    and    r9, r12, r5, lsr #7
    and    r10, r12, r6, lsr #7
    and    r11, r12, r7, lsr #7
    and    r4, r12, r4, lsl #1
    and    r5, r12, r5, lsl #1
    and    r6, r12, r6, lsl #1
    and    r7, r12, r7, lsl #1
    stm    r2!, {r4-r11}
    cmp    r0, r3
    bne    1b
    pop    {r4-r11, pc}
    .size  nin_int8_widen4, . - nin_int8_widen4
    "#,
    options(raw)
);
