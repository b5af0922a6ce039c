//! RV32IM: a multiplication to 32 bits, and 28 registers for a kernel.
//!
//! Twelve sums, four inputs, two weights, two products, seven pointers and an end are 28 registers. A step is 31
//! instructions for 12 multiply-accumulates: four loads of inputs, three of weights, twelve MUL and twelve ADD. Weights
//! are loaded one use ahead, and products are added one after the next product, for cores whose loads and multiplications
//! take two cycles.
//!
//! A sum is doubled. The upper half of its product with the multiplier is the doubling high multiply, and the bit below
//! rounds it. An unsigned comparison finds the values outside of 0 to 255; these become 0 or 255 by their sign.

use core::arch::{asm, global_asm};
use core::mem::MaybeUninit;

use super::Windows;
use super::task::{Part, QuadTask};

/// The fewest outputs of a layer that the kernels compute.
pub const LEAST_OUTPUTS: usize = 3;
/// The most inputs of a window that is copied to consecutive bytes first.
pub const ROOM: usize = 32;

unsafe extern "C" {
    fn nin_int8_rv32_1(task: *mut QuadTask);
    fn nin_int8_rv32_2(task: *mut QuadTask);
    fn nin_int8_rv32_4(task: *mut QuadTask);
}

/// Returns the number of outputs that a kernel computes at a time.
#[inline(always)]
pub fn outputs(_: usize, _: &[Part], _: usize, _: usize) -> usize {
    3
}

/// Computes all outputs of the task for 1, 2 or 4 pixels.
///
/// # Safety
///
/// The task's pointers must be valid for the reads and writes that its fields describe.
pub unsafe fn run(task: &mut QuadTask, pixels: usize, _: usize) {
    let kernel = match pixels {
        1 => nin_int8_rv32_1,
        2 => nin_int8_rv32_2,
        _ => nin_int8_rv32_4,
    };
    // SAFETY: as this function's; the kernels keep to the calling convention.
    unsafe { kernel(task) }
}

/// Fills windows with zeros.
pub fn clear(windows: &mut MaybeUninit<Windows>) -> &mut Windows {
    windows.write([[0; ROOM]; 4])
}

/// Copies `run` bytes to each of `count` windows, which are [`ROOM`] bytes apart, from places that are `step` bytes
/// apart.
///
/// # Safety
///
/// All of these bytes must be valid, and both `run` and `count` at least 1.
#[inline(always)]
pub unsafe fn copy_all(to: *mut u8, from: *const u8, step: usize, run: usize, count: usize) {
    // SAFETY: reads and writes the bytes that the caller vouches for.
    unsafe {
        asm!(
            "2:",
            "add {end}, {from}, {run}",
            "3:",
            "lbu {t}, 0({from})",
            "addi {from}, {from}, 1",
            "sb {t}, 0({to})",
            "addi {to}, {to}, 1",
            "bne {from}, {end}, 3b",
            "add {from}, {from}, {next}",
            "add {to}, {to}, {beyond}",
            "addi {count}, {count}, -1",
            "bnez {count}, 2b",
            run = in(reg) run,
            next = in(reg) step.wrapping_sub(run),
            beyond = in(reg) ROOM - run,
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            count = inout(reg) count => _,
            end = out(reg) _,
            t = out(reg) _,
            options(nostack)
        );
    }
}

/// What is assembled outside of functions starts from the base instruction set, whatever the target has.
#[cfg(target_feature = "c")]
macro_rules! extensions {
    () => {
        ".option push\n.option arch, +m, +c\n"
    };
}
#[cfg(not(target_feature = "c"))]
macro_rules! extensions {
    () => {
        ".option push\n.option arch, +m\n"
    };
}

global_asm!(
    extensions!(),
    r#"
    .macro NIN_MUL n, weight, a, b, c, d
    mul    t5, t0, \weight
    .if \n > 1
    mul    ra, t1, \weight
    .endif
    add    \a, \a, t5
    .if \n > 1
    add    \b, \b, ra
    .endif
    .if \n > 2
    mul    t5, t2, \weight
    mul    ra, t3, \weight
    add    \c, \c, t5
    add    \d, \d, ra
    .endif
    .endm
    .macro NIN_STEP n, k
    lbu    t0, \k(a0)
    lb     t4, \k(a4)
    .if \n > 1
    lbu    t1, \k(a1)
    .endif
    .if \n > 2
    lbu    t2, \k(a2)
    lbu    t3, \k(a3)
    .endif
    lb     t6, \k(a5)
    NIN_MUL \n, t4, s0, s1, s2, s3
    lb     t4, \k(a6)
    NIN_MUL \n, t6, s4, s5, s6, s7
    NIN_MUL \n, t4, s8, s9, s10, s11
    .endm
    .macro NIN_ADVANCE n, count
    addi   a0, a0, \count
    .if \n > 1
    addi   a1, a1, \count
    .endif
    .if \n > 2
    addi   a2, a2, \count
    addi   a3, a3, \count
    .endif
    addi   a4, a4, \count
    addi   a5, a5, \count
    addi   a6, a6, \count
    .endm
    .macro NIN_VALUE sum, out, at
    slli   \sum, \sum, 1
    mulh   t6, \sum, t3
    mul    \sum, \sum, t3
    srli   \sum, \sum, 31
    add    \sum, \sum, t6
    add    \sum, \sum, t5
    sra    \sum, \sum, t4
    bgeu   a7, \sum, 7f
    srai   \sum, \sum, 31
    not    \sum, \sum
    7:
    sb     \sum, \at(\out)
    .endm
    .macro NIN_VALUES n, at, a, b, c, d
    lw     t3, 4*\at(t1)
    lw     t4, 4*\at(t2)
    li     t5, 1
    sll    t5, t5, t4
    srli   t5, t5, 1
    NIN_VALUE \a, a0, \at
    .if \n > 1
    NIN_VALUE \b, a1, \at
    .endif
    .if \n > 2
    NIN_VALUE \c, a2, \at
    NIN_VALUE \d, a3, \at
    .endif
    .endm

    .macro NIN_RV32 n
    .section .text.nin_int8_rv32_\n,"ax",%progbits
    .global nin_int8_rv32_\n
    .type nin_int8_rv32_\n, %function
    .balign 4
    nin_int8_rv32_\n:
    addi   sp, sp, -64
    sw     ra, 60(sp)
    sw     s0, 56(sp)
    sw     s1, 52(sp)
    sw     s2, 48(sp)
    sw     s3, 44(sp)
    sw     s4, 40(sp)
    sw     s5, 36(sp)
    sw     s6, 32(sp)
    sw     s7, 28(sp)
    sw     s8, 24(sp)
    sw     s9, 20(sp)
    sw     s10, 16(sp)
    sw     s11, 12(sp)
    sw     a0, 8(sp)
    mv     t0, a0
    1:
    lw     t1, 16(t0)
    lw     s0, 0(t1)
    lw     s4, 4(t1)
    lw     s8, 8(t1)
    lw     t2, 4(t0)
    lw     a4, 0(t0)
    lw     t6, 8(t0)
    .if \n > 1
    mv     s1, s0
    mv     s5, s4
    mv     s9, s8
    .endif
    .if \n > 2
    mv     s2, s0
    mv     s3, s0
    mv     s6, s4
    mv     s7, s4
    mv     s10, s8
    mv     s11, s8
    .endif
    add    a5, a4, t2
    add    a6, a5, t2
    2:
    lw     t5, 16(t6)
    lw     a0, 0(t6)
    .if \n > 1
    lw     a1, 4(t6)
    .endif
    .if \n > 2
    lw     a2, 8(t6)
    lw     a3, 12(t6)
    .endif
    addi   t6, t6, 20
    sw     t6, 4(sp)
    add    t0, a0, t5
    sw     t0, 0(sp)
    andi   t5, t5, -8
    add    a7, a0, t5
    beqz   t5, 4f
    3:
    .irp k, 0, 1, 2, 3, 4, 5, 6, 7
    NIN_STEP \n, \k
    .endr
    NIN_ADVANCE \n, 8
    bne    a0, a7, 3b
    4:
    lw     a7, 0(sp)
    beq    a0, a7, 6f
    5:
    NIN_STEP \n, 0
    NIN_ADVANCE \n, 1
    bne    a0, a7, 5b
    6:
    lw     t0, 8(sp)
    lw     t6, 4(sp)
    lw     t1, 12(t0)
    bne    t6, t1, 2b

    lw     t1, 16(t0)
    lw     t2, 20(t0)
    lw     a0, 24(t0)
    addi   t3, t1, 12
    sw     t3, 16(t0)
    addi   t3, a0, 3
    sw     t3, 24(t0)
    add    t1, t1, t2
    add    t2, t1, t2
    .if \n > 1
    lw     a1, 36(t0)
    add    a1, a1, a0
    .endif
    .if \n > 2
    lw     a2, 40(t0)
    lw     a3, 44(t0)
    add    a2, a2, a0
    add    a3, a3, a0
    .endif
    li     a7, 255
    NIN_VALUES \n, 0, s0, s1, s2, s3
    NIN_VALUES \n, 1, s4, s5, s6, s7
    NIN_VALUES \n, 2, s8, s9, s10, s11
    lw     t1, 0(t0)
    lw     t2, 4(t0)
    lw     t3, 28(t0)
    add    t1, t1, t2
    slli   t2, t2, 1
    add    t1, t1, t2
    sw     t1, 0(t0)
    addi   t3, t3, -1
    sw     t3, 28(t0)
    bnez   t3, 1b
    lw     ra, 60(sp)
    lw     s0, 56(sp)
    lw     s1, 52(sp)
    lw     s2, 48(sp)
    lw     s3, 44(sp)
    lw     s4, 40(sp)
    lw     s5, 36(sp)
    lw     s6, 32(sp)
    lw     s7, 28(sp)
    lw     s8, 24(sp)
    lw     s9, 20(sp)
    lw     s10, 16(sp)
    lw     s11, 12(sp)
    addi   sp, sp, 64
    ret
    .size  nin_int8_rv32_\n, . - nin_int8_rv32_\n
    .endm
    NIN_RV32 1
    NIN_RV32 2
    NIN_RV32 4
    .option pop
    "#,
    options(raw)
);
