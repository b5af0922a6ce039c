//! Float layers on a Cortex-M4F, M7 or M33, by hand: packed by four outputs.
//!
//! The compiler keeps neither sixteen sums in registers nor two inputs of four pixels beside them. Here they are:
//! s0–s15 the sums (pixel by pixel), s16–s23 two inputs of each pixel, s24–s27 one input's weights for the four
//! outputs, s28–s31 products on their way into the sums. Two inputs take 4 + 2 loads and 64 products and additions:
//! 70 instructions for 32 multiply-accumulates. A product is rounded before it is added, as everywhere, and costs
//! no more cycles than VFMA, which takes three here. Weights in f16 come two to a word and are widened by VCVTB
//! and VCVTT: four instructions more an input.
//!
//! What the windows of a tile have side by side in memory is a list of [`Part`]s: inputs of all four pixels, or of
//! one alone where the others' windows are off the map. All outputs, four at a time, go through the same list; each
//! pixel's inputs are in it in their order, and padding is not.
#![allow(unsafe_code)]

use core::arch::{asm, global_asm};
use core::mem::MaybeUninit;

use half::f16;

use super::Patch;
use super::float::split;
use crate::format::private::LayerWeights;
use crate::plan::TILE;

/// A weight type with a kernel for four outputs side by side.
pub trait Quad: Sized {
    /// Computes outputs of a tile, four at a time, biases, ReLU and all.
    ///
    /// # Safety
    ///
    /// The task's pointers have to be good for what its fields say.
    unsafe fn run(task: &mut Task);
}

impl Quad for f32 {
    unsafe fn run(task: &mut Task) {
        // SAFETY: as this function's; the kernel keeps to the procedure call standard.
        unsafe { nin_f32_quads(task) }
    }
}

impl Quad for f16 {
    unsafe fn run(task: &mut Task) {
        // SAFETY: as this function's; the kernel keeps to the procedure call standard.
        unsafe { nin_f16_quads(task) }
    }
}

unsafe extern "C" {
    fn nin_f32_quads(task: *mut Task);
    fn nin_f16_quads(task: *mut Task);
}

/// Parts in a list: a 5×5 window over both edges of a map has seven in a row.
const PARTS: usize = 40;

/// Inputs of a tile; the order is the kernel's.
#[repr(C)]
#[derive(Clone, Copy)]
struct Part {
    /// Bytes from a group's first weight to the part's.
    weights: usize,
    /// How many inputs, at least one.
    run: usize,
    /// Those of the first pixel, or of the `only` one.
    x: *const f32,
    /// 0 if all have them, else the number of the pixel, from 1.
    only: usize,
}

/// What a kernel works on; the order is its own, and it counts in it.
#[repr(C)]
pub struct Task {
    /// Four for each group.
    bias: *const f32,
    parts: *const Part,
    end: *const Part,
    /// The first group's.
    weights: *const u8,
    /// Bytes of a group's weights.
    group: usize,
    /// The first pixel's outputs.
    out: *mut f32,
    /// Bytes from one pixel's outputs to the next.
    outputs: usize,
    pixels: usize,
    /// Outputs, in fours.
    groups: usize,
    /// Bytes from a pixel's inputs to the next one's.
    step: usize,
}

/// A list of parts.
struct List<'p> {
    parts: &'p mut [MaybeUninit<Part>; PARTS],
    count: usize,
    /// Inputs of a window's row.
    run: usize,
    /// Values from a pixel's inputs to the next one's.
    step: usize,
    /// Bytes of the four weights of an input.
    weight: usize,
}

impl List<'_> {
    /// Adds a part: `run` inputs of row `ky` of the windows from `first` on, at the beginning of `x`, which holds those
    /// of all pixels; whether there was room.
    fn push(&mut self, (ky, first): (usize, usize), run: usize, only: usize, x: &[f32]) -> bool {
        let Some(part) = self.parts.get_mut(self.count) else { return false };
        let most = if only == 0 { (TILE - 1) * self.step + run } else { run };
        assert!(first + run <= self.run && x.len() >= most && run > 0);
        part.write(Part { weights: (ky * self.run + first) * self.weight, run, x: x.as_ptr(), only });
        self.count += 1;
        true
    }

    /// Adds the rows of the windows of `pixels` pixels; whether there was room.
    fn windows(&mut self, patch: &Patch<'_, f32>, pixels: usize) -> bool {
        let channels = patch.channels;
        if patch.flat && pixels == TILE {
            let start = patch.left.unsigned_abs() * channels;
            return self.push((0, 0), channels, 0, &patch.lines[start..]);
        }
        let valid: [_; TILE] = core::array::from_fn(|pixel| patch.valid(pixel));
        // Columns on the map for all: the first pixel's window begins last on it, the last pixel's ends first. Those of
        // fewer pixels go alone.
        let (first, end) = (valid[0].0, valid[TILE - 1].1);
        let (first, end) = if pixels == TILE && first < end { (first, end) } else { (patch.kernel, patch.kernel) };
        for y in patch.rows.0..patch.rows.1 {
            let (line, ky) = (patch.line(y), y + patch.above - patch.rows.0);
            let alone = |list: &mut Self, least: usize, most: usize| {
                (0..pixels).all(|pixel| {
                    let (from, to) = (valid[pixel].0.max(least), valid[pixel].1.min(most));
                    from >= to || {
                        let x = &line[patch.at(pixel, from)..];
                        list.push((ky, from * channels), (to - from) * channels, pixel + 1, x)
                    }
                })
            };
            let together = |list: &mut Self| {
                first == end
                    || list.push((ky, first * channels), (end - first) * channels, 0, &line[patch.at(0, first)..])
            };
            let room = (first == 0 || alone(self, 0, first)) && together(self);
            if !(room && (end == patch.kernel || alone(self, end, patch.kernel))) {
                return false;
            }
        }
        self.count > 0
    }
}

/// One layer for a tile of pixels; `false` if it is none for these kernels.
pub fn layer<W: Quad + bytemuck::Pod + super::float::Stored>(
    patch: &Patch<'_, f32>,
    pixels: usize,
    weights: &LayerWeights<'_>,
    out: &mut [f32],
) -> bool {
    let (biases, packed) = split::<W>(weights);
    let (outputs, fan_in) = (weights.outputs, weights.fan_in);
    let run = patch.kernel * patch.channels;
    let mut parts = [MaybeUninit::uninit(); PARTS];
    let mut list =
        List { parts: &mut parts, count: 0, run, step: patch.stride * patch.channels, weight: 4 * size_of::<W>() };
    if !list.windows(patch, pixels) {
        return false;
    }
    let groups = outputs.div_ceil(4);
    assert!((patch.rows.1 - patch.rows.0 + patch.above) * run <= fan_in && packed.len() >= groups * 4 * fan_in);
    assert!(biases.len() >= 4 * groups && out.len() >= pixels * outputs && (1..=TILE).contains(&pixels));
    let mut task = Task {
        bias: biases.as_ptr(),
        parts: list.parts.as_ptr().cast(),
        end: list.parts[list.count..].as_ptr().cast(),
        weights: packed.as_ptr().cast(),
        group: 4 * fan_in * size_of::<W>(),
        out: out.as_mut_ptr(),
        outputs: 4 * outputs,
        pixels,
        groups: outputs / 4,
        step: 4 * list.step,
    };
    if task.groups > 0 {
        // SAFETY: the parts up to `end` are written, each from slices that are still borrowed. For each of the groups
        // the kernel reads four biases and, within the group's weights, four for each of a part's inputs; it writes
        // four outputs of each of the pixels: the checks above are for these.
        unsafe { W::run(&mut task) };
    }
    let left = outputs % 4;
    if left > 0 {
        let first = outputs - left;
        let mut last = [0.0; 4 * TILE];
        task = Task {
            bias: biases[first..].as_ptr(),
            weights: packed[first * fan_in..].as_ptr().cast(),
            out: last.as_mut_ptr(),
            outputs: size_of::<[f32; 4]>(),
            groups: 1,
            ..task
        };
        // SAFETY: as above, for the last group, whose weights and biases are padded; its outputs go where there is
        // room for them.
        unsafe { W::run(&mut task) };
        for (out, last) in out.chunks_exact_mut(outputs).zip(last.chunks_exact(4)) {
            out[first..].copy_from_slice(&last[..left]);
        }
    }
    true
}

/// The larger of two, the first if one is no number.
macro_rules! larger {
    ($most:literal, $value:literal) => {
        concat!("vcmp.f32 ", $value, ", ", $most, "\nvmrs apsr_nzcv, fpscr\nit gt\nvmovgt.f32 ", $most, ", ", $value)
    };
}

/// Four sums of a pixel, their ReLU on the bits, to its outputs; on to the next pixel, if there is one.
macro_rules! put {
    ($s0:literal, $s1:literal, $s2:literal, $s3:literal) => {
        concat!(
            "vmov r2, r3, ",
            $s0,
            ", ",
            $s1,
            "\nvmov r4, r5, ",
            $s2,
            ", ",
            $s3,
            "\nbic r2, r2, r2, asr #31\nbic r3, r3, r3, asr #31\nbic r4, r4, r4, asr #31\nbic r5, r5, r5, asr #31\n",
            "stm r1, {r2-r5}\nadd r1, r1, r12\nsubs lr, #1\nbeq 9f\n",
        )
    };
}

/// An input times the weights of four outputs, added to four sums.
#[cfg(not(feature = "fma"))]
macro_rules! quad {
    ($x:literal, $w0:literal, $w1:literal, $w2:literal, $w3:literal, $s0:literal, $s1:literal, $s2:literal, $s3:literal) => {
        concat!(
            "vmul.f32 s28, ",
            $x,
            ", ",
            $w0,
            "\n",
            "vmul.f32 s29, ",
            $x,
            ", ",
            $w1,
            "\n",
            "vmul.f32 s30, ",
            $x,
            ", ",
            $w2,
            "\n",
            "vmul.f32 s31, ",
            $x,
            ", ",
            $w3,
            "\n",
            "vadd.f32 ",
            $s0,
            ", ",
            $s0,
            ", s28\n",
            "vadd.f32 ",
            $s1,
            ", ",
            $s1,
            ", s29\n",
            "vadd.f32 ",
            $s2,
            ", ",
            $s2,
            ", s30\n",
            "vadd.f32 ",
            $s3,
            ", ",
            $s3,
            ", s31\n",
        )
    };
}

/// The same with sums that are rounded once.
#[cfg(feature = "fma")]
macro_rules! quad {
    ($x:literal, $w0:literal, $w1:literal, $w2:literal, $w3:literal, $s0:literal, $s1:literal, $s2:literal, $s3:literal) => {
        concat!(
            "vfma.f32 ",
            $s0,
            ", ",
            $x,
            ", ",
            $w0,
            "\n",
            "vfma.f32 ",
            $s1,
            ", ",
            $x,
            ", ",
            $w1,
            "\n",
            "vfma.f32 ",
            $s2,
            ", ",
            $x,
            ", ",
            $w2,
            "\n",
            "vfma.f32 ",
            $s3,
            ", ",
            $x,
            ", ",
            $w3,
            "\n",
        )
    };
}

/// One input of four pixels in the registers given, times the weights of four outputs in s24–s27.
macro_rules! products {
    ($a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            quad!($a, "s24", "s25", "s26", "s27", "s0", "s1", "s2", "s3"),
            quad!($b, "s24", "s25", "s26", "s27", "s4", "s5", "s6", "s7"),
            quad!($c, "s24", "s25", "s26", "s27", "s8", "s9", "s10", "s11"),
            quad!($d, "s24", "s25", "s26", "s27", "s12", "s13", "s14", "s15"),
        )
    };
}

/// Two inputs of each of four pixels.
#[cfg(not(feature = "fma"))]
macro_rules! pair {
    ($weights:literal, $both:literal) => {
        concat!(
            "vldmia r3!, {s16-s17}\nvldmia r4!, {s18-s19}\nvldmia r5!, {s20-s21}\nvldmia r6!, {s22-s23}\n",
            $weights,
            products!("s16", "s18", "s20", "s22"),
            $weights,
            products!("s17", "s19", "s21", "s23"),
        )
    };
}

/// The same without products on their way: their registers hold the second input's weights.
#[cfg(feature = "fma")]
macro_rules! pair {
    ($weights:literal, $both:literal) => {
        concat!(
            "vldmia r3!, {s16-s17}\nvldmia r4!, {s18-s19}\nvldmia r5!, {s20-s21}\nvldmia r6!, {s22-s23}\n",
            $both,
            products!("s16", "s18", "s20", "s22"),
            quad!("s17", "s28", "s29", "s30", "s31", "s0", "s1", "s2", "s3"),
            quad!("s19", "s28", "s29", "s30", "s31", "s4", "s5", "s6", "s7"),
            quad!("s21", "s28", "s29", "s30", "s31", "s8", "s9", "s10", "s11"),
            quad!("s23", "s28", "s29", "s30", "s31", "s12", "s13", "s14", "s15"),
        )
    };
}

/// A part that only one pixel has, whose sums are given: four inputs at a time, then two, then one.
macro_rules! alone {
    ($name:literal, $weights:literal, $two:literal, $s0:literal, $s1:literal, $s2:literal, $s3:literal) => {
        concat!(
            "b 3f\n2:\nvldmia r3!, {s16-s19}\n",
            $two,
            quad!("s16", "s20", "s21", "s22", "s23", $s0, $s1, $s2, $s3),
            quad!("s17", "s24", "s25", "s26", "s27", $s0, $s1, $s2, $s3),
            $two,
            quad!("s18", "s20", "s21", "s22", "s23", $s0, $s1, $s2, $s3),
            quad!("s19", "s24", "s25", "s26", "s27", $s0, $s1, $s2, $s3),
            "3:\nsubs r2, #4\nbhs 2b\ntst r2, #2\nbeq 4f\nvldmia r3!, {s16-s17}\n",
            $two,
            quad!("s16", "s20", "s21", "s22", "s23", $s0, $s1, $s2, $s3),
            quad!("s17", "s24", "s25", "s26", "s27", $s0, $s1, $s2, $s3),
            "4:\ntst r2, #1\nbeq .L",
            $name,
            "_next\nvldr s16, [r3]\n",
            $weights,
            quad!("s16", "s24", "s25", "s26", "s27", $s0, $s1, $s2, $s3),
            "b .L",
            $name,
            "_next\n",
        )
    };
}

/// A kernel: r0 the task, r1 weights, r2 inputs left, r3–r6 those of the pixels, r7 which pixel, r8 the next part, r9 the
/// group's weights, r10 the end of the parts, r11 outputs, r12 bytes from pixel to pixel.
///
/// `weights` loads an input's into s24–s27, `two` those of two inputs into s20–s27, `both` into s24–s31.
macro_rules! kernel {
    ($name:literal, $weights:literal, $two:literal, $both:literal) => {
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
            ":\npush {r4-r11, lr}\nsub sp, #4\nvpush {s16-s31}\n",
            "ldrd r10, r9, [r0, #8]\nldrd r11, r12, [r0, #20]\n",
            "1:\nldr lr, [r0]\nvldmia lr, {s4-s7}\nvldmia lr, {s8-s11}\nvldmia lr, {s12-s15}\nvldmia lr!, {s0-s3}\n",
            "str lr, [r0]\nldr r8, [r0, #4]\n.L",
            $name,
            "_part:\nldm r8!, {r1-r3, r7}\nadd r1, r9\ncmp r7, #0\nbne 6f\n",
            "ldr lr, [r0, #36]\nadd r4, r3, lr\nadd r5, r4, lr\nadd r6, r5, lr\nsubs r2, #8\nblo 3f\n2:\n",
            pair!($weights, $both),
            pair!($weights, $both),
            pair!($weights, $both),
            pair!($weights, $both),
            "subs r2, #8\nbhs 2b\n3:\ntst r2, #4\nbeq 3f\n",
            pair!($weights, $both),
            pair!($weights, $both),
            "3:\ntst r2, #2\nbeq 4f\n",
            pair!($weights, $both),
            "4:\ntst r2, #1\nbeq .L",
            $name,
            "_next\nvldr s16, [r3]\nvldr s18, [r4]\nvldr s20, [r5]\nvldr s22, [r6]\n",
            $weights,
            products!("s16", "s18", "s20", "s22"),
            ".L",
            $name,
            "_next:\ncmp r8, r10\nbne .L",
            $name,
            "_part\nldr lr, [r0, #28]\nmov r1, r11\n",
            put!("s0", "s1", "s2", "s3"),
            put!("s4", "s5", "s6", "s7"),
            put!("s8", "s9", "s10", "s11"),
            put!("s12", "s13", "s14", "s15"),
            "9:\nadd r11, #16\nldr lr, [r0, #16]\nadd r9, lr\nldr lr, [r0, #32]\nsubs lr, #1\nstr lr, [r0, #32]\n",
            "bne 1b\nvpop {s16-s31}\nadd sp, #4\npop {r4-r11, pc}\n",
            "6:\ncmp r7, #2\nbeq 7f\nbhi 8f\n",
            alone!($name, $weights, $two, "s0", "s1", "s2", "s3"),
            "7:\n",
            alone!($name, $weights, $two, "s4", "s5", "s6", "s7"),
            "8:\ncmp r7, #3\nbne 7f\n",
            alone!($name, $weights, $two, "s8", "s9", "s10", "s11"),
            "7:\n",
            alone!($name, $weights, $two, "s12", "s13", "s14", "s15"),
            ".size ",
            $name,
            ", . - ",
            $name,
            "\n",
        )
    };
}

global_asm!(
    ".syntax unified\n.fpu fpv4-sp-d16\n.thumb\n",
    kernel!("nin_f32_quads", "vldmia r1!, {s24-s27}\n", "vldmia r1!, {s20-s27}\n", "vldmia r1!, {s24-s31}\n"),
    kernel!(
        "nin_f16_quads",
        "vldmia r1!, {s26-s27}
         vcvtb.f32.f16 s24, s26
         vcvtt.f32.f16 s25, s26
         vcvtb.f32.f16 s26, s27
         vcvtt.f32.f16 s27, s27
        ",
        // Four words into the upper half; each is taken before its place is.
        "vldmia r1!, {s24-s27}
         vcvtb.f32.f16 s20, s24
         vcvtt.f32.f16 s21, s24
         vcvtb.f32.f16 s22, s25
         vcvtt.f32.f16 s23, s25
         vcvtb.f32.f16 s24, s26
         vcvtt.f32.f16 s25, s26
         vcvtb.f32.f16 s26, s27
         vcvtt.f32.f16 s27, s27
        ",
        "vldmia r1!, {s28-s31}
         vcvtb.f32.f16 s24, s28
         vcvtt.f32.f16 s25, s28
         vcvtb.f32.f16 s26, s29
         vcvtt.f32.f16 s27, s29
         vcvtb.f32.f16 s28, s30
         vcvtt.f32.f16 s29, s30
         vcvtb.f32.f16 s30, s31
         vcvtt.f32.f16 s31, s31
        "
    ),
    options(raw)
);

/// `sum + x · weight`, rounded once.
#[cfg(feature = "fma")]
#[inline(always)]
pub fn fused(x: f32, weight: f32, sum: f32) -> f32 {
    let mut bits = sum.to_bits();
    // SAFETY: works on registers only, which it gives up.
    unsafe {
        asm!(
            "vmov s0, {x}",
            "vmov s1, {weight}",
            "vmov s2, {sum}",
            "vfma.f32 s2, s0, s1",
            "vmov {sum}, s2",
            sum = inout(reg) bits, x = in(reg) x.to_bits(), weight = in(reg) weight.to_bits(),
            out("d0") _, out("d1") _,
            options(pure, nomem, nostack)
        );
    }
    f32::from_bits(bits)
}

/// Raises each of `most` to the value beside it, if that is larger.
pub fn raise(most: &mut [f32], values: &[f32]) {
    let (most, rest) = most.as_chunks_mut::<8>();
    let (values, rest_values) = values.as_chunks::<8>();
    for (most, values) in most.iter_mut().zip(values) {
        // SAFETY: reads eight values of both, and writes as many. What it uses of registers it gives up.
        unsafe {
            asm!(
                "vldmia {most}, {{s0-s7}}",
                "vldmia {values}, {{s8-s15}}",
                larger!("s0", "s8"),
                larger!("s1", "s9"),
                larger!("s2", "s10"),
                larger!("s3", "s11"),
                larger!("s4", "s12"),
                larger!("s5", "s13"),
                larger!("s6", "s14"),
                larger!("s7", "s15"),
                "vstmia {most}, {{s0-s7}}",
                most = in(reg) most.as_mut_ptr(),
                values = in(reg) values.as_ptr(),
                out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("d4") _, out("d5") _, out("d6") _,
                out("d7") _,
                options(nostack),
            );
        }
    }
    for (most, &value) in rest.iter_mut().zip(rest_values) {
        *most = if value > *most { value } else { *most };
    }
}
