//! Float sums on a Cortex-M4F, M7 or M33, by hand: packed by four outputs.
//!
//! The compiler keeps neither sixteen sums in registers nor two inputs of four pixels beside them. Here they are:
//! s0–s15 the sums (pixel by pixel), s16–s23 two inputs of each pixel, s24–s27 one input's weights for the four
//! outputs, s28–s31 products on their way into the sums. Two inputs take 4 + 2 loads and 64 products and additions:
//! 70 instructions for 32 multiply-accumulates. A product is rounded before it is added, as everywhere, and costs
//! no more cycles than VFMA, which takes three here. Weights in f16 come two to a word and are widened by VCVTB
//! and VCVTT: four instructions more an input.
#![allow(unsafe_code)]

use core::arch::asm;

use half::f16;

use crate::plan::TILE;

/// A weight type with kernels for four outputs side by side.
pub trait Quad: Sized {
    /// Adds to the sums of a tile of pixels, whose inputs are as long as the first's; `weights` holds four outputs
    /// for each input.
    fn tile(sums: &mut [f32; 4 * TILE], x: [&[f32]; TILE], weights: &[Self]);
    /// Adds to the sums of one pixel.
    fn one(sums: &mut [f32; 4], x: &[f32], weights: &[Self]);
    /// Writes all groups of four outputs of a whole tile, biases, ReLU and all; `weights` begins with the first row's.
    fn groups(task: Groups<'_>, weights: &[Self], out: &mut [f32]);
}

/// What [`Quad::groups`] works on.
pub struct Groups<'a> {
    /// The map's rows that the windows cover, at most [`ROWS`].
    pub rows: &'a [&'a [f32]],
    /// Where each pixel's window begins in a row.
    pub starts: [usize; TILE],
    /// Values of a window in a row.
    pub run: usize,
    /// Four for each group.
    pub biases: &'a [f32],
    /// Inputs of a window, rows off the map among them.
    pub fan_in: usize,
    /// Values from one pixel's outputs to the next.
    pub outputs: usize,
}

/// [`Groups`] for the assembler; it counts in it.
#[repr(C)]
struct Task {
    bias: *const f32,
    rows: *const [*const f32; TILE],
    end: *const [*const f32; TILE],
    run: usize,
    /// Bytes from one pixel's outputs to the next.
    outputs: usize,
    /// Bytes from a group's last weight to the next group's first.
    skip: usize,
    groups: usize,
}

/// Rows of a window that [`Quad::groups`] takes.
pub const ROWS: usize = 5;

/// Four sums of a pixel, their ReLU on the bits, to its outputs.
macro_rules! put {
    ($s0:literal, $s1:literal, $s2:literal, $s3:literal) => {
        concat!(
            "vmov {x0}, {x1}, ",
            $s0,
            ", ",
            $s1,
            "\n",
            "vmov {x2}, {x3}, ",
            $s2,
            ", ",
            $s3,
            "\n",
            "bic {x0}, {x0}, {x0}, asr #31\n",
            "bic {x1}, {x1}, {x1}, asr #31\n",
            "bic {x2}, {x2}, {x2}, asr #31\n",
            "bic {x3}, {x3}, {x3}, asr #31\n",
            "strd {x0}, {x1}, [{out}]\n",
            "strd {x2}, {x3}, [{out}, #8]\n",
            "add {out}, {out}, {t}\n",
        )
    };
}

/// One input of four pixels in the registers given, times the weights of four outputs in s24–s27.
macro_rules! products {
    ($a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            products!(@pixel $a, "s0", "s1", "s2", "s3"),
            products!(@pixel $b, "s4", "s5", "s6", "s7"),
            products!(@pixel $c, "s8", "s9", "s10", "s11"),
            products!(@pixel $d, "s12", "s13", "s14", "s15"),
        )
    };
    (@pixel $x:literal, $s0:literal, $s1:literal, $s2:literal, $s3:literal) => {
        products!(@quad $x, "s24", "s25", "s26", "s27", $s0, $s1, $s2, $s3)
    };
    (@quad $x:literal, $w0:literal, $w1:literal, $w2:literal, $w3:literal, $s0:literal, $s1:literal, $s2:literal, $s3:literal) => {
        concat!(
            "vmul.f32 s28, ", $x, ", ", $w0, "\n",
            "vmul.f32 s29, ", $x, ", ", $w1, "\n",
            "vmul.f32 s30, ", $x, ", ", $w2, "\n",
            "vmul.f32 s31, ", $x, ", ", $w3, "\n",
            "vadd.f32 ", $s0, ", ", $s0, ", s28\n",
            "vadd.f32 ", $s1, ", ", $s1, ", s29\n",
            "vadd.f32 ", $s2, ", ", $s2, ", s30\n",
            "vadd.f32 ", $s3, ", ", $s3, ", s31\n",
        )
    };
}

/// Two inputs of each of four pixels.
macro_rules! pair {
    ($weights:literal) => {
        concat!(
            "vldmia {x0}!, {{s16-s17}}\n",
            "vldmia {x1}!, {{s18-s19}}\n",
            "vldmia {x2}!, {{s20-s21}}\n",
            "vldmia {x3}!, {{s22-s23}}\n",
            $weights,
            products!("s16", "s18", "s20", "s22"),
            $weights,
            products!("s17", "s19", "s21", "s23"),
        )
    };
}

/// `run` inputs of four pixels.
macro_rules! row {
    ($weights:literal) => {
        concat!(
            "b 3f\n",
            "2:\n",
            pair!($weights),
            pair!($weights),
            "3:\n",
            "subs {run}, {run}, #4\n",
            "bhs 2b\n",
            "tst {run}, #2\n",
            "beq 4f\n",
            pair!($weights),
            "4:\n",
            "tst {run}, #1\n",
            "beq 5f\n",
            "vldr s16, [{x0}]\n",
            "vldr s18, [{x1}]\n",
            "vldr s20, [{x2}]\n",
            "vldr s22, [{x3}]\n",
            $weights,
            products!("s16", "s18", "s20", "s22"),
            "5:\n",
        )
    };
}

/// Four inputs of one pixel: sums in s0–s3, inputs in s4–s7, weights in s8–s23.
macro_rules! four {
    ($weights:literal) => {
        concat!(
            "vldmia {x}!, {{s4-s7}}\n",
            $weights,
            products!(@quad "s4", "s8", "s9", "s10", "s11", "s0", "s1", "s2", "s3"),
            products!(@quad "s5", "s12", "s13", "s14", "s15", "s0", "s1", "s2", "s3"),
            products!(@quad "s6", "s16", "s17", "s18", "s19", "s0", "s1", "s2", "s3"),
            products!(@quad "s7", "s20", "s21", "s22", "s23", "s0", "s1", "s2", "s3"),
        )
    };
}

macro_rules! quad {
    ($type:ty, $weights:literal, $weights4:literal) => {
        impl Quad for $type {
            #[inline(always)]
            fn tile(sums: &mut [f32; 4 * TILE], x: [&[f32]; TILE], weights: &[$type]) {
                let run = x[0].len();
                assert!(x[1].len() == run && x[2].len() == run && x[3].len() == run && weights.len() == 4 * run);
                // SAFETY: the loops read `run` values behind each of the four pointers and four times as many
                // weights, which the slices hold, and read and write the sixteen sums. All s registers are given
                // up; nothing else is touched.
                unsafe {
                    asm!(
                        "vldmia {sums}, {{s0-s15}}",
                        row!($weights),
                        "vstmia {sums}, {{s0-s15}}",
                        sums = in(reg) sums.as_mut_ptr(),
                        x0 = inout(reg) x[0].as_ptr() => _,
                        x1 = inout(reg) x[1].as_ptr() => _,
                        x2 = inout(reg) x[2].as_ptr() => _,
                        x3 = inout(reg) x[3].as_ptr() => _,
                        w = inout(reg) weights.as_ptr() => _,
                        run = inout(reg) run => _,
                        out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("d4") _, out("d5") _, out("d6") _,
                        out("d7") _, out("d8") _, out("d9") _, out("d10") _, out("d11") _, out("d12") _,
                        out("d13") _, out("d14") _, out("d15") _,
                        options(nostack),
                    );
                }
            }

            #[inline(always)]
            fn groups(task: Groups<'_>, weights: &[$type], out: &mut [f32]) {
                let Groups { rows, starts, run, biases, fan_in, outputs } = task;
                let groups = biases.len() / 4;
                let mut table = [[core::ptr::null(); TILE]; ROWS];
                for (to, row) in table.iter_mut().zip(rows) {
                    *to = starts.map(|start| row[start..start + run].as_ptr());
                }
                let read = 4 * rows.len() * run;
                assert!((1..=ROWS).contains(&rows.len()) && read <= 4 * fan_in && groups > 0, "a window's rows");
                assert!(weights.len() >= (groups - 1) * 4 * fan_in + read, "weights for each group");
                assert!(outputs >= 4 * groups && out.len() >= TILE * outputs, "room for each pixel's outputs");
                let mut task = Task {
                    bias: biases.as_ptr(),
                    rows: table.as_ptr(),
                    end: table[rows.len()..].as_ptr(),
                    run,
                    outputs: 4 * outputs,
                    skip: size_of::<$type>() * (4 * fan_in - read),
                    groups,
                };
                // SAFETY: for each of the groups the loops read four biases, `run` values behind each of the pointers
                // in the table's rows and four times as many weights, which the slices hold, and write four outputs of
                // each of four pixels, for which there is room. They count in the task, which is ours. All s registers
                // are given up; nothing else is touched.
                unsafe {
                    asm!(
                        "6:",
                        "ldr {t}, [{task}]",
                        "vldmia {t}, {{s4-s7}}",
                        "vldmia {t}, {{s8-s11}}",
                        "vldmia {t}, {{s12-s15}}",
                        "vldmia {t}!, {{s0-s3}}",
                        "str {t}, [{task}]",
                        "ldr {t}, [{task}, #4]",
                        "7:",
                        "ldrd {x0}, {x1}, [{t}], #8",
                        "ldrd {x2}, {x3}, [{t}], #8",
                        "ldr {run}, [{task}, #12]",
                        row!($weights),
                        "ldr {run}, [{task}, #8]",
                        "cmp {t}, {run}",
                        "bne 7b",
                        "ldr {t}, [{task}, #16]",
                        put!("s0", "s1", "s2", "s3"),
                        put!("s4", "s5", "s6", "s7"),
                        put!("s8", "s9", "s10", "s11"),
                        put!("s12", "s13", "s14", "s15"),
                        "sub {out}, {out}, {t}, lsl #2",
                        "add {out}, {out}, #16",
                        "ldr {t}, [{task}, #20]",
                        "add {w}, {w}, {t}",
                        "ldr {t}, [{task}, #24]",
                        "subs {t}, {t}, #1",
                        "str {t}, [{task}, #24]",
                        "bne 6b",
                        task = in(reg) &raw mut task,
                        w = inout(reg) weights.as_ptr() => _,
                        out = inout(reg) out.as_mut_ptr() => _,
                        x0 = out(reg) _, x1 = out(reg) _, x2 = out(reg) _, x3 = out(reg) _,
                        run = out(reg) _, t = out(reg) _,
                        out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("d4") _, out("d5") _, out("d6") _,
                        out("d7") _, out("d8") _, out("d9") _, out("d10") _, out("d11") _, out("d12") _,
                        out("d13") _, out("d14") _, out("d15") _,
                        options(nostack),
                    );
                }
            }

            #[inline(always)]
            fn one(sums: &mut [f32; 4], x: &[f32], weights: &[$type]) {
                let run = x.len();
                assert!(weights.len() == 4 * run);
                // SAFETY: as in `tile`, for one pixel and its four sums.
                unsafe {
                    asm!(
                        "vldmia {sums}, {{s0-s3}}",
                        "b 3f",
                        "2:",
                        four!($weights4),
                        four!($weights4),
                        "3:",
                        "subs {run}, {run}, #8",
                        "bhs 2b",
                        "tst {run}, #4",
                        "beq 4f",
                        four!($weights4),
                        "4:",
                        "ands {run}, {run}, #3",
                        "beq 5f",
                        "6:",
                        "vldmia {x}!, {{s4}}",
                        $weights,
                        products!(@pixel "s4", "s0", "s1", "s2", "s3"),
                        "subs {run}, {run}, #1",
                        "bne 6b",
                        "5:",
                        "vstmia {sums}, {{s0-s3}}",
                        sums = in(reg) sums.as_mut_ptr(),
                        x = inout(reg) x.as_ptr() => _,
                        w = inout(reg) weights.as_ptr() => _,
                        run = inout(reg) run => _,
                        out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("d4") _, out("d5") _, out("d6") _,
                        out("d7") _, out("d8") _, out("d9") _, out("d10") _, out("d11") _, out("d12") _,
                        out("d13") _, out("d14") _, out("d15") _,
                        options(nostack),
                    );
                }
            }
        }
    };
}

quad!(f32, "vldmia {w}!, {{s24-s27}}\n", "vldmia {w}!, {{s8-s23}}\n");
quad!(
    f16,
    "vldmia {w}!, {{s26-s27}}
     vcvtb.f32.f16 s24, s26
     vcvtt.f32.f16 s25, s26
     vcvtb.f32.f16 s26, s27
     vcvtt.f32.f16 s27, s27
    ",
    // Eight words into the upper half; each is taken before its place is.
    "vldmia {w}!, {{s16-s23}}
     vcvtb.f32.f16 s8, s16
     vcvtt.f32.f16 s9, s16
     vcvtb.f32.f16 s10, s17
     vcvtt.f32.f16 s11, s17
     vcvtb.f32.f16 s12, s18
     vcvtt.f32.f16 s13, s18
     vcvtb.f32.f16 s14, s19
     vcvtt.f32.f16 s15, s19
     vcvtb.f32.f16 s16, s20
     vcvtt.f32.f16 s17, s20
     vcvtb.f32.f16 s18, s21
     vcvtt.f32.f16 s19, s21
     vcvtb.f32.f16 s20, s22
     vcvtt.f32.f16 s21, s22
     vcvtb.f32.f16 s22, s23
     vcvtt.f32.f16 s23, s23
    "
);
