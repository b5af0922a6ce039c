//! Widens bytes of lines to pairs of doubled 16-bit values, side by side for each pixel: the operands of SMLAD.
//!
//! The window of inputs becomes `[inputs / 2][pixels]` words. Each word holds two inputs of one pixel in the order of
//! the packing by two: a word of four inputs is split into (0, 2) and (1, 3) with one AND each, and the shift is part of
//! that instruction. Inputs are doubled, so sums are doubled too, and the upper half of a sum's product with the
//! multiplier equals the doubling high multiply.

use super::copy::copy_each;
use super::window::Window;
use crate::kernel::operands::Patch;
use crate::plan::TILE;

/// Widens inputs `from..to` of the windows of `count` pixels, 4, 2 or 1, from pixel `first` of the tile on. Padding is
/// `zero`; `room` is working memory, of any length.
pub fn widen(
    patch: &Patch<'_, u8>,
    (first, count): (usize, usize),
    (from, to): (usize, usize),
    zero: u8,
    words: &mut [u32],
    room: &mut [u32],
) {
    let mut window = Window::new(words, count, to - from, zero);
    let step = patch.stride * patch.channels;
    let run = patch.kernel * patch.channels;
    // If the channels are a multiple of four, no word mixes two places, or an input and padding.
    let fours = patch.channels.is_multiple_of(4);
    if patch.flat {
        if !fours {
            window.clear((to - from - 1) / 4 * 4, to - from);
        }
        window.put((0, count), (0, run.min(to) - from), &patch.lines[first * step + from..], step);
        return window.close();
    }
    // For each pixel: which bytes of a window's row are on the map, and the offset of that row in the line. Then the
    // bytes that are on the map for all pixels.
    let spans: [_; TILE] = core::array::from_fn(|pixel| {
        let (begin, end) = patch.valid(first + pixel);
        let start = patch.left * patch.channels as isize + ((first + pixel) * step) as isize;
        (begin * patch.channels, end * patch.channels, start as usize)
    });
    let spans = &spans[..count];
    let left = spans.iter().fold(0, |left, span| left.max(span.0));
    let right = spans.iter().fold(run, |right, span| right.min(span.1));
    if !fours {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(room);
        let length = to.next_multiple_of(4);
        if from == 0 && to >= run * patch.height && bytes.len() >= count * length {
            let bytes = &mut bytes[..count * length];
            gather(patch, (first, count), zero, bytes, length);
            window.put((0, count), (0, length), bytes, length);
            return window.close();
        }
        window.clear(0, to - from);
    }
    for ky in from / run..patch.height {
        let row = ky * run;
        if row >= to {
            break;
        }
        // The part of the window's row `ky` that lies in the range, and its place there.
        let (begin, end) = (from.max(row) - row, to.min(row + run) - row);
        let place = |x: usize| row + x - from;
        // The part that is on the map for all pixels.
        let y = (patch.rows.0 + ky).wrapping_sub(patch.above);
        let line = (ky >= patch.above && y < patch.rows.1).then(|| patch.line(y));
        let left = if line.is_some() { left.max(begin).min(end) } else { end };
        let right = right.min(end).max(left);
        if let Some(line) = line
            && left < right
        {
            let x = &line[spans[0].2.wrapping_add(left)..];
            window.put((0, count), (place(left), place(right)), x, step);
        }
        if (left, right) == (begin, end) {
            continue;
        }
        for (begin, end) in [(begin, left), (right, end)] {
            if fours {
                window.clear(place(begin), place(end));
            }
            for (pixel, span) in spans.iter().enumerate() {
                let (begin, end) = (begin.max(span.0), end.min(span.1));
                if let Some(line) = line
                    && begin < end
                {
                    let x = &line[span.2.wrapping_add(begin)..];
                    window.put((pixel, 1), (place(begin), place(end)), x, 0);
                }
            }
        }
    }
    window.close();
}

/// Copies the whole windows of `count` pixels, each to `length` bytes; padding is `zero`.
fn gather(patch: &Patch<'_, u8>, (first, count): (usize, usize), zero: u8, bytes: &mut [u8], length: usize) {
    let (channels, run) = (patch.channels, patch.kernel * patch.channels);
    // For each pixel: where its window's columns on the map begin in the line, their bytes, and their place in `bytes`.
    let spans: [_; TILE] = core::array::from_fn(|pixel| {
        let (left, right) = patch.valid(first + pixel);
        let at = if left < right { patch.at(first + pixel, left) } else { 0 };
        (at, (right - left) * channels, pixel * length + left * channels)
    });
    let spans = &spans[..count];
    // Whole windows that follow each other are copied together.
    let mut begin = 0;
    while begin < count && spans[begin].1 != run {
        begin += 1;
    }
    let mut end = begin;
    while end < count && spans[end].1 == run {
        end += 1;
    }
    if end - begin != count || patch.rows.1 - patch.rows.0 != patch.height {
        bytes.fill(zero);
    }
    for (ky, y) in (patch.above..).zip(patch.rows.0..patch.rows.1) {
        let (line, to) = (patch.line(y), &mut bytes[ky * run..]);
        if begin < end {
            let (at, _, place) = spans[begin];
            copy_each(&line[at..], (end - begin, run), patch.stride * channels, &mut to[place..], length);
        }
        let mut pixel = if begin == 0 { end } else { 0 };
        while pixel < count {
            let (at, bytes, place) = spans[pixel];
            if bytes > 0 {
                copy_each(&line[at..], (1, bytes), 0, &mut to[place..], 0);
            }
            pixel = if pixel + 1 == begin { end } else { pixel + 1 };
        }
    }
}
