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

use core::arch::{asm, global_asm};

/// Raises each value of `most` to the value at the same index in `values`, if that is larger: four at a time, by adding
/// the saturated difference.
#[cfg(not(nin_mve))]
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
            "mov {left}, {length}",
            "b 4f",
            "3:",
            "ldr {x}, [{from}], #4",
            "str {x}, [{to}], #4",
            "ldr {x}, [{from}], #4",
            "str {x}, [{to}], #4",
            "ldr {x}, [{from}], #4",
            "str {x}, [{to}], #4",
            "ldr {x}, [{from}], #4",
            "str {x}, [{to}], #4",
            "4:",
            "subs {left}, #16",
            "bhs 3b",
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
            "mov {left}, {length}",
            "b 4f",
            "3:",
            "ldm {from}!, {{r2, r3, r4, r5}}",
            "stm {to}!, {{r2, r3, r4, r5}}",
            "4:",
            "subs {left}, #16",
            "bhs 3b",
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
    fn nin_int8_widen(x: *const u8, length: usize, window: *mut u32, next: usize, at: usize, step: usize, count: usize);
    fn nin_int8_widen4(x: *const u8, step: usize, window: *mut u32, end: *const u8);
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

/// DSP instructions are optional in Armv8-M, and `global_asm!` does not receive the compiler's target CPU. The
/// directive names a core that has them; the code is the same for all such cores.
#[cfg(nin_v8m)]
macro_rules! core {
    () => {
        ".cpu cortex-m33\n"
    };
}
#[cfg(not(nin_v8m))]
macro_rules! core {
    () => {
        ""
    };
}
pub(super) use core;

global_asm!(
    core!(),
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
