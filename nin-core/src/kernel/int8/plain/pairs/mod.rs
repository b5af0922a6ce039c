//! Two pixels times three outputs at a time, in assembly.
//!
//! The windows of two pixels become a list of [`Run`]s: inputs that are contiguous in memory for both pixels. Padding is
//! part of the list and points to a row of zeros, so one loop serves the middle of a map and its edges. Small windows
//! are copied together first and form one run. All outputs use the same list.
#![allow(unsafe_code)]

#[cfg(nin_mla)]
mod mla;
#[cfg(nin_muls)]
mod muls;
mod task;

#[cfg(nin_mla)]
use mla as kernel;
#[cfg(nin_muls)]
use muls as kernel;

use core::mem::MaybeUninit;

use self::task::{PairTask, Run};
use super::copy::copy;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::ROWS;

/// The most runs in a list: a window over the edge of a map has up to five in each row.
const PARTS: usize = 32;

/// The most inputs of a window that is copied together.
const ROOM: usize = 32;

/// The inputs of padding.
static ZEROS: [u8; 64] = [0; 64];

/// A list of runs.
struct List<'p> {
    parts: &'p mut [MaybeUninit<Run>; PARTS],
    count: usize,
    inputs: usize,
    /// Sums of the inputs of each pixel, if the kernel needs them.
    totals: [i32; 2],
}

impl List<'_> {
    /// Adds inputs of both pixels. Returns `false` if the list is full.
    fn push(&mut self, first: &[u8], second: &[u8]) -> bool {
        debug_assert!(first.len() == second.len() && !first.is_empty());
        let Some(part) = self.parts.get_mut(self.count) else { return false };
        part.write(Run { first: first.as_ptr(), second: second.as_ptr(), length: first.len() });
        (self.count, self.inputs) = (self.count + 1, self.inputs + first.len());
        if kernel::TOTALS {
            for (total, x) in self.totals.iter_mut().zip([first, second]) {
                *total = x.iter().fold(*total, |total, &x| total + i32::from(x));
            }
        }
        true
    }

    /// Adds the rows of two windows. Returns `false` if the list is full.
    fn windows(&mut self, patch: &Patch<'_, u8>, pair: [usize; 2]) -> bool {
        let [a, b] = pair.map(|pixel| patch.valid(pixel));
        // The columns where a window enters or leaves the map. The second window enters and leaves no later than the
        // first.
        let cuts = [0, b.0, a.0.min(b.1), a.0.max(b.1), a.1, patch.kernel];
        for y in patch.rows.0..patch.rows.1 {
            let line = patch.line(y);
            for cut in cuts.windows(2) {
                let (mut from, end) = (cut[0] * patch.channels, cut[1] * patch.channels);
                let on = [a, b].map(|(left, right)| left <= cut[0] && cut[1] <= right);
                while from < end {
                    let count = if on == [true; 2] { end - from } else { (end - from).min(ZEROS.len()) };
                    let at = |pixel: usize| patch.at(pair[pixel], cut[0]) + from - cut[0] * patch.channels;
                    let x = |pixel: usize| if on[pixel] { &line[at(pixel)..][..count] } else { &ZEROS[..count] };
                    if !self.push(x(0), x(1)) {
                        return false;
                    }
                    from += count;
                }
            }
        }
        self.count > 0
    }
}

/// Computes one layer for two pixels, which may be the same one. Returns `false`, and computes nothing, if the kernels
/// do not support the layer.
#[inline(never)]
pub fn layer(patch: &Patch<'_, u8>, pair: [usize; 2], weights: &LayerWeights<'_>, out: &mut [u8]) -> bool {
    let (outputs, fan_in) = (weights.outputs, weights.fan_in);
    if outputs < 3 {
        return false;
    }
    let mut windows;
    let mut parts = [MaybeUninit::uninit(); PARTS];
    let mut list = List { parts: &mut parts, count: 0, inputs: 0, totals: [0; 2] };
    let above = if patch.kernel > 1 && fan_in <= ROOM {
        windows = [[0; ROOM]; 2];
        for (window, pixel) in windows.iter_mut().zip(pair) {
            gather(patch, pixel, window);
        }
        list.push(&windows[0][..fan_in], &windows[1][..fan_in]);
        0
    } else if list.windows(patch, pair) {
        patch.above * patch.kernel * patch.channels
    } else {
        return false;
    };

    let (parameters, packed) = weights.bytes.split_at(4 * ROWS * outputs);
    assert!(above + list.inputs <= fan_in && packed.len() >= outputs * fan_in, "weights for the windows");
    assert!(out.len() >= (pair[1] + 1) * outputs && pair[0] <= pair[1], "room for the outputs of two pixels");
    // If the outputs are not a multiple of three, the last three are computed as one more group.
    for (first, groups) in [(0, outputs / 3), (outputs - 3, usize::from(!outputs.is_multiple_of(3)))] {
        if groups == 0 {
            continue;
        }
        let mut task = PairTask {
            weights: packed[first * fan_in + above..].as_ptr().cast(),
            fan_in,
            parts: list.parts.as_ptr().cast(),
            end: list.parts[list.count..].as_ptr().cast(),
            biases: bytemuck::cast_slice(&parameters[4 * first..]).as_ptr(),
            stride: 4 * outputs,
            out: out[pair[0] * outputs + first..].as_mut_ptr(),
            step: (pair[1] - pair[0]) * outputs,
            groups,
        };
        // SAFETY: the runs up to `count` are written, each from two slices that are still borrowed. The layer has at
        // least 3 · `groups` outputs from `first` on. For each of these the kernel reads a bias, a multiplier and a shift,
        // `outputs` words apart, and one weight for each input of the runs, at most `fan_in`; it writes one value of each
        // of two pixels. The checks above cover these accesses.
        unsafe { kernel::run(&mut task, list.totals) };
    }
    true
}

/// Copies the window of one pixel; padding stays zero.
fn gather(patch: &Patch<'_, u8>, pixel: usize, window: &mut [u8; ROOM]) {
    let (left, right) = patch.valid(pixel);
    let count = (right - left) * patch.channels;
    for (ky, y) in (patch.above..).zip(patch.rows.0..patch.rows.1) {
        if count > 0 {
            let x = &patch.line(y)[patch.at(pixel, left)..][..count];
            copy(&mut window[(ky * patch.kernel + left) * patch.channels..][..count], x);
        }
    }
}
