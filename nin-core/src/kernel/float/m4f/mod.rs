//! Float layers on a Cortex-M4F, M7 or M33 in assembly, with weights packed by four outputs.
//!
//! The assembly in [`quads`] keeps sixteen sums and two inputs of four pixels in registers, which the compiler does not.
//! That leaves few registers for addresses and counters, and short loops would cost much. So the inputs of a tile are
//! first [interleaved](Work), four values for each input, and a [program](quads::Steps) is written that lists the steps.
//! All outputs, four at a time, run the same program.
//!
//! Each pixel's inputs are added in their order, without padding: if a column of the windows is on the map for only some
//! of the pixels, the program has steps for these pixels.
#![allow(unsafe_code)]

mod quads;

use core::arch::asm;
use core::mem::MaybeUninit;

use self::quads::{Quad, QuadTask, Step, Steps};
use super::stored::{Stored, split};
use crate::kernel::operands::{LayerWeights, Patch};
use crate::plan::TILE;

/// The most inputs of a program. For longer windows, the outputs hold partial sums between two programs.
const INPUTS: usize = 48;

/// The most words of a program: a 5×5 window of one channel over the edge of a map needs 27.
const WORDS: usize = 40;

/// The most words that a piece of the windows needs in a program: 2 to skip inputs, 2 for its address, 5 for its steps,
/// and the end.
const PIECE: usize = 10;

/// The computation of a layer for one tile.
struct TileRun<'w> {
    steps: &'static Steps,
    kernel: unsafe fn(&QuadTask),
    task: QuadTask,
    inputs: &'w mut [MaybeUninit<[f32; TILE]>; INPUTS],
    /// The number of inputs in that buffer.
    count: usize,
    program: &'w mut [MaybeUninit<Step>; WORDS],
    words: usize,
    /// Bytes of the four weights of one input.
    weight: usize,
    /// The input of a window with which the program began.
    begin: usize,
    /// The outputs of the last group, if it has fewer than four.
    last: Option<&'w mut [MaybeUninit<[f32; 4]>; TILE]>,
}

impl TileRun<'_> {
    fn push(&mut self, word: usize) {
        self.program[self.words].write(word);
        self.words += 1;
    }

    fn times(&mut self, step: Step, count: usize) {
        if count > 0 {
            self.push(step);
            self.push(count);
        }
    }

    /// Adds the steps for the last `count` inputs, which all pixels have.
    fn all(&mut self, count: usize) {
        let [eights, pairs, one] = self.steps.all;
        self.times(eights, count / 8);
        self.times(pairs, count % 8 / 2);
        if count % 2 == 1 {
            self.push(one);
        }
    }

    /// Runs the program for all outputs, and begins the next program with input `next` of the windows.
    #[inline(never)]
    fn run(&mut self, last: bool, next: usize) {
        let some = usize::from(self.task.pixels < TILE);
        self.push(if last { self.steps.put[some] } else { self.steps.keep[some] });
        let first = self.task.weights;
        self.task.program = self.program.as_ptr().cast();
        self.task.inputs = self.inputs.as_ptr().cast();
        self.task.weights = first.wrapping_add(self.begin * self.weight);
        if self.task.groups > 0 {
            // SAFETY: The program is written up to its last step, which ends it. Its inputs are in memory that is still
            // borrowed. For each group the kernel reads four biases and, within the group's weights, at most four for
            // each input of a window. It writes four outputs of each pixel, and reads them only if an earlier program has
            // written them. `layer` checks these sizes.
            unsafe { (self.kernel)(&self.task) };
        }
        if let Some(last) = &mut self.last {
            let task = &self.task;
            let rest = QuadTask {
                bias: task.bias.wrapping_add(4 * task.groups),
                weights: task.weights.wrapping_add(task.groups * task.group),
                out: last.as_mut_ptr().cast(),
                outputs: size_of::<[f32; 4]>(),
                groups: 1,
                ..*task
            };
            // SAFETY: as above, for the last group, whose weights and biases are padded; its outputs go to a buffer of
            // four outputs for each pixel.
            unsafe { (self.kernel)(&rest) };
        }
        self.task.weights = first;
        (self.count, self.words, self.begin) = (0, 0, next);
        self.push(self.steps.resume[some]);
    }

    /// Adds a whole tile whose windows lie on the map.
    fn inside(&mut self, patch: &Patch<'_, f32>) {
        let (run, step) = (patch.kernel * patch.channels, patch.stride * patch.channels);
        let start = patch.at(0, 0);
        let mut next = patch.above * run;
        self.begin = next;
        for y in patch.rows.0..patch.rows.1 {
            let line = &patch.line(y)[start..];
            assert!(line.len() >= (TILE - 1) * step + run);
            let (mut x, mut left) = (line.as_ptr(), run);
            while left > 0 {
                if self.count == INPUTS {
                    self.all(INPUTS);
                    self.run(false, next);
                }
                let count = left.min(INPUTS - self.count);
                let x4 = [x, x.wrapping_add(step), x.wrapping_add(2 * step), x.wrapping_add(3 * step)];
                // SAFETY: the line has that many inputs.
                unsafe { gather(x4, &mut self.inputs[self.count..][..count]) };
                x = x.wrapping_add(count);
                (self.count, left, next) = (self.count + count, left - count, next + count);
            }
        }
        self.all(self.count);
        self.run(true, 0);
    }

    /// Adds a tile that crosses the map's edge or has fewer than four pixels, span by span.
    #[inline(never)]
    fn edge(&mut self, patch: &Patch<'_, f32>, pixels: usize) {
        let (spans, count) = spans(patch, pixels);
        let (channels, run, step) = (patch.channels, patch.kernel * patch.channels, patch.stride * patch.channels);
        let mut piece = Piece { set: ALL, count: 0, here: true, next: 0 };
        let mut row = patch.above * run;
        for y in patch.rows.0..patch.rows.1 {
            let line = patch.line(y);
            for span in &spans[..count] {
                let (first, end) = (usize::from(span.first), usize::from(span.end));
                let x = line.as_ptr().wrapping_add(patch.at(SETS[span.set].first, first));
                // SAFETY: `spans` has checked that a line has as many; it is borrowed until after the last program.
                unsafe {
                    self.add(&mut piece, span.set, (row + first * channels, (end - first) * channels), (x, step))
                };
            }
            row += run;
        }
        self.close(&mut piece);
        self.run(true, 0);
    }

    /// Adds a part of the windows of some pixels: `run` inputs from input `first` on.
    ///
    /// # Safety
    ///
    /// `x` points to the inputs of the first of the pixels, those of the others are `step` values apart, all of them on
    /// a map that outlives this.
    #[inline(always)]
    unsafe fn add(
        &mut self,
        piece: &mut Piece,
        set: usize,
        (first, mut run): (usize, usize),
        (mut x, step): (*const f32, usize),
    ) {
        if piece.set != set || piece.next != first || !piece.here {
            self.turn(piece, set, first);
        }
        piece.next = first + run;
        if set >= ALONE {
            self.push(self.steps.from);
            self.push(x as usize);
            let [fours, ones] = self.steps.alone[set - ALONE];
            self.times(fours, run / 4);
            self.times(ones, run % 4);
            piece.here = false;
            return;
        }
        loop {
            let count = run.min(INPUTS - self.count);
            let x4 = SETS[set].apart.map(|apart| x.wrapping_add(step * apart));
            // SAFETY: the caller ensures it.
            unsafe { gather(x4, &mut self.inputs[self.count..][..count]) };
            x = x.wrapping_add(count);
            (self.count, piece.count, run) = (self.count + count, piece.count + count, run - count);
            if run == 0 {
                return;
            }
            self.close(piece);
            self.run(false, piece.next - run);
        }
    }

    /// Ends a piece, if the next one has other pixels, skips inputs, or has its inputs elsewhere.
    #[inline(never)]
    fn turn(&mut self, piece: &mut Piece, set: usize, first: usize) {
        self.close(piece);
        if self.words + PIECE > WORDS {
            self.run(false, piece.next);
            piece.here = true;
        }
        piece.set = set;
        if piece.next != first {
            if self.words == 1 {
                self.begin = first;
            } else {
                self.push(self.steps.skip);
                self.push((first - piece.next) * self.weight);
            }
        }
        if !piece.here && set < ALONE {
            self.push(self.steps.from);
            self.push(self.inputs[self.count..].as_ptr() as usize);
            piece.here = true;
        }
    }

    /// Adds the missing steps for a piece's inputs.
    fn close(&mut self, piece: &mut Piece) {
        let count = core::mem::take(&mut piece.count);
        if piece.set == ALL {
            self.all(count);
        } else if count > 0 {
            let [pairs, one] = self.steps.some[piece.set];
            self.times(pairs, count / 2);
            if count % 2 == 1 {
                self.push(one);
            }
        }
    }
}

/// The pixels of a tile whose windows have a certain column on the map.
struct Set {
    first: usize,
    /// Distance from the first pixel's inputs to those of each, in pixels. An unused pixel repeats another's inputs, and
    /// its result is ignored.
    apart: [usize; TILE],
}

/// The sets that have steps, in the order of the steps: some pixels, all, and each alone.
const SETS: [Set; 10] = [
    Set { first: 0, apart: [0, 1, 2, 2] },
    Set { first: 1, apart: [0, 0, 1, 2] },
    Set { first: 0, apart: [0, 1, 1, 1] },
    Set { first: 1, apart: [0, 0, 1, 1] },
    Set { first: 2, apart: [0, 0, 0, 1] },
    Set { first: 0, apart: [0, 1, 2, 3] },
    Set { first: 0, apart: [0; TILE] },
    Set { first: 1, apart: [0; TILE] },
    Set { first: 2, apart: [0; TILE] },
    Set { first: 3, apart: [0; TILE] },
];
const ALL: usize = 5;
const ALONE: usize = 6;

/// Consecutive inputs that the same pixels have.
struct Piece {
    set: usize,
    /// The number of inputs that have no step in the program yet.
    count: usize,
    /// Whether the program reads its inputs where the next ones will be interleaved, rather than elsewhere.
    here: bool,
    /// Inputs of a window that the program already computes or skips.
    next: usize,
}

/// Columns of the windows that are on the map for the same pixels: the first, one past the last, and the pixels.
#[derive(Clone, Copy)]
struct Span {
    first: u8,
    end: u8,
    set: usize,
}

/// Returns the spans of the windows of a tile in order, and their number. Columns that no pixel has are in no span.
fn spans(patch: &Patch<'_, f32>, pixels: usize) -> ([Span; 2 * TILE + 1], usize) {
    let mut spans = [Span { first: 0, end: 0, set: ALL }; 2 * TILE + 1];
    let valid: [_; TILE] = core::array::from_fn(|pixel| patch.valid(pixel));
    let valid = &valid[..pixels];
    let (mut count, mut first) = (0, 0);
    while first < patch.kernel {
        // The pixels that have this column, and the first column that other pixels have. The first pixel's window begins
        // last and ends last on the map.
        let (mut from, mut to, mut end) = (TILE, 0, patch.kernel);
        for (pixel, &(begins, ends)) in valid.iter().enumerate() {
            if begins > first {
                end = end.min(begins);
            } else if ends > first {
                (from, to, end) = (from.min(pixel), pixel + 1, end.min(ends));
            }
        }
        if from < to {
            let (run, step) = ((end - first) * patch.channels, patch.stride * patch.channels);
            assert!(patch.at(from, first) + (to - from - 1) * step + run <= patch.row);
            let set = [ALONE + from, 2 + from, from, ALL][to - from - 1];
            spans[count] = Span { first: first as u8, end: end as u8, set };
            count += 1;
        }
        first = end;
    }
    (spans, count)
}

/// Loads an input of each of four pixels into registers.
macro_rules! four {
    ($s0:literal, $s1:literal, $s2:literal, $s3:literal) => {
        concat!(
            concat!("vldmia {x0}!, {{", $s0, "}}\nvldmia {x1}!, {{", $s1, "}}\n"),
            concat!("vldmia {x2}!, {{", $s2, "}}\nvldmia {x3}!, {{", $s3, "}}"),
        )
    };
}

/// Interleaves the inputs of four pixels.
///
/// # Safety
///
/// Each pointer must be valid for reads of `to.len()` values.
#[inline(always)]
unsafe fn gather(x: [*const f32; TILE], to: &mut [MaybeUninit<[f32; TILE]>]) {
    // SAFETY: the code reads `to.len()` values by each pointer and writes `to`; it declares every register it changes.
    unsafe {
        asm!(
            "subs {count}, #4",
            "blo 3f",
            "2:",
            four!("s0", "s1", "s2", "s3"),
            four!("s4", "s5", "s6", "s7"),
            four!("s8", "s9", "s10", "s11"),
            four!("s12", "s13", "s14", "s15"),
            "vstmia {to}!, {{s0-s15}}",
            "subs {count}, #4",
            "bhs 2b",
            "3:",
            "adds {count}, #4",
            "beq 4f",
            "2:",
            four!("s0", "s1", "s2", "s3"),
            "vstmia {to}!, {{s0-s3}}",
            "subs {count}, #1",
            "bne 2b",
            "4:",
            count = inout(reg) to.len() => _,
            to = inout(reg) to.as_mut_ptr() => _,
            x0 = inout(reg) x[0] => _,
            x1 = inout(reg) x[1] => _,
            x2 = inout(reg) x[2] => _,
            x3 = inout(reg) x[3] => _,
            out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("d4") _, out("d5") _, out("d6") _, out("d7") _,
            options(nostack),
        );
    }
}

/// Computes one layer for a tile of pixels.
#[inline(never)]
pub fn layer<W: Quad<R> + Stored, R>(
    patch: &Patch<'_, f32>,
    pixels: usize,
    weights: &LayerWeights<'_>,
    out: &mut [f32],
) {
    let (biases, packed) = split::<W>(weights);
    let (outputs, fan_in) = (weights.outputs, weights.fan_in);
    let (groups, left) = (outputs / 4, outputs % 4);
    let padded = outputs.next_multiple_of(4);
    let rows = patch.rows.1 - patch.rows.0 + patch.above;
    assert!(rows * patch.kernel * patch.channels <= fan_in && packed.len() >= padded * fan_in);
    assert!(biases.len() >= padded && out.len() >= pixels * outputs && (1..=TILE).contains(&pixels));
    let steps = W::steps();
    let (mut inputs, mut program) = ([MaybeUninit::uninit(); INPUTS], [MaybeUninit::uninit(); WORDS]);
    let mut last = [MaybeUninit::uninit(); TILE];
    let mut work = TileRun {
        steps,
        kernel: W::run,
        task: QuadTask {
            program: core::ptr::null(),
            inputs: core::ptr::null(),
            bias: biases.as_ptr(),
            weights: packed.as_ptr().cast(),
            group: 4 * fan_in * size_of::<W>(),
            out: out.as_mut_ptr(),
            outputs: 4 * outputs,
            pixels,
            groups,
        },
        inputs: &mut inputs,
        count: 0,
        program: &mut program,
        words: 0,
        weight: 4 * size_of::<W>(),
        begin: 0,
        last: (left > 0).then_some(&mut last),
    };
    work.push(steps.bias);
    let end = patch.left + ((TILE - 1) * patch.stride + patch.kernel) as isize;
    if pixels == TILE && patch.left >= 0 && end <= patch.columns as isize {
        work.inside(patch);
    } else {
        work.edge(patch, pixels);
    }
    if left > 0 {
        for (out, last) in out.chunks_exact_mut(outputs).zip(&last[..pixels]) {
            // SAFETY: the last program has written the outputs of that many pixels.
            let last: &[f32; 4] = unsafe { last.assume_init_ref() };
            out[4 * groups..].copy_from_slice(&last[..left]);
        }
    }
}

/// Returns the larger of two values, or the first if one is NaN.
macro_rules! larger {
    ($most:literal, $value:literal) => {
        concat!("vcmp.f32 ", $value, ", ", $most, "\nvmrs apsr_nzcv, fpscr\nit gt\nvmovgt.f32 ", $most, ", ", $value)
    };
}

/// Raises each value of `most` to the value at the same index in `values`, if that is larger.
pub fn raise(most: &mut [f32], values: &[f32]) {
    let (most, rest) = most.as_chunks_mut::<8>();
    let (values, rest_values) = values.as_chunks::<8>();
    for (most, values) in most.iter_mut().zip(values) {
        // SAFETY: reads eight values of both slices and writes eight; it declares every register that it changes.
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
    let (most, rest) = rest.as_chunks_mut::<4>();
    let (values, rest_values) = rest_values.as_chunks::<4>();
    for (most, values) in most.iter_mut().zip(values) {
        // SAFETY: as above, of four values.
        unsafe {
            asm!(
                "vldmia {most}, {{s0-s3}}",
                "vldmia {values}, {{s4-s7}}",
                larger!("s0", "s4"),
                larger!("s1", "s5"),
                larger!("s2", "s6"),
                larger!("s3", "s7"),
                "vstmia {most}, {{s0-s3}}",
                most = in(reg) most.as_mut_ptr(),
                values = in(reg) values.as_ptr(),
                out("d0") _, out("d1") _, out("d2") _, out("d3") _,
                options(nostack),
            );
        }
    }
    for (most, &value) in rest.iter_mut().zip(rest_values) {
        *most = if value > *most { value } else { *most };
    }
}
