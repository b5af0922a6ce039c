//! Up to four pixels at a time, by hand.
//!
//! The inputs that the windows of all pixels have side by side in memory are one [`Part`]. The parts of a tile include
//! the padding, for which a row of zeros stands in. All outputs use the same [list](list) of parts. The windows of a
//! layer with few inputs are copied to consecutive bytes first and are one part.
#![allow(unsafe_code)]

mod list;
#[cfg(nin_mve)]
mod mve;
#[cfg(nin_rv32)]
mod rv32;
mod task;

#[cfg(nin_mve)]
use mve as kernel;
#[cfg(nin_mve)]
pub use mve::raise;
#[cfg(nin_rv32)]
use rv32 as kernel;

use core::mem::MaybeUninit;

use self::list::List;
use self::task::QuadTask;
use super::copy::copy;
use super::one_by_one;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::packing::ROWS;

/// Windows of up to four pixels that are copied to consecutive bytes.
type Windows = [[u8; kernel::ROOM]; 4];

/// Computes one layer for a tile of pixels.
pub fn layer(patch: &Patch<'_, u8>, pixels: usize, weights: &LayerWeights<'_>, out: &mut [u8]) {
    // There are kernels for four pixels, for two and for one. The last of three pixels is computed twice.
    let (count, quad) = match pixels {
        1 => (1, [0; 4]),
        2 => (2, [0, 1, 0, 1]),
        _ => (4, [0, 1, 2, 3.min(pixels - 1)]),
    };
    if tile(patch, count, quad, weights, out) {
        return;
    }
    // The windows are in too many parts. A single window has one for each of its rows.
    for pixel in 0..pixels {
        if count == 1 || !tile(patch, 1, [pixel; 4], weights, out) {
            one_by_one::layer(patch, [pixel], weights, out);
        }
    }
}

/// Computes one layer for `count` pixels: 1, 2 or 4. Returns whether these kernels can compute it. `quad` has the pixel
/// `i % count` at `i`, in ascending order up to `count`.
#[inline(never)]
fn tile(patch: &Patch<'_, u8>, count: usize, quad: [usize; 4], weights: &LayerWeights<'_>, out: &mut [u8]) -> bool {
    let (outputs, fan_in) = (weights.outputs, weights.fan_in);
    if outputs < kernel::LEAST_OUTPUTS {
        return false;
    }
    let mut windows = MaybeUninit::uninit();
    let mut parts = list::room();
    let mut list = List::new(&mut parts, count);
    let above = if patch.kernel > 1 && fan_in <= kernel::ROOM {
        let windows = kernel::clear(&mut windows);
        gather(patch, &quad[..count], windows);
        // As in `quad`, the windows of fewer pixels follow again.
        list.push([0, 1, 2, 3].map(|index| &windows[index & (count - 1)][..fan_in]));
        0
    } else if list.windows(patch, &quad) {
        patch.above * patch.kernel * patch.channels
    } else {
        return false;
    };

    let (parameters, packed) = weights.bytes.split_at(4 * ROWS * outputs);
    let last = quad[count - 1];
    assert!(above + list.inputs() <= fan_in && packed.len() >= outputs * fan_in, "weights for the windows");
    assert!(out.len() >= (last + 1) * outputs && quad.iter().all(|&pixel| pixel <= last), "room for the outputs");
    let beyond = fan_in - list.inputs();
    let step = kernel::outputs(count, list.parts(), beyond, outputs);
    #[cfg(nin_mve)]
    if kernel::reads_end(count, step) {
        list.end(beyond);
    }
    let parts = list.parts().as_ptr_range();
    // If the outputs are no multiple of a round's, the last round computes the last ones, some of them again.
    let rest = usize::from(!outputs.is_multiple_of(step));
    for (first, rounds) in [(0, outputs / step), (outputs - step, rest)] {
        if rounds == 0 {
            continue;
        }
        let mut task = QuadTask {
            weights: packed[first * fan_in + above..].as_ptr().cast(),
            fan_in,
            parts: parts.start,
            end: parts.end,
            biases: bytemuck::cast_slice(&parameters[4 * first..]).as_ptr(),
            stride: 4 * outputs,
            out: out[quad[0] * outputs + first..].as_mut_ptr(),
            rounds,
            offsets: quad.map(|pixel| (pixel - quad[0]) * outputs),
        };
        // SAFETY: each part has pointers to `length` bytes of slices that are still borrowed. There is at least one
        // part, and the end behind the last one if the kernel reads it. For each output from `first` on, up to `rounds`
        // times those of a round and at most all, the kernel reads a bias, a multiplier and a shift, each `outputs`
        // words after the one before. It reads one weight for each of the parts' inputs, at most `fan_in` from the
        // output's first weight. It writes one value of each of `count` pixels. The assertions above check all of these
        // bounds.
        unsafe { kernel::run(&mut task, count, step) };
    }
    true
}

/// Copies the windows of some pixels. Padding stays as it is.
#[inline(never)]
fn gather(patch: &Patch<'_, u8>, pixels: &[usize], windows: &mut Windows) {
    let (channels, kernel) = (patch.channels, patch.kernel);
    let whole = patch.valid(pixels[0]).0 == 0 && patch.valid(pixels[pixels.len() - 1]).1 == kernel;
    if whole && pixels.is_sorted_by(|a, b| a + 1 == *b) {
        // All rows are as long, and begin at the same distance for each pixel.
        let (run, step) = (kernel * channels, patch.stride * channels);
        let length = (pixels.len() - 1) * step + run;
        for (ky, y) in (patch.above..).zip(patch.rows.0..patch.rows.1) {
            let line = &patch.line(y)[patch.at(pixels[0], 0)..][..length];
            copy_all(windows, ky * run, pixels.len(), line, step, run);
        }
        return;
    }
    for (window, &pixel) in windows.iter_mut().zip(pixels) {
        let (left, right) = patch.valid(pixel);
        let count = (right - left) * channels;
        for (ky, y) in (patch.above..).zip(patch.rows.0..patch.rows.1) {
            if count > 0 {
                let x = &patch.line(y)[patch.at(pixel, left)..][..count];
                copy(&mut window[(ky * kernel + left) * channels..][..count], x);
            }
        }
    }
}

/// Copies `run` bytes to each of the first `count` windows, from byte `at` on. They begin `step` bytes apart in `line`.
fn copy_all(windows: &mut Windows, at: usize, count: usize, line: &[u8], step: usize, run: usize) {
    assert!(count > 0 && count <= windows.len() && at + run <= kernel::ROOM && run > 0);
    assert!(line.len() >= (count - 1) * step + run);
    // SAFETY: the assertions check that the bytes are in the line and in their windows, which follow each other.
    unsafe { kernel::copy_all(windows.as_flattened_mut().as_mut_ptr().add(at), line.as_ptr(), step, run, count) };
}
