//! The assembly kernels. Each interprets a program of a few words, once for every four outputs.
//!
//! s0–s15 are the sums (pixel by pixel), s16–s23 two inputs of each pixel, s24–s27 one input's weights for the four
//! outputs, s28–s31 products before they are added. Two inputs need 1 + 2 loads and 64 multiplications and additions:
//! 67 instructions for 32 multiply-accumulates. A product is rounded before it is added, as everywhere; the two
//! instructions need no more cycles than VFMA, which needs three here. f16 weights are stored two to a word; VCVTB and
//! VCVTT widen them, with four more instructions per input.

use core::arch::global_asm;

use half::f16;

use crate::kernel::sum::{Fused, Separate};

/// A step of a program: the address of its code.
pub type Step = usize;

/// The steps, in the order of the kernels' tables. A step with a count reads it from the next word of the program.
#[repr(C)]
pub struct Steps {
    /// Sets the sums to the biases.
    pub bias: Step,
    /// Loads the sums from the outputs: of four pixels, of fewer.
    pub resume: [Step; 2],
    /// Stores the sums to the outputs and ends the program: of four pixels, of fewer.
    pub keep: [Step; 2],
    /// Stores the ReLU of the sums and ends the program: of four pixels, of fewer.
    pub put: [Step; 2],
    /// Skips a number of bytes of weights.
    pub skip: Step,
    /// Continues with the inputs at this address.
    pub from: Step,
    /// Multiplies inputs of all four pixels: eight for each count, two for each count, a single one.
    pub all: [Step; 3],
    /// Multiplies inputs of pixels 0–2, 1–3, 0–1, 1–2 and 2–3: two for each count, a single one.
    pub some: [[Step; 2]; 5],
    /// Multiplies inputs of one pixel, contiguous in memory: four for each count, one for each count.
    pub alone: [[Step; 2]; 4],
}

/// Arguments of a kernel, which also updates them; the assembly relies on the order of the fields.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct QuadTask {
    pub program: *const Step,
    /// Four values for each input, one for each pixel of the tile.
    pub inputs: *const f32,
    /// Four biases for each group.
    pub bias: *const f32,
    /// The first group's weights, from the program's first input on.
    pub weights: *const u8,
    /// Bytes of a group's weights.
    pub group: usize,
    /// The first pixel's outputs.
    pub out: *mut f32,
    /// Bytes from one pixel's outputs to the next.
    pub outputs: usize,
    pub pixels: usize,
    /// Groups of four outputs.
    pub groups: usize,
}

/// A weight type with a kernel for four outputs at a time; `R` is the rounding of its sums.
pub trait Quad<R>: Sized {
    /// Returns the kernel's table of steps.
    fn steps() -> &'static Steps;

    /// Runs a program for each group of four outputs.
    ///
    /// # Safety
    ///
    /// The task's pointers must be valid for the accesses that its fields and its program describe, and the program must
    /// end.
    unsafe fn run(task: &QuadTask);
}

/// Declares a kernel of the assembly below by its name and the name of its table.
macro_rules! quads {
    ($weights:ty, $rounding:ty, $name:ident, $steps:ident) => {
        unsafe extern "C" {
            static $steps: Steps;
            fn $name(task: *const QuadTask);
        }

        impl Quad<$rounding> for $weights {
            fn steps() -> &'static Steps {
                // SAFETY: the table is below, and nothing writes it.
                unsafe { &$steps }
            }

            unsafe fn run(task: &QuadTask) {
                // SAFETY: the caller ensures it; the kernel follows the procedure call standard.
                unsafe { $name(task) }
            }
        }
    };
}

quads!(f32, Separate, nin_f32_quads, nin_f32_steps);
quads!(f16, Separate, nin_f16_quads, nin_f16_steps);
quads!(f32, Fused, nin_f32_fused_quads, nin_f32_fused_steps);
quads!(f16, Fused, nin_f16_fused_quads, nin_f16_fused_steps);

/// Multiplies an input by the weights of four outputs and adds the products to four sums; the first word selects the
/// rounding.
macro_rules! quad {
    (
        separate, $x:literal,
        ($w0:literal, $w1:literal, $w2:literal, $w3:literal),
        ($s0:literal, $s1:literal, $s2:literal, $s3:literal)
    ) => {
        concat!(
            concat!("vmul.f32 s28, ", $x, ", ", $w0, "\nvmul.f32 s29, ", $x, ", ", $w1, "\n"),
            concat!("vmul.f32 s30, ", $x, ", ", $w2, "\nvmul.f32 s31, ", $x, ", ", $w3, "\n"),
            concat!("vadd.f32 ", $s0, ", ", $s0, ", s28\nvadd.f32 ", $s1, ", ", $s1, ", s29\n"),
            concat!("vadd.f32 ", $s2, ", ", $s2, ", s30\nvadd.f32 ", $s3, ", ", $s3, ", s31\n"),
        )
    };
    (
        fused, $x:literal,
        ($w0:literal, $w1:literal, $w2:literal, $w3:literal),
        ($s0:literal, $s1:literal, $s2:literal, $s3:literal)
    ) => {
        concat!(
            concat!("vfma.f32 ", $s0, ", ", $x, ", ", $w0, "\nvfma.f32 ", $s1, ", ", $x, ", ", $w1, "\n"),
            concat!("vfma.f32 ", $s2, ", ", $x, ", ", $w2, "\nvfma.f32 ", $s3, ", ", $x, ", ", $w3, "\n"),
        )
    };
}

/// The same, for the sums of the pixel with the given number.
macro_rules! pixel {
    ($sum:tt, 0, $x:literal, $weights:tt) => {
        quad!($sum, $x, $weights, ("s0", "s1", "s2", "s3"))
    };
    ($sum:tt, 1, $x:literal, $weights:tt) => {
        quad!($sum, $x, $weights, ("s4", "s5", "s6", "s7"))
    };
    ($sum:tt, 2, $x:literal, $weights:tt) => {
        quad!($sum, $x, $weights, ("s8", "s9", "s10", "s11"))
    };
    ($sum:tt, 3, $x:literal, $weights:tt) => {
        quad!($sum, $x, $weights, ("s12", "s13", "s14", "s15"))
    };
}

/// One input of some pixels, each `register pixel`.
macro_rules! input {
    ($sum:tt, $weights:tt, $($x:literal $pixel:tt)+) => { concat!($(pixel!($sum, $pixel, $x, $weights)),+) };
}

/// Two inputs of some pixels. Fused sums need no registers for products: these hold the second input's weights.
macro_rules! pair {
    ((separate, $one:literal, $two:literal, $both:literal), ($($first:tt)+), ($($second:tt)+)) => {
        concat!(
            "vldmia r3!, {s16-s23}\n",
            $one,
            input!(separate, ("s24", "s25", "s26", "s27"), $($first)+),
            $one,
            input!(separate, ("s24", "s25", "s26", "s27"), $($second)+),
        )
    };
    ((fused, $one:literal, $two:literal, $both:literal), ($($first:tt)+), ($($second:tt)+)) => {
        concat!(
            "vldmia r3!, {s16-s23}\n",
            $both,
            input!(fused, ("s24", "s25", "s26", "s27"), $($first)+),
            input!(fused, ("s28", "s29", "s30", "s31"), $($second)+),
        )
    };
}

/// Two inputs of one pixel, in the registers given.
macro_rules! two {
    (($sum:tt, $one:literal, $two:literal, $both:literal), $pixel:tt, $x0:literal, $x1:literal) => {
        concat!(
            $two,
            pixel!($sum, $pixel, $x0, ("s20", "s21", "s22", "s23")),
            pixel!($sum, $pixel, $x1, ("s24", "s25", "s26", "s27")),
        )
    };
}

/// Jumps to the next step.
macro_rules! next {
    () => {
        "ldr pc, [r8], #4\n"
    };
}

/// A step that repeats its instructions; the count is the next word of the program.
macro_rules! times {
    ($($what:expr),+ $(,)?) => {
        concat!("ldr r2, [r8], #4\n2:\n", $($what),+, "subs r2, #1\nbne 2b\n", next!())
    };
}

/// The steps for inputs of some pixels.
macro_rules! some {
    ($name:literal, $what:literal, $weights:tt, $first:tt, $second:tt) => {
        concat!(
            concat!(".L", $name, "_", $what, "_pairs:\n"),
            times!(pair!($weights, $first, $second)),
            concat!(".L", $name, "_", $what, "_one:\n"),
            one!($weights, $first),
        )
    };
}

/// One input of some pixels, then the next step.
macro_rules! one {
    (($sum:tt, $one:literal, $two:literal, $both:literal), ($($first:tt)+)) => {
        concat!(
            "vldmia r3!, {s16-s19}\n",
            $one,
            input!($sum, ("s24", "s25", "s26", "s27"), $($first)+),
            next!(),
        )
    };
}

/// The steps for inputs that only one pixel has.
macro_rules! alone {
    ($name:literal, $pixel:tt, ($sum:tt, $one:literal, $two:literal, $both:literal)) => {
        concat!(
            concat!(".L", $name, "_alone", $pixel, "_fours:\n"),
            times!(
                "vldmia r3!, {s16-s19}\n",
                two!(($sum, $one, $two, $both), $pixel, "s16", "s17"),
                two!(($sum, $one, $two, $both), $pixel, "s18", "s19"),
            ),
            concat!(".L", $name, "_alone", $pixel, "_ones:\n"),
            times!("vldmia r3!, {s16}\n", $one, pixel!($sum, $pixel, "s16", ("s24", "s25", "s26", "s27"))),
        )
    };
}

/// Moves four sums of each pixel to or from its outputs at r3; for fewer than four pixels with a test after each.
macro_rules! sums {
    ($instruction:literal, $then:literal) => {
        concat!(
            concat!("mov r3, r11\n", $instruction, " r3, {s0-s3}\nadd r3, r12\n", $then),
            concat!($instruction, " r3, {s4-s7}\nadd r3, r12\n", $then),
            concat!($instruction, " r3, {s8-s11}\nadd r3, r12\n", $then),
            concat!($instruction, " r3, {s12-s15}\n"),
        )
    };
}

/// Stores the ReLU of four sums of a pixel, computed on their bits, to its outputs at r3.
macro_rules! put {
    ($s0:literal, $s1:literal, $s2:literal, $s3:literal) => {
        concat!(
            concat!("vmov r4, r5, ", $s0, ", ", $s1, "\nvmov r6, r7, ", $s2, ", ", $s3, "\n"),
            "bic r4, r4, r4, asr #31\nbic r5, r5, r5, asr #31\nbic r6, r6, r6, asr #31\nbic r7, r7, r7, asr #31\n",
            "stm r3, {r4-r7}\n",
        )
    };
}

/// The same for all pixels; for fewer than four with a test after each.
macro_rules! puts {
    ($then:literal) => {
        concat!(
            concat!("mov r3, r11\n", put!("s0", "s1", "s2", "s3"), "add r3, r12\n", $then),
            concat!(put!("s4", "s5", "s6", "s7"), "add r3, r12\n", $then),
            concat!(put!("s8", "s9", "s10", "s11"), "add r3, r12\n", $then),
            put!("s12", "s13", "s14", "s15"),
        )
    };
}

/// Addresses of steps for a table, with the Thumb bit set.
macro_rules! table {
    ($name:literal, $($step:literal)+) => { concat!($(".word .L", $name, "_", $step, " + 1\n"),+) };
}

/// A kernel and the table of its steps. Registers: r0 task, r1 weights, r2 repetitions, r3 inputs, r4–r7 scratch, r8
/// next step, r9 next group's weights, r10 remaining groups, r11 outputs, r12 bytes from pixel to pixel, lr biases.
///
/// `one` loads the weights of one input into s24–s27, `two` those of two inputs into s20–s27, `both` into s24–s31.
macro_rules! kernel {
    ($name:literal, $steps:literal, $weights:tt) => {
        concat!(
            // In a section of its own, so the linker drops a kernel that is not called.
            concat!(".section .text.", $name, ",\"ax\",%progbits\n.balign 4\n"),
            concat!(".global ", $steps, "\n.type ", $steps, ", %object\n", $steps, ":\n"),
            table!($name, "bias" "resume" "resume_some" "keep" "keep_some" "put" "put_some" "skip" "from"),
            table!($name, "all_eights" "all_pairs" "all_one" "012_pairs" "012_one" "123_pairs" "123_one"),
            table!($name, "01_pairs" "01_one" "12_pairs" "12_one" "23_pairs" "23_one"),
            table!($name, "alone0_fours" "alone0_ones" "alone1_fours" "alone1_ones"),
            table!($name, "alone2_fours" "alone2_ones" "alone3_fours" "alone3_ones"),
            concat!(".size ", $steps, ", . - ", $steps, "\n"),
            concat!(".global ", $name, "\n.type ", $name, ", %function\n.thumb_func\n", $name, ":\n"),
            "push {r4-r11, lr}\nsub sp, #4\nvpush {s16-s31}\n",
            "ldrd lr, r9, [r0, #8]\nldrd r11, r12, [r0, #20]\nldr r10, [r0, #32]\n",
            "1:\nldrd r8, r3, [r0]\nldr r4, [r0, #16]\nmov r1, r9\nadd r9, r4\n",
            next!(),
            concat!(".L", $name, "_bias:\n"),
            "vldmia lr, {s4-s7}\nvldmia lr, {s8-s11}\nvldmia lr, {s12-s15}\nvldmia lr!, {s0-s3}\n",
            next!(),
            concat!(".L", $name, "_resume:\n", sums!("vldmia", ""), "ldr r3, [r0, #4]\n", next!()),
            concat!(".L", $name, "_resume_some:\nldr r2, [r0, #28]\n"),
            concat!(sums!("vldmia", "subs r2, #1\nbeq 2f\n"), "2:\nldr r3, [r0, #4]\n", next!()),
            concat!(".L", $name, "_skip:\nldr r4, [r8], #4\nadd r1, r4\n", next!()),
            concat!(".L", $name, "_from:\nldr r3, [r8], #4\n", next!()),
            concat!(".L", $name, "_keep_some:\nldr r2, [r0, #28]\n"),
            concat!(sums!("vstmia", "subs r2, #1\nbeq 9f\n"), "b 9f\n"),
            concat!(".L", $name, "_keep:\n", sums!("vstmia", ""), "b 9f\n"),
            concat!(".L", $name, "_put_some:\nldr r2, [r0, #28]\n", puts!("subs r2, #1\nbeq 9f\n"), "b 9f\n"),
            concat!(".L", $name, "_put:\n", puts!("")),
            "9:\nadd r11, #16\nsubs r10, #1\nbne 1b\nvpop {s16-s31}\nadd sp, #4\npop {r4-r11, pc}\n",
            concat!(".L", $name, "_all_eights:\n"),
            times!(
                pair!($weights, ("s16" 0 "s17" 1 "s18" 2 "s19" 3), ("s20" 0 "s21" 1 "s22" 2 "s23" 3)),
                pair!($weights, ("s16" 0 "s17" 1 "s18" 2 "s19" 3), ("s20" 0 "s21" 1 "s22" 2 "s23" 3)),
                pair!($weights, ("s16" 0 "s17" 1 "s18" 2 "s19" 3), ("s20" 0 "s21" 1 "s22" 2 "s23" 3)),
                pair!($weights, ("s16" 0 "s17" 1 "s18" 2 "s19" 3), ("s20" 0 "s21" 1 "s22" 2 "s23" 3)),
            ),
            some!(
                $name, "all", $weights,
                ("s16" 0 "s17" 1 "s18" 2 "s19" 3), ("s20" 0 "s21" 1 "s22" 2 "s23" 3)
            ),
            some!($name, "012", $weights, ("s16" 0 "s17" 1 "s18" 2), ("s20" 0 "s21" 1 "s22" 2)),
            some!($name, "123", $weights, ("s17" 1 "s18" 2 "s19" 3), ("s21" 1 "s22" 2 "s23" 3)),
            some!($name, "01", $weights, ("s16" 0 "s17" 1), ("s20" 0 "s21" 1)),
            some!($name, "12", $weights, ("s17" 1 "s18" 2), ("s21" 1 "s22" 2)),
            some!($name, "23", $weights, ("s18" 2 "s19" 3), ("s22" 2 "s23" 3)),
            alone!($name, 0, $weights),
            alone!($name, 1, $weights),
            alone!($name, 2, $weights),
            alone!($name, 3, $weights),
            concat!(".size ", $name, ", . - ", $name, "\n"),
        )
    };
}

/// The two kernels for one rounding: f32 weights and f16 weights.
macro_rules! kernels {
    ($sum:tt, $f32:literal, $f32_steps:literal, $f16:literal, $f16_steps:literal) => {
        concat!(
            kernel!(
                $f32,
                $f32_steps,
                ($sum, "vldmia r1!, {s24-s27}\n", "vldmia r1!, {s20-s27}\n", "vldmia r1!, {s24-s31}\n")
            ),
            kernel!(
                $f16,
                $f16_steps,
                (
                    $sum,
                    "vldmia r1!, {s26-s27}
                     vcvtb.f32.f16 s24, s26
                     vcvtt.f32.f16 s25, s26
                     vcvtb.f32.f16 s26, s27
                     vcvtt.f32.f16 s27, s27
                    ",
                    // Widens four words into the upper half; each is read before it is overwritten.
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
                )
            )
        )
    };
}

global_asm!(
    ".syntax unified\n.fpu fpv4-sp-d16\n.thumb\n",
    kernels!(separate, "nin_f32_quads", "nin_f32_steps", "nin_f16_quads", "nin_f16_steps"),
    kernels!(fused, "nin_f32_fused_quads", "nin_f32_fused_steps", "nin_f16_fused_quads", "nin_f16_fused_steps"),
    options(raw)
);
