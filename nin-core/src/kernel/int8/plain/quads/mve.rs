//! Helium: VMLADAVA multiplies sixteen bytes with sixteen and adds the products to a register.
//!
//! Both operands of that instruction have the same sign, but inputs are unsigned and weights signed. A weight with its
//! upper bit inverted is `u = w + 128`, from 0 to 255. So `Σ x·w = Σ x·u − 128 · Σ x`, exactly in wrapping arithmetic.
//! `Σ x` is the same for all outputs and is computed once for a tile.
//!
//! A step is 11 instructions for 64 multiply-accumulates: one load of weights, VEOR, four loads of inputs, four VMLADAVA
//! and the end of the loop. Loops end with a part of a vector; WLSTP and LETP leave out the other bytes. The pointer to
//! the weights advances by whole vectors, so each part of the windows has the number of bytes to step back. WLSTP also
//! leaves the loop over the parts, at one without inputs.
//!
//! Two pixels, or one, take the weights of two outputs at a time: 11 instructions for 64, or 8 for 32.
//!
//! Short windows of four pixels are first put into vectors of the four pixels in turn. One pointer then reaches all
//! inputs, which leaves enough registers for the sums of two outputs: a step is 18 instructions for 128.
//!
//! VQRDMULH is the doubling high multiply with rounding, VRSHL with a negative count the rounding right shift. Two
//! saturating VMOVN clamp to 0 to 255. One store scatters the values of an output to its pixels.

use core::arch::{asm, global_asm};
use core::mem::MaybeUninit;

use super::Windows;
use super::task::{Part, QuadTask};

/// The fewest outputs of a layer that the kernels compute.
pub const LEAST_OUTPUTS: usize = 1;
/// The most inputs of a short window. If it has several rows, these are copied to consecutive bytes first; otherwise
/// they would leave vectors half empty.
pub const ROOM: usize = 128;

unsafe extern "C" {
    fn nin_int8_mve_4x1(task: *mut QuadTask);
    fn nin_int8_mve_1x2(task: *mut QuadTask);
    fn nin_int8_mve_2x2(task: *mut QuadTask);
    fn nin_int8_mve_short(task: *mut QuadTask, vectors: *mut MaybeUninit<Windows>);
}

/// Returns the number of outputs that a kernel computes at a time. Four pixels have two if their windows are short and
/// have all their inputs in one part, else one. `beyond` is the number of inputs that are in no part.
#[inline(always)]
pub fn outputs(pixels: usize, parts: &[Part], beyond: usize, outputs: usize) -> usize {
    match parts {
        _ if outputs == 1 => 1,
        _ if pixels < 4 => 2,
        [part] if beyond == 0 && part.length <= ROOM => 2,
        _ => 1,
    }
}

/// Returns whether the kernel for `pixels` pixels and `step` outputs reads the end of the parts.
#[inline(always)]
pub fn reads_end(pixels: usize, step: usize) -> bool {
    (pixels, step) != (4, 2)
}

/// Computes all outputs of the task for 1, 2 or 4 pixels, `step` at a time.
///
/// # Safety
///
/// The task's pointers must be valid for the reads and writes that its fields describe, `step` must be what [`outputs`]
/// returned for its parts, and these must end with [`Part::end`] if [`reads_end`].
pub unsafe fn run(task: &mut QuadTask, pixels: usize, step: usize) {
    if !reads_end(pixels, step) {
        let mut vectors = MaybeUninit::uninit();
        // SAFETY: as below. The kernel writes and reads 64 bytes of the vectors for each 16 inputs, at most `ROOM`.
        return unsafe { nin_int8_mve_short(task, &raw mut vectors) };
    }
    let kernel = match (pixels, step) {
        // A task for fewer pixels has four too: some twice.
        (_, 1) => nin_int8_mve_4x1,
        (1, _) => nin_int8_mve_1x2,
        _ => nin_int8_mve_2x2,
    };
    // SAFETY: as this function's; the kernels keep to the procedure call standard.
    unsafe { kernel(task) }
}

/// Fills windows with zeros.
pub fn clear(windows: &mut MaybeUninit<Windows>) -> &mut Windows {
    // SAFETY: writes all bytes, a multiple of sixteen. Every value of a byte is valid.
    unsafe {
        asm!(
            "vmov.i8 q0, #0",
            "2:",
            "vstrb.8 q0, [{to}], #16",
            "le lr, 2b",
            to = inout(reg) windows.as_mut_ptr() => _,
            inout("lr") size_of::<Windows>() / 16 => _,
            out("d0") _,
            out("d1") _,
            options(nostack)
        );
        windows.assume_init_mut()
    }
}

/// Copies `run` bytes to each of `count` windows, which are [`ROOM`] bytes apart, from places that are `step` bytes
/// apart.
///
/// # Safety
///
/// All of these bytes must be valid, and both `run` and `count` at least 1.
#[inline(always)]
pub unsafe fn copy_all(to: *mut u8, from: *const u8, step: usize, run: usize, count: usize) {
    // SAFETY: reads and writes the bytes that the caller vouches for; the last vector of a run leaves out the others.
    unsafe {
        asm!(
            "2:",
            "mov {x}, {from}",
            "mov {window}, {to}",
            "dlstp.8 lr, {run}",
            "3:",
            "vldrb.u8 q0, [{x}], #16",
            "vstrb.8 q0, [{window}], #16",
            "letp lr, 3b",
            "add {from}, {step}",
            "add {to}, {to}, #{room}",
            "subs {count}, #1",
            "bne 2b",
            run = in(reg) run,
            step = in(reg) step,
            room = const ROOM,
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            count = inout(reg) count => _,
            x = out(reg) _,
            window = out(reg) _,
            out("lr") _,
            out("d0") _,
            out("d1") _,
            options(nostack)
        );
    }
}

/// Raises each of `most` to the value beside it, where that is larger.
pub fn raise(most: &mut [u8], values: &[u8]) {
    let count = most.len().min(values.len());
    // SAFETY: reads as many bytes of both as both have, and writes as many; the last vector leaves out what is past
    // them.
    unsafe {
        asm!(
            "wlstp.8 lr, {count}, 3f",
            "2:",
            "vldrb.u8 q0, [{values}], #16",
            "vldrb.u8 q1, [{most}]",
            "vmax.u8 q0, q0, q1",
            "vstrb.8 q0, [{most}], #16",
            "letp lr, 2b",
            "3:",
            count = in(reg) count,
            most = inout(reg) most.as_mut_ptr() => _,
            values = inout(reg) values.as_ptr() => _,
            out("lr") _,
            out("d0") _,
            out("d1") _,
            out("d2") _,
            out("d3") _,
            options(nostack)
        );
    }
}

global_asm!(
    r#"
    .cpu cortex-m55
    .syntax unified
    .thumb
    .section .text.nin_int8_mve_4x1,"ax",%progbits
    .global nin_int8_mve_4x1
    .type nin_int8_mve_4x1, %function
    .thumb_func
    .balign 4
    nin_int8_mve_4x1:
    push   {r4-r11, lr}
    sub    sp, #32
    ldr    r8, [r0]
    ldr    r9, [r0, #8]
    ldrd   r11, r1, [r0, #16]
    ldrd   r2, r3, [r0, #24]
    vldrw.u32 q2, [r0, #32]
    vmov.i8 q3, #0x80
    strd   r9, r1, [sp, #16]
    strd   r2, r3, [sp, #24]

    movs   r0, #0
    movs   r2, #0
    movs   r4, #0
    movs   r6, #0
    1:
    ldm    r9!, {r1, r3, r5, r7, r10, r12}
    wlstp.8 lr, r10, 3f
    2:
    vldrb.u8 q0, [r1], #16
    vaddva.u8 r0, q0
    vldrb.u8 q1, [r3], #16
    vaddva.u8 r2, q1
    vldrb.u8 q0, [r5], #16
    vaddva.u8 r4, q0
    vldrb.u8 q1, [r7], #16
    vaddva.u8 r6, q1
    letp   lr, 2b
    b      1b
    3:
    lsls   r0, r0, #7
    lsls   r2, r2, #7
    lsls   r4, r4, #7
    lsls   r6, r6, #7
    rsbs   r0, r0, #0
    rsbs   r2, r2, #0
    rsbs   r4, r4, #0
    rsbs   r6, r6, #0
    strd   r0, r2, [sp]
    strd   r4, r6, [sp, #8]

    4:
    ldrd   r0, r2, [sp]
    ldrd   r4, r6, [sp, #8]
    ldr    r9, [sp, #16]
    5:
    ldm    r9!, {r1, r3, r5, r7, r10, r12}
    wlstp.8 lr, r10, 7f
    6:
    vldrb.u8 q0, [r8], #16
    veor   q0, q0, q3
    vldrb.u8 q1, [r1], #16
    vmladava.u8 r0, q0, q1
    vldrb.u8 q1, [r3], #16
    vmladava.u8 r2, q0, q1
    vldrb.u8 q1, [r5], #16
    vmladava.u8 r4, q0, q1
    vldrb.u8 q1, [r7], #16
    vmladava.u8 r6, q0, q1
    letp   lr, 6b
    sub    r8, r8, r12
    b      5b
    7:
    sub    r8, r8, r12

    ldr    r3, [sp, #20]
    ldr    r7, [r11, r3]
    ldr    r12, [r11, r3, lsl #1]
    ldr    r5, [r11], #4
    vmov   q0[2], q0[0], r0, r4
    vmov   q0[3], q0[1], r2, r6
    vadd.i32 q0, q0, r5
    vqrdmulh.s32 q0, q0, r7
    rsb    r12, r12, #0
    vrshl.s32 q0, r12
    ldrd   r5, r9, [sp, #24]
    vqmovunb.s32 q0, q0
    vqmovnb.u16 q0, q0
    vstrb.32 q0, [r5, q2]
    adds   r5, #1
    subs   r9, #1
    strd   r5, r9, [sp, #24]
    bne    4b
    add    sp, #32
    pop    {r4-r11, pc}
    .size  nin_int8_mve_4x1, . - nin_int8_mve_4x1

    .macro NIN_MVE_TWO n
    .section .text.nin_int8_mve_\n\()x2,"ax",%progbits
    .global nin_int8_mve_\n\()x2
    .type nin_int8_mve_\n\()x2, %function
    .thumb_func
    .balign 4
    nin_int8_mve_\n\()x2:
    push   {r4-r11, lr}
    sub    sp, #48
    ldrd   r8, r2, [r0]
    ldr    r9, [r0, #8]
    ldrd   r11, r3, [r0, #16]
    ldrd   r4, r5, [r0, #24]
    ldr    r7, [r0, #36]
    strd   r9, r3, [sp, #8]
    strd   r4, r5, [sp, #16]
    str    r2, [sp, #24]
    movs   r0, #0
    movs   r2, #1
    adds   r3, r7, #1
    strd   r0, r7, [sp, #32]
    strd   r2, r3, [sp, #40]
    vmov.i8 q3, #0x80

    movs   r2, #0
    1:
    ldm    r9!, {r1, r3, r5, r7, r10, r12}
    wlstp.8 lr, r10, 3f
    2:
    vldrb.u8 q0, [r1], #16
    vaddva.u8 r0, q0
    .if \n > 1
    vldrb.u8 q1, [r3], #16
    vaddva.u8 r2, q1
    .endif
    letp   lr, 2b
    b      1b
    3:
    lsls   r0, r0, #7
    lsls   r2, r2, #7
    rsbs   r0, r0, #0
    rsbs   r2, r2, #0
    strd   r0, r2, [sp]

    4:
    ldrd   r0, r2, [sp]
    mov    r4, r0
    mov    r6, r2
    ldr    r9, [sp, #8]
    5:
    ldm    r9!, {r1, r3, r5, r7, r10, r12}
    wlstp.8 lr, r10, 7f
    ldr    r7, [sp, #24]
    add    r5, r8, r7
    6:
    vldrb.u8 q0, [r8], #16
    veor   q0, q0, q3
    vldrb.u8 q1, [r5], #16
    veor   q1, q1, q3
    vldrb.u8 q2, [r1], #16
    vmladava.u8 r0, q0, q2
    vmladava.u8 r4, q1, q2
    .if \n > 1
    vldrb.u8 q2, [r3], #16
    vmladava.u8 r2, q0, q2
    vmladava.u8 r6, q1, q2
    .endif
    letp   lr, 6b
    sub    r8, r8, r12
    b      5b
    7:
    sub    r8, r8, r12

    vmov   q0[2], q0[0], r0, r4
    .if \n > 1
    vmov   q0[3], q0[1], r2, r6
    .else
    vmov   q0[3], q0[1], r0, r4
    .endif
    ldr    r3, [sp, #12]
    add    r7, r11, r3
    ldrd   r0, r2, [r11], #8
    ldrd   r4, r6, [r7]
    add    r7, r7, r3
    ldrd   r10, r12, [r7]
    vmov   q1[2], q1[0], r0, r2
    vmov   q1[3], q1[1], r0, r2
    vadd.i32 q0, q0, q1
    vmov   q1[2], q1[0], r4, r6
    vmov   q1[3], q1[1], r4, r6
    vqrdmulh.s32 q0, q0, q1
    rsb    r10, r10, #0
    rsb    r12, r12, #0
    vmov   q1[2], q1[0], r10, r12
    vmov   q1[3], q1[1], r10, r12
    vrshl.s32 q0, q0, q1
    ldrd   r5, r10, [sp, #16]
    ldr    r7, [sp, #24]
    vldrw.u32 q2, [sp, #32]
    vqmovunb.s32 q0, q0
    vqmovnb.u16 q0, q0
    vstrb.32 q0, [r5, q2]
    add    r8, r8, r7
    adds   r5, #2
    subs   r10, #1
    strd   r5, r10, [sp, #16]
    bne    4b
    add    sp, #48
    pop    {r4-r11, pc}
    .size  nin_int8_mve_\n\()x2, . - nin_int8_mve_\n\()x2
    .endm
    NIN_MVE_TWO 1
    NIN_MVE_TWO 2

    .macro NIN_MVE_STEP
    veor   q0, q0, q3
    veor   q1, q1, q3
    vldrb.u8 q2, [r1], #16
    vmladava.u8 r0, q0, q2
    vmladava.u8 r8, q1, q2
    vldrb.u8 q2, [r1], #16
    vmladava.u8 r2, q0, q2
    vmladava.u8 r10, q1, q2
    vldrb.u8 q2, [r1], #16
    vmladava.u8 r4, q0, q2
    vmladava.u8 r12, q1, q2
    vldrb.u8 q2, [r1], #16
    vmladava.u8 r6, q0, q2
    vmladava.u8 lr, q1, q2
    .endm
    .section .text.nin_int8_mve_short,"ax",%progbits
    .global nin_int8_mve_short
    .type nin_int8_mve_short, %function
    .thumb_func
    .balign 4
    nin_int8_mve_short:
    push   {r4-r11, lr}
    sub    sp, #44
    mov    r9, r0
    mov    r11, r1

    ldr    r0, [r9, #8]
    ldm    r0, {r1, r3, r5, r7, r12}
    lsrs   r0, r12, #4
    and    r2, r12, #15
    strd   r0, r2, [sp, #32]
    mov    r10, r11
    movs   r0, #0
    movs   r2, #0
    movs   r4, #0
    movs   r6, #0
    1:
    vctp.8 r12
    vpstttt
    vldrbt.u8 q0, [r1], #16
    vldrbt.u8 q1, [r3], #16
    vldrbt.u8 q2, [r5], #16
    vldrbt.u8 q3, [r7], #16
    vaddva.u8 r0, q0
    vaddva.u8 r2, q1
    vaddva.u8 r4, q2
    vaddva.u8 r6, q3
    vstrb.8 q0, [r10], #16
    vstrb.8 q1, [r10], #16
    vstrb.8 q2, [r10], #16
    vstrb.8 q3, [r10], #16
    subs   r12, #16
    bhi    1b
    lsls   r0, r0, #7
    lsls   r2, r2, #7
    lsls   r4, r4, #7
    lsls   r6, r6, #7
    rsbs   r0, r0, #0
    rsbs   r2, r2, #0
    rsbs   r4, r4, #0
    rsbs   r6, r6, #0
    strd   r0, r2, [sp]
    strd   r4, r6, [sp, #8]
    strd   r0, r2, [sp, #16]
    strd   r4, r6, [sp, #24]
    vmov.i8 q3, #0x80

    ldr    r3, [r9]
    2:
    ldr    r5, [r9, #4]
    ldr    r7, [sp, #32]
    ldm.w  sp, {r0, r2, r4, r6, r8, r10, r12, lr}
    mov    r1, r11
    add    r5, r5, r3
    cbz    r7, 4f
    3:
    vldrb.u8 q0, [r3], #16
    vldrb.u8 q1, [r5], #16
    NIN_MVE_STEP
    subs   r7, #1
    bne    3b
    4:
    ldr    r7, [sp, #36]
    cbz    r7, 5f
    vctp.8 r7
    vpstt
    vldrbt.u8 q0, [r3]
    vldrbt.u8 q1, [r5]
    NIN_MVE_STEP
    add    r5, r5, r7
    5:
    mov    r3, r5
    ldrd   r1, r5, [r9, #16]
    vmov   q0[2], q0[0], r0, r4
    vmov   q0[3], q0[1], r2, r6
    vmov   q1[2], q1[0], r8, r12
    vmov   q1[3], q1[1], r10, lr
    add    r7, r1, r5
    ldrd   r0, r2, [r1], #8
    ldrd   r4, r6, [r7]
    add    r7, r7, r5
    ldrd   r8, r10, [r7]
    str    r1, [r9, #16]
    vadd.i32 q0, q0, r0
    vadd.i32 q1, q1, r2
    vqrdmulh.s32 q0, q0, r4
    vqrdmulh.s32 q1, q1, r6
    rsb    r8, r8, #0
    rsb    r10, r10, #0
    vrshl.s32 q0, r8
    vrshl.s32 q1, r10
    ldrd   r0, r2, [r9, #24]
    vqmovunb.s32 q0, q0
    vqmovunb.s32 q1, q1
    vldrw.u32 q2, [r9, #32]
    vqmovnb.u16 q0, q0
    vqmovnb.u16 q1, q1
    vstrb.32 q0, [r0, q2]
    adds   r0, #1
    vstrb.32 q1, [r0, q2]
    adds   r0, #1
    subs   r2, #1
    strd   r0, r2, [r9, #24]
    bne    2b
    add    sp, #44
    pop    {r4-r11, pc}
    .size  nin_int8_mve_short, . - nin_int8_mve_short
    "#,
    options(raw)
);
