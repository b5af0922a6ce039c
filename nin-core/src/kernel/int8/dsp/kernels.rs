//! The multiplications, by hand: N pixels times the two outputs of a stream, N being 4, 2 or 1.
//!
//! With four pixels the eight sums, two words of inputs, one word of weights split in two and two pointers take all
//! of the fourteen registers there are, and the inner step is 13 instructions for 16 multiply-accumulates: one LDR of
//! weights, two SXTB16, two LDRD of inputs, eight SMLAD. With two pixels or one it takes two words of weights at a
//! time: 15 for 16, and 10 for 8.
//!
//! A sum is doubled, since its inputs are. SMMLAR multiplies it with the multiplier, keeps the upper half, rounded,
//! and adds half of the shift's unit; ASR shifts; USAT clamps: exactly the arithmetic of `docs/int8.md`.
#![allow(unsafe_code)]

use core::arch::{asm, global_asm};

/// Raises each of `most` to the value beside it, where that is larger: four at a time by what `values` has more than
/// `most`, at least 0.
pub fn raise(most: &mut [u8], values: &[u8]) {
    let count = most.len().min(values.len());
    // SAFETY: reads as many bytes of both as both have, and writes as many; words need no alignment on these cores.
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

/// Copies `count` bytes for each of N pixels, which begin `step` apart, to byte `at` of the pixel's piece.
#[inline(always)]
pub fn spread<const N: usize, const W: usize>(
    x: &[u8],
    step: usize,
    pieces: &mut [[u32; W]; N],
    at: usize,
    count: usize,
) {
    assert!(at + count <= 4 * W && x.len() >= (N - 1) * step + count);
    let to = bytemuck::cast_slice_mut::<_, u8>(pieces.as_flattened_mut());
    // SAFETY: for each of N pixels it reads `count` bytes, words first, and writes as many behind the first `at` of
    // the pixel's piece: the checks above are for both. Words need no alignment on these cores.
    unsafe {
        asm!(
            "1:",
            "subs {left}, {count}, #4",
            "blo 3f",
            "2:",
            "ldr {t}, [{x}], #4",
            "str {t}, [{to}], #4",
            "subs {left}, #4",
            "bhs 2b",
            "3:",
            "adds {left}, #4",
            "beq 5f",
            "4:",
            "ldrb {t}, [{x}], #1",
            "strb {t}, [{to}], #1",
            "subs {left}, #1",
            "bne 4b",
            "5:",
            "add {x}, {back}",
            "add {to}, {on}",
            "subs {pixels}, #1",
            "bne 1b",
            left = out(reg) _,
            count = in(reg) count,
            x = inout(reg) x.as_ptr() => _,
            back = in(reg) step.wrapping_sub(count),
            to = inout(reg) to[at..].as_mut_ptr() => _,
            on = in(reg) 4 * W - count,
            pixels = inout(reg) N => _,
            t = out(reg) _,
            options(nostack)
        );
    }
}

/// Widens `length` bytes, fours of them, of each of four pixels, which begin `step` apart in `x`.
pub fn widen4(x: &[u8], step: usize, length: usize, window: &mut [u32]) {
    if length == 0 {
        return;
    }
    assert!(length.is_multiple_of(4) && window.len() == 2 * length && x.len() >= 3 * step + length);
    let x = x.as_ptr();
    // SAFETY: reads words from four places behind `x` until the first is `length` bytes on, and for each of the fours
    // writes eight words: both are checked above. It keeps to the procedure call standard.
    unsafe { nin_int8_widen4(x, step, window.as_mut_ptr(), x.wrapping_add(length)) }
}

/// Where the sums begin.
#[derive(Clone, Copy)]
pub enum Start {
    /// At the biases, the first two words of each stream.
    Bias,
    /// Where an earlier segment left them.
    Sums,
}

/// Where the sums go.
pub enum End<'a> {
    /// Where the next segment finds them: `[stream][N pixels][2 outputs]`, doubled.
    Sums(&'a mut [i32]),
    /// Requantised, into the values of N pixels that are `outputs` bytes apart.
    Values {
        /// The first stream's first output of the first pixel, and on.
        out: &'a mut [u8],
        /// Bytes from pixel to pixel.
        outputs: usize,
        /// Where the sums begin, if not at the biases.
        sums: &'a [i32],
    },
}

/// A part of the streams: some of the inputs.
#[derive(Clone, Copy)]
pub struct Segment {
    /// Inputs; an even number.
    pub inputs: usize,
    /// Words of a stream that are none of their weights.
    pub skip: usize,
}

/// Bytes of `NIN_STEP4`: thirteen instructions of four.
const STEP4: usize = 52;

/// What the kernels find on their way in; the order is theirs.
#[repr(C)]
struct Frame {
    /// For four pixels: bytes of steps that the first round jumps over. For fewer: where the inputs end that are
    /// taken eight words of weights at a time.
    unrolled: usize,
    /// Where the inputs end.
    end: *const u32,
    /// Streams left.
    streams: usize,
    /// Bytes from pixel to pixel of the output.
    outputs: usize,
    /// Bytes from the end of what is read of a stream to the beginning of that in the next.
    skip: usize,
    /// Sums of earlier segments.
    sums: *mut i32,
}

unsafe extern "C" {
    fn nin_int8_widen4(x: *const u8, step: usize, window: *mut u32, end: *const u8);
    fn nin_int8_4_whole(x: *const u32, weights: *const u32, out: *mut u8, frame: *const Frame);
    fn nin_int8_4_part(x: *const u32, weights: *const u32, out: *mut u8, frame: *const Frame);
    fn nin_int8_4_last(x: *const u32, weights: *const u32, out: *mut u8, frame: *const Frame);
    fn nin_int8_2_whole(x: *const u32, weights: *const u32, out: *mut u8, frame: *const Frame);
    fn nin_int8_2_part(x: *const u32, weights: *const u32, out: *mut u8, frame: *const Frame);
    fn nin_int8_2_last(x: *const u32, weights: *const u32, out: *mut u8, frame: *const Frame);
    fn nin_int8_1_whole(x: *const u32, weights: *const u32, out: *mut u8, frame: *const Frame);
    fn nin_int8_1_part(x: *const u32, weights: *const u32, out: *mut u8, frame: *const Frame);
    fn nin_int8_1_last(x: *const u32, weights: *const u32, out: *mut u8, frame: *const Frame);
}

/// Multiplies a segment of `count` streams with the inputs in `window`, `[inputs / 2][N pixels]`. `weights` begins
/// with the first stream's biases or, where sums go on, with its first weights of the segment.
pub fn multiply<const N: usize>(
    window: &[u32],
    weights: &[u32],
    segment: Segment,
    count: usize,
    start: Start,
    end: End<'_>,
) {
    let words = segment.inputs / 2;
    let read = match start {
        Start::Bias => words + segment.skip,
        Start::Sums => words,
    };
    assert!(window.len() == N * words && words > 0 && count > 0);
    assert!(weights.len() >= (count - 1) * (words + segment.skip) + read);
    let whole = matches!(start, Start::Bias);
    let (part, out, outputs, sums, sums_len) = match end {
        End::Sums(sums) => (true, core::ptr::null_mut(), 0, sums.as_mut_ptr(), sums.len()),
        End::Values { out, outputs, sums } => {
            assert!(
                out.len() >= (N - 1) * outputs + 2 * count
                    && weights.len() >= (count - 1) * (words + segment.skip) + words + 6
            );
            (false, out.as_mut_ptr(), outputs, sums.as_ptr().cast_mut(), sums.len())
        }
    };
    assert!(whole || sums_len >= count * 2 * N);
    let inputs = window.as_ptr();
    // The kernels for values leave the pointer behind the six parameters, those for sums behind the weights.
    let behind = words + if part { 0 } else { 6 };
    let frame = Frame {
        unrolled: if N == 4 {
            let steps = if whole { 16 } else { 8 };
            words.wrapping_neg() % steps * STEP4
        } else {
            inputs.wrapping_add(words / 8 * 8 * N).addr()
        },
        end: inputs.wrapping_add(words * N),
        streams: count,
        outputs,
        // The kernels that begin at the biases read all of a stream.
        skip: if whole { 0 } else { 4 * (words + segment.skip - behind) },
        sums,
    };
    let kernel = match (N, part, whole) {
        (4, _, true) => nin_int8_4_whole,
        (4, true, _) => nin_int8_4_part,
        (4, ..) => nin_int8_4_last,
        (2, _, true) => nin_int8_2_whole,
        (2, true, _) => nin_int8_2_part,
        (2, ..) => nin_int8_2_last,
        (_, _, true) => nin_int8_1_whole,
        (_, true, _) => nin_int8_1_part,
        _ => nin_int8_1_last,
    };
    // SAFETY: the kernels read the window, N words for each of its words of weights; of each stream the words whose
    // number is checked above; and read or write 2·N sums or 2 bytes of each of N pixels for each stream, whose room
    // is checked too. They keep to the procedure call standard.
    unsafe { kernel(inputs, weights.as_ptr(), out, &raw const frame) }
}

/// What all kernels begin with. On the stack lie the `Frame`'s six words, then the first input and the place of the
/// next value; `entry` may still change the first of them, in r4.
macro_rules! enter {
    ($name:literal, $entry:literal) => {
        concat!(
            // In a section of its own, so that who does not call it does not carry it.
            ".section .text.",
            $name,
            ",\"ax\",%progbits\n.global ",
            $name,
            "\n.type ",
            $name,
            ", %function\n.thumb_func\n.balign 4\n",
            $name,
            ":\n",
            "push {r4-r11, lr}\nsub sp, #36\nldm r3, {r4-r9}\n",
            $entry,
            "mov r10, r0\nmov r11, r2\nstm sp, {r4-r11}\n",
        )
    };
}

/// What they end with: on to the next stream, after `skip`.
macro_rules! leave {
    ($skip:literal) => {
        concat!(
            $skip,
            "ldr r12, [sp, #8]\nldr r0, [sp, #24]\nsubs r12, #1\nstr r12, [sp, #8]\nbne 2b\n",
            "add sp, #36\npop {r4-r11, pc}\n",
        )
    };
}

/// A kernel for four pixels: how it begins with a stream, how many steps it takes before it looks whether they are
/// enough, how it ends. It jumps into the middle of the steps, so that their number comes out even.
macro_rules! four {
    ($name:literal, $begin:literal, $steps:literal, $end:literal, $skip:literal) => {
        concat!(
            enter!($name, "adr.w r10, 3f\nadd r4, r10\norr r4, #1\n"),
            "2:\n",
            $begin,
            "ldr pc, [sp]\n",
            "3:\n.rept ",
            $steps,
            "\nNIN_STEP4\n.endr\nldr r12, [sp, #4]\ncmp r0, r12\nbne 3b\n",
            $end,
            leave!($skip),
            ".size ",
            $name,
            ", . - ",
            $name,
            "\n",
        )
    };
}

/// A kernel for fewer: four steps of two words of weights each, then single words.
macro_rules! fewer {
    ($name:literal, $begin:literal, $step:literal, $single:literal, $end:literal, $skip:literal) => {
        concat!(
            enter!($name, ""),
            "2:\n",
            $begin,
            "ldr r12, [sp]\ncmp r0, r12\nbeq 4f\n",
            "3:\n.rept 4\n",
            $step,
            "\n.endr\nldr r12, [sp]\ncmp r0, r12\nbne 3b\n",
            "4:\nldr r12, [sp, #4]\ncmp r0, r12\nbeq 6f\n",
            "5:\n",
            $single,
            "\nldr r12, [sp, #4]\ncmp r0, r12\nbne 5b\n",
            "6:\n",
            $end,
            leave!($skip),
            ".size ",
            $name,
            ", . - ",
            $name,
            "\n",
        )
    };
}

global_asm!(
    ".syntax unified\n.thumb\n",
    // Four bytes of each of four pixels: their even bytes doubled, then the odd ones.
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
    // Two inputs of four pixels, two outputs.
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
    "#,
    // Four inputs of two pixels, and two.
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
    "#,
    // Four inputs of one pixel, and two.
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
    ldr    r10, [sp, #28]
    ldr    r11, [sp, #12]
    add    r12, r10, #2
    str    r12, [sp, #28]
    strh   r2, [r10]
    strh   r4, [r10, r11]
    add    r10, r10, r11, lsl #1
    strh   r6, [r10]
    strh   r8, [r10, r11]
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
    ldr    r10, [sp, #28]
    ldr    r11, [sp, #12]
    strh   r4, [r10, r11]
    strh   r2, [r10], #2
    str    r10, [sp, #28]
    .endm
    .macro NIN_VALUES1
    ldm    r1!, {r10, r11, r12}
    NIN_REQUANTISE r2
    ldm    r1!, {r10, r11, r12}
    NIN_REQUANTISE r3
    orr    r2, r2, r3, lsl #8
    ldr    r10, [sp, #28]
    strh   r2, [r10], #2
    str    r10, [sp, #28]
    .endm
    .macro NIN_SKIP
    ldr    r12, [sp, #16]
    add    r1, r12
    .endm
    .macro NIN_SUMS_IN last
    ldr    r12, [sp, #20]
    ldm    r12!, {r2-r\last}
    str    r12, [sp, #20]
    .endm
    .macro NIN_SUMS_AGAIN last
    ldr    r12, [sp, #20]
    ldm    r12, {r2-r\last}
    .endm
    .macro NIN_SUMS_OUT last
    ldr    r12, [sp, #20]
    stm    r12!, {r2-r\last}
    str    r12, [sp, #20]
    .endm
    "#,
    four!(
        "nin_int8_4_whole",
        "ldm r1!, {r2, r3}\nmov r4, r2\nmov r5, r3\nmov r6, r2\nmov r7, r3\nmov r8, r2\nmov r9, r3\n",
        "16",
        "NIN_VALUES4\n",
        ""
    ),
    four!("nin_int8_4_part", "NIN_SUMS_AGAIN 9\n", "8", "NIN_SUMS_OUT 9\n", "NIN_SKIP\n"),
    four!("nin_int8_4_last", "NIN_SUMS_IN 9\n", "8", "NIN_VALUES4\n", "NIN_SKIP\n"),
    fewer!(
        "nin_int8_2_whole",
        "ldm r1!, {r2, r3}\nmov r4, r2\nmov r5, r3\n",
        "NIN_STEP2",
        "NIN_SINGLE2",
        "NIN_VALUES2\n",
        ""
    ),
    fewer!("nin_int8_2_part", "NIN_SUMS_AGAIN 5\n", "NIN_STEP2", "NIN_SINGLE2", "NIN_SUMS_OUT 5\n", "NIN_SKIP\n"),
    fewer!("nin_int8_2_last", "NIN_SUMS_IN 5\n", "NIN_STEP2", "NIN_SINGLE2", "NIN_VALUES2\n", "NIN_SKIP\n"),
    fewer!("nin_int8_1_whole", "ldm r1!, {r2, r3}\n", "NIN_STEP1", "NIN_SINGLE1", "NIN_VALUES1\n", ""),
    fewer!("nin_int8_1_part", "NIN_SUMS_AGAIN 3\n", "NIN_STEP1", "NIN_SINGLE1", "NIN_SUMS_OUT 3\n", "NIN_SKIP\n"),
    fewer!("nin_int8_1_last", "NIN_SUMS_IN 3\n", "NIN_STEP1", "NIN_SINGLE1", "NIN_VALUES1\n", "NIN_SKIP\n"),
    options(raw)
);
