//! From bytes in lines to pairs of 16 bits, doubled, pixel beside pixel: what SMLAD multiplies.
//!
//! The window of inputs becomes `[inputs / 2][N pixels]` words, each two inputs of one pixel, in the order of the
//! packing by two: a word of four inputs falls into (0, 2) and (1, 3) by one AND each, with a shift that costs
//! nothing. Inputs are doubled, so that sums are too, and the upper half of a product is the doubling high multiply.

use super::super::copy::copy;
use super::Patch;
use super::kernels::{spread, widen4};
use crate::plan::TILE;

/// The even bytes of a word, doubled: nine bits in each half.
const DOUBLED: u32 = 0x01FE_01FE;

/// Widens inputs `range` of the windows of N pixels; the packing pads their number, `fan_in`, with zeros.
pub fn widen<const N: usize>(patch: &Patch<'_, u8>, fan_in: usize, range: (usize, usize), window: &mut [u32]) {
    if !patch.channels.is_multiple_of(4) {
        return by_bytes::<N>(patch, fan_in, range, window);
    }
    let (from, to) = range;
    let step = patch.stride * patch.channels;
    if patch.flat {
        let start = patch.left.unsigned_abs() * patch.channels + from;
        return together::<N>(&patch.lines[start..], step, to - from, window);
    }
    let run = patch.kernel * patch.channels;
    let valid: [_; N] = core::array::from_fn(|pixel| patch.valid(pixel));
    // Columns that are on the map for every pixel.
    let left = valid.iter().map(|&(left, _)| left).max().unwrap_or(0);
    let right = valid.iter().map(|&(_, right)| right).min().unwrap_or(0).max(left);
    let rows = patch.above..patch.above + patch.rows.1 - patch.rows.0;
    for ky in from / run..to.div_ceil(run) {
        // The part of the window's row `ky` that the range has.
        let (first, end) = (from.max(ky * run) - ky * run, to.min((ky + 1) * run) - ky * run);
        let window = &mut window[(ky * run + first - from) / 2 * N..(ky * run + end - from) / 2 * N];
        if !rows.contains(&ky) {
            window.fill(0);
            continue;
        }
        let line = patch.line(patch.rows.0 + ky - patch.above);
        let clamp = |column: usize| (column * patch.channels).clamp(first, end);
        let (left, right) = (clamp(left), clamp(right));
        let (before, window) = window.split_at_mut((left - first) / 2 * N);
        let (both, after) = window.split_at_mut((right - left) / 2 * N);
        if left < right {
            let column = left / patch.channels;
            let start = patch.at(0, column) + left % patch.channels;
            together::<N>(&line[start..], step, right - left, both);
        }
        edge::<N>(patch, line, &valid, (first, left), before);
        edge::<N>(patch, line, &valid, (right, end), after);
    }
}

/// Inputs `first..end` of one row of the windows, some of them off the map for some of the pixels.
fn edge<const N: usize>(
    patch: &Patch<'_, u8>,
    line: &[u8],
    valid: &[(usize, usize); N],
    (first, end): (usize, usize),
    window: &mut [u32],
) {
    if first == end {
        return;
    }
    for (pixel, &(left, right)) in valid.iter().enumerate() {
        let clamp = |column: usize| (column * patch.channels).clamp(first, end);
        let (left, right) = (clamp(left), clamp(right.max(left)));
        let part = |from: usize, to: usize| (from - first) / 2 * N..(to - first) / 2 * N;
        zeros::<N>(pixel, &mut window[part(first, left)]);
        if left < right {
            alone::<N>(pixel, inputs(patch, line, pixel, left, right), &mut window[part(left, right)]);
        }
        zeros::<N>(pixel, &mut window[part(right, end)]);
    }
}

/// Inputs `from..to` of one row of a pixel's window, all of them on the map.
fn inputs<'a>(patch: &Patch<'a, u8>, line: &'a [u8], pixel: usize, from: usize, to: usize) -> &'a [u8] {
    let column = from / patch.channels;
    &line[patch.at(pixel, column) + from % patch.channels..][..to - from]
}

/// `length` inputs of each of N pixels, from the first of `x` on, `step` apart.
fn together<const N: usize>(x: &[u8], step: usize, length: usize, window: &mut [u32]) {
    if N == TILE {
        return widen4(x, step, length, window);
    }
    for pixel in 0..N {
        alone::<N>(pixel, &x[pixel * step..][..length], window);
    }
}

/// One pixel of N.
fn alone<const N: usize>(pixel: usize, x: &[u8], window: &mut [u32]) {
    for (four, window) in x.as_chunks::<4>().0.iter().zip(window.chunks_exact_mut(2 * N)) {
        let four = u32::from_le_bytes(*four);
        window[pixel] = four << 1 & DOUBLED;
        window[N + pixel] = four >> 7 & DOUBLED;
    }
}

/// Padding of one pixel of N.
fn zeros<const N: usize>(pixel: usize, window: &mut [u32]) {
    for window in window.chunks_exact_mut(N) {
        window[pixel] = 0;
    }
}

/// Inputs of a window that [`by_bytes`] puts together at a time; a multiple of four.
const PIECE: usize = 32;

/// Any number of channels: inputs of each pixel's window are put side by side first, a piece at a time.
#[inline(never)]
fn by_bytes<const N: usize>(patch: &Patch<'_, u8>, fan_in: usize, (from, to): (usize, usize), window: &mut [u32]) {
    let run = patch.kernel * patch.channels;
    // Which bytes of a window's row are on the map, and what is to be added to find them in the line.
    let rows: [_; N] = core::array::from_fn(|pixel| {
        let (left, right) = patch.valid(pixel);
        let start = (patch.left + (pixel * patch.stride) as isize) * patch.channels as isize;
        (left * patch.channels, right * patch.channels, start as usize)
    });
    let step = patch.stride * patch.channels;
    let inside = rows.iter().all(|&(left, right, _)| (left, right) == (0, run));
    for (window, from) in window.chunks_mut(PIECE / 2 * N).zip((from..to).step_by(PIECE)) {
        let mut pieces = [[0u32; PIECE / 4]; N];
        let (mut ky, mut first, mut at) = (from / run, from % run, 0);
        let end = PIECE.min(fan_in - from);
        while at < end {
            let last = run.min(first + end - at);
            if let Some(line) = line(patch, ky) {
                if inside {
                    spread(&line[rows[0].2 + first..], step, &mut pieces, at, last - first);
                    (ky, first, at) = (ky + 1, 0, at + last - first);
                    continue;
                }
                for (piece, &(left, right, start)) in pieces.iter_mut().zip(&rows) {
                    let (left, right) = (left.max(first), right.min(last));
                    if left < right {
                        let x = &line[start.wrapping_add(left)..][..right - left];
                        copy(&mut bytemuck::cast_slice_mut(piece)[at + left - first..][..right - left], x);
                    }
                }
            }
            (ky, first, at) = (ky + 1, 0, at + last - first);
        }
        let (fours, two) = window.split_at_mut(window.len() / (2 * N) * 2 * N);
        for (at, window) in fours.chunks_exact_mut(2 * N).enumerate() {
            let (even, odd) = window.split_at_mut(N);
            for pixel in 0..N {
                let four = u32::from_le(pieces[pixel][at]);
                even[pixel] = four << 1 & DOUBLED;
                odd[pixel] = four >> 7 & DOUBLED;
            }
        }
        // Two inputs are left at the end: one pair.
        for (two, piece) in two.iter_mut().zip(&pieces) {
            let four = u32::from_le(piece[fours.len() / (2 * N)]);
            *two = (four & 0xFF | (four & 0xFF00) << 8) << 1;
        }
    }
}

/// Row `ky` of the windows, if it is on the map.
fn line<'a>(patch: &Patch<'a, u8>, ky: usize) -> Option<&'a [u8]> {
    let y = (patch.rows.0 + ky).wrapping_sub(patch.above);
    (patch.above <= ky && y < patch.rows.1).then(|| patch.line(y))
}
