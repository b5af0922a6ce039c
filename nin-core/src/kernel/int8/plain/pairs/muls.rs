//! Armv6-M: MULS, a multiplication to 32 bits. Only eight registers can do more than moves and additions.
//!
//! One multiplication computes two products. Two inputs form one number, `x0 + x1 · 2^16`, and a weight becomes
//! `u = w + 128`, from 0 to 255. Then `x0 · u` is below 2^16, so the lower and the upper half of `(x0 + x1 · 2^16) · u`
//! are the two products. Let `A` be the sum of these numbers and `B` the sum of their upper halves, both modulo 2^32.
//! Then `B` is the sum of `x1 · u`, and `A − B · 2^16` is the sum of `x0 · u`. At the end, 128 times the sum of the
//! inputs, which is the same for all outputs, is subtracted. The result is exact in wrapping arithmetic.
//!
//! `A` and `B` of three outputs are in the upper registers, which additions can reach. A step has 24 instructions for
//! 6 multiply-accumulates.

use core::arch::global_asm;

use super::super::split::high;
use super::task::PairTask;

/// Whether the kernel needs the sums of the inputs.
pub const TOTALS: bool = true;

unsafe extern "C" {
    /// Writes `A` and `B` of three outputs.
    fn nin_int8_muls(task: *const PairTask, sums: *mut [[u32; 2]; 3]);
}

/// Computes three outputs of two pixels for each group of the task; `totals` are the sums of each pixel's inputs.
///
/// # Safety
///
/// The task's pointers must be valid for the accesses that its fields describe.
pub unsafe fn run(task: &mut PairTask, totals: [i32; 2]) {
    let surplus = totals.map(|total| total.wrapping_mul(128));
    let stride = task.stride / size_of::<i32>();
    for _ in 0..task.groups {
        let mut sums = [[0; 2]; 3];
        // SAFETY: the caller ensures it; the kernel follows the procedure call standard.
        unsafe { nin_int8_muls(task, &mut sums) };
        for [a, b] in sums {
            // SAFETY: the caller ensures it: each group has the parameters and values of three outputs.
            let (bias, multiplier, shift) =
                unsafe { (*task.biases, *task.biases.add(stride), *task.biases.add(2 * stride)) };
            let sums = [a.wrapping_sub(b << 16), b];
            let [first, second] = [0, 1].map(|pixel| {
                let sum = (sums[pixel] as i32).wrapping_sub(surplus[pixel]).wrapping_add(bias);
                let shift = shift & 31;
                (high(sum, multiplier).wrapping_add((1 << shift) >> 1) >> shift).clamp(0, 255) as u8
            });
            // SAFETY: as above.
            unsafe {
                *task.out.add(task.step) = second;
                *task.out = first;
                task.biases = task.biases.add(1);
                task.out = task.out.add(1);
            }
        }
        task.weights = task.weights.wrapping_add(3 * task.fan_in);
    }
}

global_asm!(
    r#"
    .syntax unified
    .thumb
    .section .text.nin_int8_muls,"ax",%progbits
    .macro NIN_MULS w a b
    ldrsb  r7, [\w, r5]
    adds   r7, #128
    muls   r7, r6, r7
    add    \a, r7
    lsrs   r7, r7, #16
    add    \b, r7
    .endm
    .global nin_int8_muls
    .type nin_int8_muls, %function
    .thumb_func
    .balign 4
    nin_int8_muls:
    push   {r4-r7, lr}
    mov    r4, r8
    mov    r5, r9
    mov    r6, r10
    mov    r7, r11
    push   {r4-r7}
    sub    sp, #12
    str    r1, [sp, #8]
    ldr    r2, [r0]
    ldr    r5, [r0, #4]
    adds   r3, r2, r5
    adds   r4, r3, r5
    ldr    r7, [r0, #12]
    str    r7, [sp]
    ldr    r7, [r0, #8]
    movs   r5, #0
    mov    r8, r5
    mov    r9, r5
    mov    r10, r5
    mov    r11, r5
    mov    r12, r5
    mov    lr, r5
    2:
    ldmia  r7!, {r0, r1, r5}
    str    r7, [sp, #4]
    adds   r0, r0, r5
    adds   r1, r1, r5
    adds   r2, r2, r5
    adds   r3, r3, r5
    adds   r4, r4, r5
    rsbs   r5, r5, #0
    3:
    ldrb   r6, [r0, r5]
    ldrb   r7, [r1, r5]
    lsls   r7, r7, #16
    orrs   r6, r7
    NIN_MULS r2, r8, r9
    NIN_MULS r3, r10, r11
    NIN_MULS r4, r12, lr
    adds   r5, #1
    bne    3b
    ldr    r7, [sp, #4]
    ldr    r6, [sp]
    cmp    r7, r6
    bne    2b
    ldr    r0, [sp, #8]
    mov    r1, r8
    mov    r2, r9
    mov    r3, r10
    mov    r4, r11
    mov    r5, r12
    mov    r6, lr
    stmia  r0!, {r1-r6}
    add    sp, #12
    pop    {r4-r7}
    mov    r8, r4
    mov    r9, r5
    mov    r10, r6
    mov    r11, r7
    pop    {r4-r7, pc}
    .size  nin_int8_muls, . - nin_int8_muls
    "#,
    options(raw)
);
