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
        return one_by_one::<N>(patch, fan_in, range, window);
    }
    let run = patch.kernel * patch.channels;
    let valid: [_; N] = core::array::from_fn(|pixel| patch.valid(pixel));
    let inside = valid.iter().all(|&valid| valid == (0, patch.kernel));
    let rows = patch.above..patch.above + patch.rows.1 - patch.rows.0;
    let (from, to) = range;
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

/// Any number of channels, an input at a time.
#[inline(never)]
fn one_by_one<const N: usize>(patch: &Patch<'_, u8>, fan_in: usize, range: (usize, usize), window: &mut [u32]) {
    let (from, to) = range;
    window.fill(0);
    let halves: &mut [u16] = bytemuck::cast_slice_mut(window);
    let run = patch.kernel * patch.channels;
    // Where an input goes: pairs (0, 2) and (1, 3) of each four, and one pair of the two that may be left.
    let last = if to - from & 3 == 0 { to } else { to - 2 };
    let place = |input: usize| {
        let (four, rest) = ((input - from) / 4 * 2, (input - from) % 4);
        if input < last { ((four + rest % 2) * 2 * N, rest / 2) } else { (four * 2 * N, rest) }
    };
    for pixel in 0..N {
        let (left, right) = patch.valid(pixel);
        for y in patch.rows.0..patch.rows.1 {
            let row = (y + patch.above - patch.rows.0) * run;
            let (first, end) =
                ((row + left * patch.channels).max(from), (row + right * patch.channels).min(to).min(fan_in));
            if first >= end {
                continue;
            }
            let x = inputs(patch, patch.line(y), pixel, first - row, end - row);
            for (input, &x) in (first..end).zip(x) {
                let (at, half) = place(input);
                halves[at + 2 * pixel + half] = 2 * u16::from(x);
            }
        }
    }
}
