//! The kernels: each computes some channels of N pixels, S columns apart.
#![allow(unsafe_code)]

use core::arch::global_asm;

use super::{SIDE, TAPS};
use crate::kernel::int8::dsp::cpu::cpu;
use crate::packing::ROWS;

/// Some channels of a tile.
pub struct Task<'a> {
    /// The inputs: for each row of the window, a row of columns × `step` bytes. The first `count` bytes are used.
    pub rows: [&'a [u8]; SIDE],
    pub step: usize,
    /// Biases, multipliers and shifts of all channels.
    pub parameters: &'a [i32],
    /// `[channel][row][column]` weights of all channels.
    pub taps: &'a [u8],
    /// The number of all channels.
    pub channels: usize,
    /// The first of the channels, and their number.
    pub first: usize,
    pub count: usize,
    /// The output's zero point.
    pub zero: i32,
    /// The first pixel's first output; each pixel's are `channels` bytes after those of the one before.
    pub out: &'a mut [u8],
}

impl Task<'_> {
    /// Computes `pixels` pixels, 5 (only with a stride of 1), 4, 2 or 1, whose windows are `stride` columns apart: 1 or 2.
    #[inline(always)]
    pub fn run(self, pixels: usize, stride: usize) {
        let kernel = match (pixels, stride) {
            (5, _) => nin_int8_depthwise_5_1,
            (4, 1) => nin_int8_depthwise_4_1,
            (4, _) => nin_int8_depthwise_4_2,
            (2, 1) => nin_int8_depthwise_2_1,
            (2, _) => nin_int8_depthwise_2_2,
            _ => nin_int8_depthwise_1,
        };
        self.call(kernel, (pixels - 1) * stride + SIDE, pixels);
    }

    /// Computes `pixels` pixels, whose windows have `columns` columns together, with the kernel for them.
    #[inline(never)]
    fn call(self, kernel: unsafe extern "C" fn(*const u8, usize, *const Frame), columns: usize, pixels: usize) {
        let Task { rows, step, parameters, taps, channels, first, count, zero, out } = self;
        assert!(
            count > 0
                && rows.iter().all(|row| row.len() >= (columns - 1) * step + count)
                && first + count <= channels
                && parameters.len() >= ROWS * channels
                && taps.len() >= TAPS * channels
                && out.len() >= (pixels - 1) * channels + count
        );
        let [top, middle, bottom] = rows.map(<[u8]>::as_ptr);
        let from_top = |at: usize| at.wrapping_sub(top.addr());
        let frame = Frame {
            taps: taps[TAPS * first..].as_ptr(),
            parameters: parameters[first..].as_ptr(),
            row: size_of::<i32>() * channels,
            middle: from_top(middle.addr()),
            bottom: from_top(bottom.addr()),
            out: from_top(out.as_mut_ptr().addr()),
            channels,
            end: top.wrapping_add(count),
            zero,
        };
        // SAFETY: for each of `count` channels the kernel reads its weights and parameters and a byte of each row in
        // every column, and writes a byte of each pixel; the lengths are checked above. It follows the procedure call
        // standard.
        unsafe { kernel(top, step, &raw const frame) }
    }
}

/// Arguments of the kernels; the assembly relies on the order of the fields.
#[repr(C)]
struct Frame {
    /// The next channel's weights and bias, and bytes from bias to multiplier and from multiplier to shift.
    taps: *const u8,
    parameters: *const i32,
    row: usize,
    /// Bytes from a channel's input in the first row to those in the others, and to its output of the first pixel.
    middle: usize,
    bottom: usize,
    out: usize,
    /// Bytes from pixel to pixel of the output.
    channels: usize,
    /// The end of the channels in the first row's first column.
    end: *const u8,
    /// The output's zero point.
    zero: i32,
}

// Computes N pixels, S columns apart: (inputs of the first row, bytes from column to column, frame).
unsafe extern "C" {
    fn nin_int8_depthwise_5_1(x: *const u8, step: usize, frame: *const Frame);
    fn nin_int8_depthwise_4_1(x: *const u8, step: usize, frame: *const Frame);
    fn nin_int8_depthwise_4_2(x: *const u8, step: usize, frame: *const Frame);
    fn nin_int8_depthwise_2_1(x: *const u8, step: usize, frame: *const Frame);
    fn nin_int8_depthwise_2_2(x: *const u8, step: usize, frame: *const Frame);
    fn nin_int8_depthwise_1(x: *const u8, step: usize, frame: *const Frame);
}

global_asm!(
    cpu!(),
    ".syntax unified\n.thumb\n",
    // Loads column `column` of the row at `pointer`. `pointer` is at the first of each three columns; r1 is the bytes of
    // three, r3 of one.
    r#"
    .macro NIN_DW_LOAD to, pointer, column
    .if (\column % 3) == 0
    ldrb   \to, [\pointer]
    .elseif (\column % 3) == 1
    ldrb   \to, [\pointer, r3]
    .else
    ldrb   \to, [\pointer, r3, lsl #1]
    .endif
    .endm
    "#,
    // Adds a column's products to one pixel's sum: `tap` is the column in the pixel's window. The first product of each
    // pixel is added to the bias, which is in the last pixel's sum.
    r#"
    .macro NIN_DW_PAIR sum, bias, tap
    .if (\tap) == 0
    smlad  \sum, r11, r8, \bias
    .elseif (\tap) == 1
    smlad  \sum, r11, r9, \sum
    .elseif (\tap) == 2
    smladx \sum, r11, r10, \sum
    .endif
    .endm
    .macro NIN_DW_SINGLE sum, bias, tap
    .if (\tap) == 0
    smlabb \sum, r11, r8, \sum
    .elseif (\tap) == 1
    smlabt \sum, r11, r8, \sum
    .elseif (\tap) == 2
    smlabb \sum, r11, r9, \sum
    .endif
    .endm
    .macro NIN_DW_SUMS what, pixels, stride, column
    .if \pixels == 5
    NIN_DW_\what r4, r0, (\column)
    NIN_DW_\what r5, r0, (\column - \stride)
    NIN_DW_\what r6, r0, (\column - 2 * \stride)
    NIN_DW_\what r7, r0, (\column - 3 * \stride)
    NIN_DW_\what r0, r0, (\column - 4 * \stride)
    .elseif \pixels == 4
    NIN_DW_\what r4, r7, (\column)
    NIN_DW_\what r5, r7, (\column - \stride)
    NIN_DW_\what r6, r7, (\column - 2 * \stride)
    NIN_DW_\what r7, r7, (\column - 3 * \stride)
    .else
    NIN_DW_\what r4, r5, (\column)
    NIN_DW_\what r5, r5, (\column - \stride)
    .endif
    .endm
    "#,
    // All columns from `column` on.
    r#"
    .macro NIN_DW_COLUMNS pixels, stride, column
    NIN_DW_LOAD r11, lr, \column
    NIN_DW_LOAD r12, r2, \column
    orr    r11, r11, r12, lsl #16
    NIN_DW_SUMS PAIR, \pixels, \stride, \column
    .if \column < (\pixels - 1) * \stride + 2
    .if (\column % 3) == 2
    add    lr, lr, r1
    add    r2, r2, r1
    .endif
    NIN_DW_COLUMNS \pixels, \stride, (\column + 1)
    .endif
    .endm
    .macro NIN_DW_LAST_ROW pixels, stride, column
    NIN_DW_LOAD r11, r2, \column
    NIN_DW_SUMS SINGLE, \pixels, \stride, \column
    .if \column < (\pixels - 1) * \stride + 2
    .if (\column % 3) == 2
    add    r2, r2, r1
    .endif
    NIN_DW_LAST_ROW \pixels, \stride, (\column + 1)
    .endif
    .endm
    "#,
    // Applies a macro to each pixel's sum.
    r#"
    .macro NIN_DW_EACH what, pixels
    \what r4
    \what r5
    .if \pixels > 2
    \what r6
    \what r7
    .endif
    .if \pixels == 5
    \what r0
    .endif
    .endm
    .macro NIN_DW_DOUBLE sum
    lsl    \sum, \sum, #1
    .endm
    .macro NIN_DW_RELU sum
    smmlar \sum, \sum, r8, r9
    asr    \sum, \sum, r10
    usat   \sum, #8, \sum
    .endm
    .macro NIN_DW_ZERO sum
    smmulr \sum, \sum, r8
    add    \sum, \sum, \sum, asr #31
    add    \sum, \sum, r9
    asr    \sum, \sum, r10
    add    \sum, \sum, r2
    usat   \sum, #8, \sum
    .endm
    "#,
    // One kernel. On the stack: the `Frame`, then multiplier, shift, the third row's weights, and with
    // five pixels r0. A channel's nine weights are bytes; r8, r9 and
    // r10 get the upper two of each column as a pair, those of the third column swapped.
    r#"
    .macro NIN_DW pixels, stride
    .section .text.nin_int8_depthwise_\pixels\()_\stride,"ax",%progbits
    .global nin_int8_depthwise_\pixels\()_\stride
    .type  nin_int8_depthwise_\pixels\()_\stride, %function
    .thumb_func
    .balign 4
    nin_int8_depthwise_\pixels\()_\stride:
    push   {r4-r11, lr}
    sub    sp, #56
    mov    r3, r1
    ldm    r2, {r4-r12}
    stm    sp, {r4-r12}
    add    r1, r3, r3, lsl #1
    2:
    ldm    sp, {r2, r8, lr}
    .if \pixels == 5
    str    r0, [sp, #52]
    ldr    r0, [r8]
    .elseif \pixels == 4
    ldr    r7, [r8]
    .else
    ldr    r5, [r8]
    .endif
    ldr    r11, [r8, lr]
    ldr    r12, [r8, lr, lsl #1]
    strd   r11, r12, [sp, #36]
    ldr    r9, [r2, #4]
    ldrsb  r10, [r2, #8]
    ldr    r11, [r2], #9
    adds   r8, #4
    strd   r2, r8, [sp]
    sxtb16 r8, r11
    sxtb16 r11, r11, ror #8
    sxtb16 r12, r9, ror #8
    sxtb16 r9, r9
    pkhtb  lr, r12, r9, asr #16
    strd   lr, r10, [sp, #44]
    pkhbt  r10, r12, r8
    pkhbt  r8, r8, r11
    pkhbt  r9, r11, r9, lsl #16
    ldr    r2, [sp, #12]
    .if \pixels == 5
    ldr    lr, [sp, #52]
    .else
    mov    lr, r0
    .endif
    add    r2, r2, lr
    NIN_DW_COLUMNS \pixels, \stride, 0
    ldr    r2, [sp, #16]
    ldrd   r8, r9, [sp, #44]
    .if \pixels == 5
    ldr    lr, [sp, #52]
    add    r2, r2, lr
    .else
    add    r2, r2, r0
    .endif
    NIN_DW_LAST_ROW \pixels, \stride, 0
    ldrd   r8, r10, [sp, #36]
    ldrd   r11, r12, [sp, #20]
    movs   r2, #1
    lsl    r9, r2, r10
    ldrd   lr, r2, [sp, #28]
    lsr    r9, r9, #1
    NIN_DW_EACH NIN_DW_DOUBLE, \pixels
    cbnz   r2, 5f
    NIN_DW_EACH NIN_DW_RELU, \pixels
    4:
    .if \pixels == 5
    mov    r8, r0
    ldr    r0, [sp, #52]
    .endif
    add    r11, r11, r0
    strb   r4, [r11]
    strb   r5, [r11, r12]
    .if \pixels > 2
    add    r11, r11, r12, lsl #1
    strb   r6, [r11]
    strb   r7, [r11, r12]
    .endif
    .if \pixels == 5
    strb   r8, [r11, r12, lsl #1]
    .endif
    adds   r0, #1
    cmp    r0, lr
    bne    2b
    add    sp, #56
    pop    {r4-r11, pc}
    5:
    NIN_DW_EACH NIN_DW_ZERO, \pixels
    b      4b
    .size  nin_int8_depthwise_\pixels\()_\stride, . - nin_int8_depthwise_\pixels\()_\stride
    .endm
    NIN_DW 5, 1
    NIN_DW 4, 1
    NIN_DW 4, 2
    NIN_DW 2, 1
    NIN_DW 2, 2
    "#,
    // One pixel has no use for pairs: each product is added by itself.
    r#"
    .section .text.nin_int8_depthwise_1,"ax",%progbits
    .global nin_int8_depthwise_1
    .type  nin_int8_depthwise_1, %function
    .thumb_func
    .balign 4
    nin_int8_depthwise_1:
    push   {r4-r11, lr}
    sub    sp, #36
    mov    r3, r1
    ldm    r2, {r4-r12}
    stm    sp, {r4-r12}
    mov    r1, r7
    mov    r2, r8
    2:
    ldm    sp, {r7, r8, lr}
    ldr    r4, [r8]
    ldr    r5, [r8, lr]
    ldr    r6, [r8, lr, lsl #1]
    ldr    r9, [r7, #4]
    ldrsb  r10, [r7, #8]
    ldr    r11, [r7], #9
    adds   r8, #4
    strd   r7, r8, [sp]
    sxtb16 r7, r11
    sxtb16 r8, r11, ror #8
    ldrb   r11, [r0]
    ldrb   r12, [r0, r3]
    smlabb r4, r11, r7, r4
    ldrb   r11, [r0, r3, lsl #1]
    smlabb r4, r12, r8, r4
    smlabt r4, r11, r7, r4
    add    lr, r0, r1
    sxtb16 r7, r9
    sxtb16 r9, r9, ror #8
    ldrb   r11, [lr]
    ldrb   r12, [lr, r3]
    smlabt r4, r11, r8, r4
    ldrb   r11, [lr, r3, lsl #1]
    smlabb r4, r12, r7, r4
    smlabb r4, r11, r9, r4
    add    lr, r0, r2
    ldrb   r11, [lr]
    ldrb   r12, [lr, r3]
    smlabt r4, r11, r7, r4
    ldrb   r11, [lr, r3, lsl #1]
    smlabt r4, r12, r9, r4
    smlabb r4, r11, r10, r4
    movs   r7, #1
    lsl    r9, r7, r6
    ldr    r7, [sp, #32]
    lsr    r9, r9, #1
    lsls   r4, r4, #1
    cbnz   r7, 5f
    smmlar r4, r4, r5, r9
    asrs   r4, r6
    usat   r4, #8, r4
    4:
    ldr    r11, [sp, #20]
    ldr    r12, [sp, #28]
    strb   r4, [r0, r11]
    adds   r0, #1
    cmp    r0, r12
    bne    2b
    add    sp, #36
    pop    {r4-r11, pc}
    5:
    smmulr r4, r4, r5
    add    r4, r4, r4, asr #31
    add    r4, r4, r9
    asr    r4, r4, r6
    add    r4, r4, r7
    usat   r4, #8, r4
    b      4b
    .size  nin_int8_depthwise_1, . - nin_int8_depthwise_1
    "#,
    options(raw)
);
