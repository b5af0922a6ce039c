//! From bytes in lines to pairs of 16 bits, doubled, pixel beside pixel: what SMLAD multiplies.
//!
//! The window of inputs becomes `[inputs / 2][N pixels]` words, each two inputs of one pixel, in the order of the
//! packing by two: a word of four inputs falls into (0, 2) and (1, 3) by one AND each, with a shift that costs
//! nothing. Inputs are doubled, so that sums are too, and the upper half of a product is the doubling high multiply.

use super::Patch;

/// The even bytes of a word, doubled: nine bits in each half.
const DOUBLED: u32 = 0x01FE_01FE;

/// Widens inputs `range` of the windows of N pixels; the packing pads their number, `fan_in`, with zeros.
pub fn widen<const N: usize>(patch: &Patch<'_, u8>, fan_in: usize, range: (usize, usize), window: &mut [u32]) {
    if !patch.channels.is_multiple_of(4) {
        return by_bytes::<N>(patch, fan_in, range, window);
    }
    let (from, to) = range;
    if patch.flat {
        let pixel = |pixel: usize| patch.left.unsigned_abs() * patch.channels + pixel * patch.channels + from;
        return together::<N>(core::array::from_fn(|at| &patch.lines[pixel(at)..][..to - from]), window);
    }
    let run = patch.kernel * patch.channels;
    let valid: [_; N] = core::array::from_fn(|pixel| patch.valid(pixel));
    let inside = valid.iter().all(|&valid| valid == (0, patch.kernel));
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
        if inside {
            let x: [&[u8]; N] = core::array::from_fn(|pixel| &line[patch.at(pixel, 0) + first..][..end - first]);
            together(x, window);
            continue;
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
}

/// Inputs `from..to` of one row of a pixel's window, all of them on the map.
fn inputs<'a>(patch: &Patch<'a, u8>, line: &'a [u8], pixel: usize, from: usize, to: usize) -> &'a [u8] {
    let column = from / patch.channels;
    &line[patch.at(pixel, column) + from % patch.channels..][..to - from]
}

/// N pixels side by side.
fn together<const N: usize>(x: [&[u8]; N], window: &mut [u32]) {
    let fours = x.map(|x| x.as_chunks::<4>().0);
    for (at, window) in window.chunks_exact_mut(2 * N).enumerate() {
        let (even, odd) = window.split_at_mut(N);
        for pixel in 0..N {
            let four = u32::from_le_bytes(fours[pixel][at]);
            even[pixel] = four << 1 & DOUBLED;
            odd[pixel] = four >> 7 & DOUBLED;
        }
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

/// Bytes of a tile's windows that [`by_bytes`] has room for: 11×11 with stride 4 of one channel needs 253.
const ROOM: usize = 256;

/// Any number of channels: a byte at a time.
#[inline(never)]
fn by_bytes<const N: usize>(patch: &Patch<'_, u8>, fan_in: usize, range: (usize, usize), window: &mut [u32]) {
    // What the windows of the tile cover of each row, padding and all: pixels beside one another share most of it.
    let span = ((N - 1) * patch.stride + patch.kernel) * patch.channels;
    if span * patch.kernel > ROOM {
        return one_by_one::<N>(patch, fan_in, range, window);
    }
    let mut bytes = [0; ROOM];
    let columns = (patch.columns * patch.channels) as isize;
    let start = patch.left * patch.channels as isize;
    let (left, right) = (start.clamp(0, columns), (start + span as isize).clamp(0, columns));
    for (ky, bytes) in bytes.chunks_exact_mut(span).take(patch.kernel).enumerate() {
        if let Line::There(line) = Line::of(patch, ky) {
            let part = &line[left as usize..right as usize];
            bytes[(left - start) as usize..][..part.len()].copy_from_slice(part);
        }
    }
    let (run, step) = (patch.kernel * patch.channels, patch.stride * patch.channels);
    // Places of the first pixel's inputs, one after the other; past the last one, of zeros.
    let (mut at, mut in_row) = (range.0 / run * span + range.0 % run, range.0 % run);
    let mut left = fan_in - range.0;
    let mut next = || {
        let place = if left == 0 { ROOM } else { at };
        left = left.saturating_sub(1);
        (at, in_row) = if in_row + 1 == run { (at + 1 + span - run, 0) } else { (at + 1, in_row + 1) };
        place
    };
    let byte = |place: usize, pixel: usize| match place {
        ROOM => 0,
        // Always in range; the compiler sees that it is.
        place => u32::from(bytes[(place + pixel * step) % ROOM]),
    };
    let (fours, rest) = window.split_at_mut(window.len() / (2 * N) * 2 * N);
    for window in fours.chunks_exact_mut(2 * N) {
        let [a, b, c, d] = [next(), next(), next(), next()];
        for pixel in 0..N {
            window[pixel] = (byte(a, pixel) | byte(c, pixel) << 16) << 1;
            window[N + pixel] = (byte(b, pixel) | byte(d, pixel) << 16) << 1;
        }
    }
    if !rest.is_empty() {
        let [a, b] = [next(), next()];
        for (pixel, word) in rest.iter_mut().enumerate() {
            *word = (byte(a, pixel) | byte(b, pixel) << 16) << 1;
        }
    }
}

/// Any number of channels and any window: an input at a time, wherever it is.
#[inline(never)]
fn one_by_one<const N: usize>(patch: &Patch<'_, u8>, fan_in: usize, range: (usize, usize), window: &mut [u32]) {
    let run = patch.kernel * patch.channels;
    let last = if (range.1 - range.0).is_multiple_of(4) { range.1 } else { range.1 - 2 };
    window.fill(0);
    let halves: &mut [u16] = bytemuck::cast_slice_mut(window);
    for input in range.0..range.1.min(fan_in) {
        let Line::There(line) = Line::of(patch, input / run) else { continue };
        let (four, rest) = ((input - range.0) / 4 * 2, (input - range.0) % 4);
        let (pair, half) = if input < last { (four + rest % 2, rest / 2) } else { (four, rest) };
        let kx = input % run / patch.channels;
        for pixel in 0..N {
            let (left, right) = patch.valid(pixel);
            if left <= kx && kx < right {
                let x = line[patch.at(pixel, kx) + input % patch.channels];
                halves[2 * (pair * N + pixel) + half] = 2 * u16::from(x);
            }
        }
    }
}

/// A row of the window: on the map or not.
#[derive(Clone, Copy)]
enum Line<'a> {
    There(&'a [u8]),
    Padding,
}

impl<'a> Line<'a> {
    fn of(patch: &Patch<'a, u8>, ky: usize) -> Self {
        let y = (patch.rows.0 + ky).wrapping_sub(patch.above);
        if patch.above <= ky && y < patch.rows.1 { Line::There(patch.line(y)) } else { Line::Padding }
    }
}
