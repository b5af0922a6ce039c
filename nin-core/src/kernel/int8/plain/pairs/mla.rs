//! Armv7-M: MLA, a multiply-accumulate to 32 bits.
//!
//! Six sums, two inputs, a weight, three pointers, the distance between weights and a count occupy all fourteen
//! registers. A step has 11 instructions for 6 multiply-accumulates: five loads, six MLA.
//!
//! SMULL multiplies the doubled sum by the multiplier. The upper half of the product is the doubling high multiply, and
//! the bit below it rounds. The last bit that ASR shifts out rounds the shift; USAT clamps.

use core::arch::global_asm;

use super::task::PairTask;

/// Whether the kernel needs the sums of the inputs.
pub const TOTALS: bool = false;

unsafe extern "C" {
    fn nin_int8_mla(task: *mut PairTask);
}

/// Computes three outputs of two pixels for each group of the task.
///
/// # Safety
///
/// The task's pointers must be valid for the accesses that its fields describe.
pub unsafe fn run(task: &mut PairTask, _: [i32; 2]) {
    // SAFETY: the caller ensures it; the kernel follows the procedure call standard.
    unsafe { nin_int8_mla(task) }
}

global_asm!(
    r#"
    .syntax unified
    .thumb
    .section .text.nin_int8_mla,"ax",%progbits
    .macro NIN_MLA
    ldrb   r10, [r0], #1
    ldrb   r11, [r1], #1
    ldrsb  r12, [r2, r3]
    mla    r6, r10, r12, r6
    mla    r7, r11, r12, r7
    ldrsb  r12, [r2, r3, lsl #1]
    mla    r8, r10, r12, r8
    mla    r9, r11, r12, r9
    ldrsb  r12, [r2], #1
    mla    r4, r10, r12, r4
    mla    r5, r11, r12, r5
    .endm
    .macro NIN_MLA_VALUE a
    lsl    \a, \a, #1
    smull  r12, lr, \a, r10
    adds   r12, r12, r12
    adc    lr, lr, #0
    asrs   lr, lr, r11
    adc    lr, lr, #0
    usat   \a, #8, lr
    .endm
    .macro NIN_MLA_VALUES a b
    ldr    r10, [r0], #4
    ldr    r11, [r1], #4
    NIN_MLA_VALUE \a
    NIN_MLA_VALUE \b
    strb   \b, [r2, r3]
    strb   \a, [r2], #1
    .endm
    .global nin_int8_mla
    .type nin_int8_mla, %function
    .thumb_func
    .balign 4
    nin_int8_mla:
    push   {r4-r11, lr}
    sub    sp, #12
    str    r0, [sp]
    1:
    ldr    r12, [sp]
    ldr    r10, [r12, #16]
    ldr    r4, [r10]
    ldr    r6, [r10, #4]
    ldr    r8, [r10, #8]
    mov    r5, r4
    mov    r7, r6
    mov    r9, r8
    ldrd   r2, r3, [r12]
    ldr    r10, [r12, #8]
    str    r10, [sp, #4]
    2:
    ldr    r12, [sp, #4]
    ldm    r12!, {r0, r1, lr}
    str    r12, [sp, #4]
    b      4f
    3:
    .rept 4
    NIN_MLA
    .endr
    4:
    subs   lr, #4
    bhs    3b
    adds   lr, #4
    beq    6f
    5:
    NIN_MLA
    subs   lr, #1
    bne    5b
    6:
    ldr    r12, [sp]
    ldr    r10, [sp, #4]
    ldr    r11, [r12, #12]
    cmp    r10, r11
    bne    2b
    ldrd   r0, r1, [r12, #16]
    add    r10, r0, #12
    str    r10, [r12, #16]
    add    r0, r0, r1
    add    r1, r0, r1
    ldrd   r2, r3, [r12, #24]
    NIN_MLA_VALUES r4 r5
    NIN_MLA_VALUES r6 r7
    NIN_MLA_VALUES r8 r9
    ldr    r12, [sp]
    str    r2, [r12, #24]
    ldrd   r2, r3, [r12]
    add    r2, r2, r3
    add    r2, r2, r3, lsl #1
    str    r2, [r12]
    ldr    r0, [r12, #32]
    subs   r0, #1
    str    r0, [r12, #32]
    bne    1b
    add    sp, #12
    pop    {r4-r11, pc}
    .size  nin_int8_mla, . - nin_int8_mla
    "#,
    options(raw)
);
