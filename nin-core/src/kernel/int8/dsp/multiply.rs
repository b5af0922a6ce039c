//! The multiplications in assembly: N pixels times the two outputs of a stream, for N = 4, 2 and 1.
//!
//! With four pixels, eight sums, two words of inputs, one word of weights split in two, and two pointers occupy all
//! fourteen registers. The inner step has 13 instructions for 16 multiply-accumulates: one LDR of weights, two SXTB16,
//! two LDRD of inputs, eight SMLAD. With two pixels or one, a step reads two words of weights: 15 instructions for 16
//! multiply-accumulates, and 10 for 8.
//!
//! Sums are doubled because inputs are. SMMLAR multiplies a sum by the multiplier, keeps the rounded upper half, and
//! adds half a unit of the shift; ASR shifts; USAT clamps. This is exactly the arithmetic of `docs/int8.md`.
#![allow(unsafe_code)]

use core::arch::global_asm;

use super::cpu::cpu;

/// Streams, or a part of each, and the window that they are multiplied by.
pub struct Product<'a> {
    /// Pixels: 4, 2 or 1.
    pub pixels: usize,
    /// `[inputs / 2][pixels]`, widened.
    pub window: &'a [u32],
    /// Inputs; an even number.
    pub inputs: usize,
    /// The streams. The first part of each has two biases and weights; a middle part has only weights; the last part
    /// has weights and six words for requantising.
    pub streams: &'a [u32],
    /// Words from one stream's part to that of the next stream.
    pub stride: usize,
    /// The number of streams, at least one.
    pub count: usize,
    /// Whether this is the first part: sums begin with the biases.
    pub first: bool,
    /// Whether this is the last part: sums become values.
    pub last: bool,
    /// Partial sums between parts: `[stream][pixels][2 outputs]`, doubled.
    pub sums: &'a mut [i32],
    /// The values, from the first pixel's first output on.
    pub out: &'a mut [u8],
    /// Bytes from pixel to pixel.
    pub outputs: usize,
}

/// Bytes of `NIN_STEP4`: thirteen instructions of four.
const STEP4: usize = 52;

/// Arguments of the kernels; the assembly relies on the order of the fields.
#[repr(C)]
struct Frame {
    /// For four pixels: the bytes of code that the first round skips. For fewer: the end of the inputs that are
    /// multiplied eight words of weights at a time.
    unrolled: usize,
    /// The end of the inputs, less one if this is not the last part.
    end: usize,
    /// Partial sums to start from, or null to start from the biases.
    sums_in: *const i32,
    /// Where partial sums are stored if this is not the last part.
    sums_out: *mut i32,
    /// Bytes to skip before a stream that starts from partial sums.
    skip_in: usize,
    /// Bytes to skip after a stream that ends in partial sums.
    skip_out: usize,
    /// The end of the values or of the partial sums.
    to_end: usize,
    /// The first input.
    window: *const u32,
    /// The address of the next value.
    out: *mut u8,
    /// Bytes from pixel to pixel of the output.
    outputs: usize,
}

unsafe extern "C" {
    fn nin_int8_4(window: *const u32, streams: *const u32, frame: *const Frame);
    fn nin_int8_2(window: *const u32, streams: *const u32, frame: *const Frame);
    fn nin_int8_1(window: *const u32, streams: *const u32, frame: *const Frame);
}

/// Multiplies the window by every stream.
#[inline(never)]
pub fn multiply(product: &mut Product<'_>) {
    let &mut Product { pixels, window, inputs, streams, stride, count, first, last, outputs, .. } = product;
    let (sums, out) = (&mut *product.sums, &mut *product.out);
    let words = inputs / 2;
    let read = words + if first { 2 } else { 0 } + if last { 6 } else { 0 };
    assert!(
        words > 0
            && window.len() >= pixels * words
            && count > 0
            && stride >= read
            && streams.len() >= (count - 1) * stride + read
            && (first && last || sums.len() >= 2 * count * pixels)
            && (!last || out.len() >= (pixels - 1) * outputs + 2 * count)
    );
    let (window, sums, out) = (window.as_ptr(), sums.as_mut_ptr(), out.as_mut_ptr());
    let skip = 4 * (stride - read);
    let (sums_in, skip_in) = if first { (core::ptr::null(), 0) } else { (sums.cast_const(), skip) };
    let to_end = if last { out.addr() + 2 * count } else { sums.wrapping_add(2 * count * pixels).addr() };
    let (kernel, unrolled): (unsafe extern "C" fn(_, _, _), _) = match pixels {
        4 => {
            // The first step also loads the biases. If no other step remains, the code skips all of them.
            let steps = words - usize::from(first);
            (nin_int8_4, if steps == 0 { 16 } else { steps.wrapping_neg() % 16 } * STEP4)
        }
        2 => (nin_int8_2, window.wrapping_add(words / 8 * 8 * 2).addr()),
        _ => (nin_int8_1, window.wrapping_add(words / 8 * 8).addr()),
    };
    let frame = Frame {
        unrolled,
        end: window.wrapping_add(words * pixels).addr() - usize::from(!last),
        sums_in,
        sums_out: sums,
        skip_in,
        skip_out: skip - skip_in,
        to_end,
        window,
        out,
        outputs,
    };
    // SAFETY: for each word of weights the kernels read `pixels` words of the window, and of each stream the words whose
    // number is checked above. For each stream they read or write `2 * pixels` sums, or 2 bytes of each pixel; that room
    // is checked too. They follow the procedure call standard.
    unsafe { kernel(window, streams.as_ptr().wrapping_byte_sub(skip_in), &raw const frame) }
}

global_asm!(
    cpu!(),
    ".syntax unified\n.thumb\n",
    // The beginning of every kernel. Each kernel has a section of its own, so the linker drops those that are not
    // called. The `Frame` is on the stack; its first word is also in r3, where `entry` may change it. A stream starts
    // from partial sums, or from its biases, which `first` copies to the other pixels.
    r#"
    .macro NIN_BEGIN name, last, entry, first, keep
    .section .text.\name,"ax",%progbits
    .global \name
    .type  \name, %function
    .thumb_func
    .balign 4
    \name:
    push   {r4-r11, lr}
    sub    sp, #40
    ldm    r2, {r3-r12}
    \entry
    stm    sp, {r3-r12}
    \keep
    2:
    ldr    r2, [sp, #8]
    cbz    r2, 7f
    add    r12, r2, #(4 * \last - 4)
    str    r12, [sp, #8]
    ldr    r12, [sp, #16]
    add    r1, r12
    ldm    r2, {r2-r\last}
    b      8f
    7:
    ldm    r1!, {r2, r3}
    \first
    8:
    .endm
    "#,
    // The end of every kernel, after a comparison of the next input's address with the frame's `end`: it stores values
    // or partial sums, leaves the address of the next ones in r12, and continues with the next stream.
    r#"
    .macro NIN_END name, last, values
    bhi    9f
    \values
    1:
    ldrd   r11, r0, [sp, #24]
    cmp    r12, r11
    bne    2b
    add    sp, #40
    pop    {r4-r11, pc}
    9:
    ldr    r12, [sp, #12]
    stm    r12!, {r2-r\last}
    str    r12, [sp, #12]
    ldr    r11, [sp, #20]
    add    r1, r11
    b      1b
    .size  \name, . - \name
    .endm
    "#,
    // Two inputs of four pixels, two outputs. The first two inputs have code of their own: their sums start from the
    // biases.
    r#"
    .macro NIN_STEP4
    ldr    r12, [r1], #4
    ldrd   r10, r11, [r0], #8
    sxtb16 lr, r12, ror #8
    sxtb16 r12, r12
    smlad  r2, r12, r10, r2
    smlad  r3, lr, r10, r3
    smlad  r4, r12, r11, r4
    smlad  r5, lr, r11, r5
    ldrd   r10, r11, [r0], #8
    smlad  r6, r12, r10, r6
    smlad  r7, lr, r10, r7
    smlad  r8, r12, r11, r8
    smlad  r9, lr, r11, r9
    .endm
    .macro NIN_ENTRY4
    adr.w  r2, 3f
    add    r3, r2
    orr    r3, #1
    .endm
    .macro NIN_FIRST4
    ldr    r12, [r1], #4
    ldrd   r10, r11, [r0], #8
    sxtb16 lr, r12, ror #8
    sxtb16 r12, r12
    smlad  r4, r12, r11, r2
    smlad  r5, lr, r11, r3
    ldrd   r9, r11, [r0], #8
    smlad  r6, r12, r9, r2
    smlad  r7, lr, r9, r3
    smlad  r8, r12, r11, r2
    smlad  r9, lr, r11, r3
    smlad  r2, r12, r10, r2
    smlad  r3, lr, r10, r3
    .endm
    "#,
    // Four inputs of two pixels; two inputs of two pixels.
    r#"
    .macro NIN_STEP2
    ldrd   r12, lr, [r1], #8
    sxtb16 r6, r12
    sxtb16 r7, r12, ror #8
    sxtb16 r8, lr
    sxtb16 r9, lr, ror #8
    ldrd   r10, r11, [r0], #8
    smlad  r2, r6, r10, r2
    smlad  r3, r7, r10, r3
    smlad  r4, r6, r11, r4
    smlad  r5, r7, r11, r5
    ldrd   r10, r11, [r0], #8
    smlad  r2, r8, r10, r2
    smlad  r3, r9, r10, r3
    smlad  r4, r8, r11, r4
    smlad  r5, r9, r11, r5
    .endm
    .macro NIN_SINGLE2
    ldr    r12, [r1], #4
    ldrd   r10, r11, [r0], #8
    sxtb16 r6, r12
    sxtb16 r7, r12, ror #8
    smlad  r2, r6, r10, r2
    smlad  r3, r7, r10, r3
    smlad  r4, r6, r11, r4
    smlad  r5, r7, r11, r5
    .endm
    .macro NIN_COPY2
    mov    r4, r2
    mov    r5, r3
    .endm
    "#,
    // Four inputs of one pixel; two inputs of one pixel.
    r#"
    .macro NIN_STEP1
    ldrd   r12, lr, [r1], #8
    ldrd   r10, r11, [r0], #8
    sxtb16 r6, r12
    sxtb16 r7, r12, ror #8
    sxtb16 r8, lr
    sxtb16 r9, lr, ror #8
    smlad  r2, r6, r10, r2
    smlad  r3, r7, r10, r3
    smlad  r2, r8, r11, r2
    smlad  r3, r9, r11, r3
    .endm
    .macro NIN_SINGLE1
    ldr    r12, [r1], #4
    ldr    r10, [r0], #4
    sxtb16 r6, r12
    sxtb16 r7, r12, ror #8
    smlad  r2, r6, r10, r2
    smlad  r3, r7, r10, r3
    .endm
    "#,
    // A kernel for fewer than four pixels: four steps of two words of weights each, then single words. With one pixel,
    // the first two words of the frame stay in registers.
    r#"
    .macro NIN_COMPARE1 register, place
    cmp    r0, \register
    .endm
    .macro NIN_COMPARE2 register, place
    ldr    r12, [sp, #\place]
    cmp    r0, r12
    .endm
    .macro NIN_KEEP1
    ldrd   r4, r5, [sp]
    .endm
    .macro NIN_FEWER pixels, last, copy, keep
    NIN_BEGIN nin_int8_\pixels, \last, , \copy, \keep
    NIN_COMPARE\pixels r4, 0
    beq    4f
    3:
    .rept 4
    NIN_STEP\pixels
    .endr
    NIN_COMPARE\pixels r4, 0
    bne    3b
    4:
    NIN_COMPARE\pixels r5, 4
    bhs    6f
    5:
    NIN_SINGLE\pixels
    NIN_COMPARE\pixels r5, 4
    blo    5b
    6:
    NIN_END nin_int8_\pixels, \last, NIN_VALUES\pixels
    .endm
    "#,
    r#"
    .macro NIN_REQUANTISE a
    smmlar \a, \a, r10, r11
    asr    \a, \a, r12
    usat   \a, #8, \a
    .endm
    .macro NIN_VALUES4
    ldm    r1!, {r10, r11, r12}
    NIN_REQUANTISE r2
    NIN_REQUANTISE r4
    NIN_REQUANTISE r6
    NIN_REQUANTISE r8
    ldm    r1!, {r10, r11, r12}
    NIN_REQUANTISE r3
    NIN_REQUANTISE r5
    NIN_REQUANTISE r7
    NIN_REQUANTISE r9
    orr    r2, r2, r3, lsl #8
    orr    r4, r4, r5, lsl #8
    orr    r6, r6, r7, lsl #8
    orr    r8, r8, r9, lsl #8
    ldrd   r12, r11, [sp, #32]
    add    r10, r12, r11, lsl #1
    strh   r6, [r10]
    strh   r8, [r10, r11]
    strh   r4, [r12, r11]
    strh   r2, [r12], #2
    str    r12, [sp, #32]
    .endm
    .macro NIN_VALUES2
    ldm    r1!, {r10, r11, r12}
    NIN_REQUANTISE r2
    NIN_REQUANTISE r4
    ldm    r1!, {r10, r11, r12}
    NIN_REQUANTISE r3
    NIN_REQUANTISE r5
    orr    r2, r2, r3, lsl #8
    orr    r4, r4, r5, lsl #8
    ldrd   r12, r11, [sp, #32]
    strh   r4, [r12, r11]
    strh   r2, [r12], #2
    str    r12, [sp, #32]
    .endm
    .macro NIN_VALUES1
    ldm    r1!, {r10, r11, r12}
    NIN_REQUANTISE r2
    ldm    r1!, {r10, r11, r12}
    NIN_REQUANTISE r3
    orr    r2, r2, r3, lsl #8
    ldr    r12, [sp, #32]
    strh   r2, [r12], #2
    str    r12, [sp, #32]
    .endm
    "#,
    // Four pixels: the first round enters the unrolled steps in the middle, so that the rest is a multiple of them.
    r#"
    NIN_BEGIN nin_int8_4, 9, NIN_ENTRY4, NIN_FIRST4
    ldr    pc, [sp]
    3:
    .rept 16
    NIN_STEP4
    .endr
    ldr    r12, [sp, #4]
    cmp    r0, r12
    blo    3b
    NIN_END nin_int8_4, 9, NIN_VALUES4
    NIN_FEWER 2, 5, NIN_COPY2
    NIN_FEWER 1, 3, , NIN_KEEP1
    "#,
    options(raw)
);
