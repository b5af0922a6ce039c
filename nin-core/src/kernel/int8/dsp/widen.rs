//! From bytes in lines to pairs of 16 bits, doubled, pixel beside pixel: what SMLAD multiplies.
//!
//! The window of inputs becomes `[inputs / 2][pixels]` words, each two inputs of one pixel, in the order of the
//! packing by two: a word of four inputs falls into (0, 2) and (1, 3) by one AND each, with a shift that costs
//! nothing. Inputs are doubled, so that sums are too, and the upper half of a product is the doubling high multiply.

use super::Patch;
use super::kernels::{self, widen4};
use crate::plan::TILE;

/// Widens inputs `from..to` of the windows of `count` pixels, 4, 2 or 1, from pixel `first` of the tile on. `window` has room
/// for a multiple of four inputs.
pub fn widen(
    patch: &Patch<'_, u8>,
    (first, count): (usize, usize),
    (from, to): (usize, usize),
    window: &mut [u32],
) {
    let step = patch.stride * patch.channels;
    let fours = patch.channels.is_multiple_of(4);
    if patch.flat && fours {
        let x = &patch.lines[first * step + from..];
        return match count {
            TILE => widen4(x, step, to - from, window),
            _ => kernels::widen(x, (step, count), to - from, 0, window, count),
        };
    }
    // Which bytes of a window's row are on the map for each pixel, and what is to be added to find them in the line; then
    // which are for all of them.
    let run = patch.kernel * patch.channels;
    let (mut left, mut right) = (0, run);
    let mut spans = [(0, 0, 0); TILE];
    let spans = &mut spans[..count];
    for (pixel, span) in (first..).zip(spans.iter_mut()) {
        let (begin, end) = patch.valid(pixel);
        let start = patch.left * patch.channels as isize + (pixel * step) as isize;
        *span = (begin * patch.channels, end * patch.channels, start as usize);
        (left, right) = (left.max(span.0), right.min(span.1));
    }
    if !fours {
        // They share words: what is not on the map, or pads the packing, is 0 before the rest comes.
        window.fill(0);
    }
    for ky in from / run..to.div_ceil(run) {
        // The part of the window's row `ky` that the range has, and where it is in `window`.
        let row = ky * run;
        let (begin, end) = (from.max(row) - row, to.min(row + run) - row);
        let place = |x: usize| (row + x - from) / 2 * count;
        let y = (patch.rows.0 + ky).wrapping_sub(patch.above);
        if ky < patch.above || y >= patch.rows.1 {
            if fours {
                window[place(begin)..place(end)].fill(0);
            }
            continue;
        }
        let line = patch.line(y);
        let left = left.clamp(begin, end);
        let right = right.clamp(left, end);
        if left < right {
            let x = &line[spans[0].2.wrapping_add(left)..];
            let at = row + left - from;
            if fours && count == TILE {
                widen4(x, step, right - left, &mut window[at / 2 * TILE..]);
            } else {
                kernels::widen(x, (step, count), right - left, at, window, count);
            }
        }
        for (begin, end) in [(begin, left), (right, end)] {
            if begin == end {
                continue;
            }
            if fours {
                window[place(begin)..place(end)].fill(0);
            }
            for (pixel, span) in spans.iter().enumerate() {
                let (begin, end) = (begin.max(span.0), end.min(span.1));
                if begin < end {
                    let x = &line[span.2.wrapping_add(begin)..];
                    kernels::widen(x, (0, 1), end - begin, row + begin - from, &mut window[pixel..], count);
                }
            }
        }
    }
    if to % 4 != 0 {
        // Two inputs are left at the end: one pair.
        let (even, odd) = window[(to - from) / 4 * 2 * count..].split_at_mut(count);
        even.iter_mut().zip(odd).for_each(|(even, odd)| *even |= *odd << 16);
    }
}
