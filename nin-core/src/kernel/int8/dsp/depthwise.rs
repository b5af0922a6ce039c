//! Depthwise 3×3 convolutions, a channel at a time.
//!
//! A channel's weights and the sums of N pixels stay in registers while its inputs are read along the row: the upper two
//! rows of each column as a pair for SMLAD, then the third row. For four pixels and 36 multiply-accumulates a channel
//! takes 105 instructions, rounding included. Where a tile has padding, its inputs are first copied to `work`, as many
//! channels at a time as fit.
#![allow(unsafe_code)]

use core::arch::global_asm;

use super::kernels::{copy_each, copy_words, fill};
use super::rounding::clamp;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::ROWS;
use crate::packing::affine::Words;
use crate::plan::TILE;

/// Rows and columns of the window.
const SIDE: usize = 3;
/// Weights of a channel.
const TAPS: usize = SIDE * SIDE;

/// Whether [`layer`] computes the layer: a channel for each output, windows of 3×3, one or two columns apart.
pub fn fits(patch: &Patch<'_, u8>, weights: &LayerWeights<'_>) -> bool {
    let depthwise = usize::from(weights.groups) == patch.channels && weights.outputs == patch.channels;
    depthwise && (patch.kernel, patch.height) == (SIDE, SIDE) && patch.stride <= 2
}

/// Computes one plain layer that [`fits`] for a tile of pixels.
pub fn layer(
    patch: &Patch<'_, u8>,
    pixels: usize,
    words: &Words,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    let mut first = 0;
    while first < pixels {
        let count = match (pixels - first, patch.stride) {
            (3, _) => 2,
            (count, 1) => count,
            (count, _) => TILE.min(count),
        };
        tile(patch, (first, count), words, weights, work, &mut out[first * weights.outputs..]);
        first += count;
    }
    clamp(words, &mut out[..pixels * weights.outputs]);
}

/// Computes 5, 4, 2 or 1 pixels of a tile.
fn tile(
    patch: &Patch<'_, u8>,
    (first, pixels): (usize, usize),
    words: &Words,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    let Patch { channels, stride, .. } = *patch;
    let columns = (pixels - 1) * stride + SIDE;
    let start = patch.left + (first * stride) as isize;
    let is_whole = patch.rows.1 - patch.rows.0 == SIDE && start >= 0 && start as usize + columns <= patch.columns;
    let (parameters, taps) = weights.bytes.split_at(4 * ROWS * channels);
    let parameters: &[i32] = bytemuck::cast_slice(parameters);
    let channel = |at: usize, rows: [&[u8]; SIDE], step: usize, count: usize, out: &mut [u8]| {
        let zero = i32::from(words.output_zero);
        let task = Task { rows, step, parameters, taps, channels, first: at, count, zero, out: &mut out[at..] };
        task.run(
            match (pixels, stride) {
                (5, _) => nin_int8_depthwise_5_1,
                (4, 1) => nin_int8_depthwise_4_1,
                (4, _) => nin_int8_depthwise_4_2,
                (2, 1) => nin_int8_depthwise_2_1,
                (2, _) => nin_int8_depthwise_2_2,
                _ => nin_int8_depthwise_1,
            },
            columns,
            pixels,
        );
    };
    if is_whole {
        let rows = [0, 1, 2].map(|row| &patch.line(patch.rows.0 + row)[start as usize * channels..]);
        return channel(0, rows, channels, channels, out);
    }
    // As many channels at a time as fit, of about equal number, in whole words.
    let work: &mut [u8] = bytemuck::cast_slice_mut(work);
    let most = work.len() / (SIDE * columns) / 4 * 4;
    let block = channels.div_ceil(channels.div_ceil(most)).next_multiple_of(4);
    for at in (0..channels).step_by(block) {
        let count = block.min(channels - at);
        let room = &mut work[..SIDE * columns * count];
        copy(patch, start, (at, count), columns, words.input_zero, room);
        let (row, rest) = room.split_at(columns * count);
        let (next, last) = rest.split_at(columns * count);
        channel(at, [row, next, last], count, count, out);
    }
}

/// Copies the inputs of some channels under a tile's windows, from column `start` on: rows × columns × channels, with
/// padding as `zero`.
fn copy(
    patch: &Patch<'_, u8>,
    start: isize,
    (first, count): (usize, usize),
    columns: usize,
    zero: u8,
    room: &mut [u8],
) {
    let left = columns.min(start.min(0).unsigned_abs());
    let right = columns.min((patch.columns as isize - start).max(left as isize) as usize);
    for (ky, row) in room.chunks_exact_mut(columns * count).enumerate() {
        let y = (patch.rows.0 + ky).wrapping_sub(patch.above);
        if ky < patch.above || y >= patch.rows.1 {
            row.fill(zero);
            continue;
        }
        fill(&mut row[..left * count], zero);
        fill(&mut row[right * count..], zero);
        if left < right {
            let from = &patch.line(y)[(start + left as isize) as usize * patch.channels + first..];
            // All channels are side by side.
            let (times, bytes) =
                if count == patch.channels { (1, (right - left) * count) } else { (right - left, count) };
            let to = &mut row[left * count..];
            if patch.channels.is_multiple_of(4) && count.is_multiple_of(4) {
                copy_words(from, (times, bytes), patch.channels, to, count);
            } else {
                copy_each(from, (times, bytes), patch.channels, to, count);
            }
        }
    }
}

/// Some channels of a tile.
struct Task<'a> {
    /// The inputs: for each row of the window, a row of columns × `step` bytes. The first `count` bytes are used.
    rows: [&'a [u8]; SIDE],
    step: usize,
    /// Biases, multipliers and shifts of all channels.
    parameters: &'a [i32],
    /// `[channel][row][column]` weights of all channels.
    taps: &'a [u8],
    /// The number of all channels.
    channels: usize,
    /// The first of the channels, and their number.
    first: usize,
    count: usize,
    /// The output's zero point.
    zero: i32,
    /// The first pixel's first output; each pixel's are `channels` bytes after those of the one before.
    out: &'a mut [u8],
}

impl Task<'_> {
    /// Computes `pixels` pixels, whose windows have `columns` columns together, with the kernel for them.
    #[inline(never)]
    fn run(self, kernel: unsafe extern "C" fn(*const u8, usize, *const Frame), columns: usize, pixels: usize) {
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
    super::kernels::core!(),
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
