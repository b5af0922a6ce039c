//! The sums of a depthwise convolution, where each channel has a filter of its own.
//!
//! Vectors of channels go along a row of pixels. Nothing is widened or copied: the values under one tap of the filter are
//! contiguous in memory, channel by channel. The operands are those of [`multiply`](super::multiply) and
//! [`accumulate`](super::accumulate), with the taps of a filter as the depth of the panels.
#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop)] // `for i in 0..M` over registers: unrolled, and the same on both sides

use std::ptr::NonNull;

use super::operands::farthest;
use super::simd::{Isa, Simd, isa, lanes, start_of, start_of_mut};
use super::{Finish, Panels, View, Windows, padded};

/// Pixels whose sums are in registers at once.
const PIXELS: usize = 4;
/// Taps whose sums are in registers at once: those of a 3×3 filter.
const TAPS: usize = 9;
/// Pixels whose products are summed before they are added to the gradient.
const RUN: usize = 144;

/// `to[to_at[p] + n] = finish(Σ_tap window(p)[tap][n] · panels(tap, n))` for the first `pixels` windows over `from`, with a
/// channel for each column of the panels.
///
/// Each sum is in the order of the taps, row by row.
///
/// # Panics
///
/// If a window, a gate or a result would lie outside its map.
pub(crate) fn multiply(
    from: View,
    windows: &Windows,
    panels: &Panels,
    finish: &Finish,
    to: &mut [f32],
    to_at: &[u32],
    pixels: usize,
) {
    if pixels == 0 {
        return;
    }
    let channels = panels.columns;
    assert!(windows.reach(pixels) <= from.len() && panels.lanes == lanes());
    assert!(windows.depth() == panels.depth * channels && windows.length.is_multiple_of(channels));
    let reach = |at: &[u32]| farthest(&at[..pixels]).map_or(0, |last| last.saturating_add(channels));
    assert!(reach(to_at) <= to.len());
    if let Finish::Gate(gate, at) = finish {
        assert!(reach(at) <= gate.len());
    }
    let job = Multiply { from, windows, panels, finish, to_at, pixels };
    let to = start_of_mut(to);
    // SAFETY: every address was checked above; the panels are as wide as these vectors.
    unsafe {
        match isa() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(simd) => simd.vectorize(
                #[inline(always)]
                || multiply_with(simd, &job, to),
            ),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(simd) => simd.vectorize(
                #[inline(always)]
                || multiply_with(simd, &job, to),
            ),
            Isa::Portable(simd) => multiply_with(simd, &job, to),
        }
    }
}

struct Multiply<'a> {
    from: View<'a>,
    windows: &'a Windows,
    panels: &'a Panels,
    finish: &'a Finish<'a>,
    to_at: &'a [u32],
    pixels: usize,
}

#[inline(always)]
unsafe fn multiply_with<S: Simd>(simd: S, job: &Multiply, to: NonNull<f32>) {
    for &(first, vectors) in &job.panels.cuts {
        for pixel in (0..job.pixels).step_by(PIXELS) {
            // SAFETY: the caller's.
            unsafe {
                match vectors {
                    1 => multiply_tile::<S, 1>(simd, job, first, pixel, to),
                    2 => multiply_tile::<S, 2>(simd, job, first, pixel, to),
                    _ => multiply_tile::<S, 3>(simd, job, first, pixel, to),
                }
            }
        }
    }
}

/// Sums for [`PIXELS`] pixels and `V` vectors of channels; pixels past the last one repeat it and are not stored.
#[inline(always)]
unsafe fn multiply_tile<S: Simd, const V: usize>(
    simd: S,
    job: &Multiply,
    first: usize,
    pixel: usize,
    to: NonNull<f32>,
) {
    let (windows, panels) = (job.windows, job.panels);
    let count = PIXELS.min(job.pixels - pixel);
    let from = start_of(job.from.with_slack());
    // SAFETY: `multiply` checked the windows' reach, the panels' depth and the results' offsets. Lanes past the last
    // channel are read, from the next values of the map or the room behind it, and not stored.
    unsafe {
        let at: [NonNull<f32>; PIXELS] = std::array::from_fn(|i| {
            from.add(*windows.offsets.get_unchecked(pixel + i.min(count - 1)) as usize + first)
        });
        let mut weights = start_of(&panels.values).add(first * panels.depth);
        let mut sums = [[simd.splat(0.0); V]; PIXELS];
        for row in 0..windows.rows {
            let mut tap = row * windows.step;
            for _ in 0..windows.length / panels.columns {
                let w: [S::Vector; V] = std::array::from_fn(|v| simd.load(weights.add(v * S::LANES)));
                weights = weights.add(V * S::LANES);
                for i in 0..PIXELS {
                    for v in 0..V {
                        let x = simd.load(at[i].add(tap + v * S::LANES));
                        sums[i][v] = simd.fma(x, w[v], sums[i][v]);
                    }
                }
                tap += panels.columns;
            }
        }
        for i in 0..PIXELS {
            if i < count {
                finish::<S, V>(simd, job, sums[i], first, pixel + i, to);
            }
        }
    }
}

/// Stores a pixel's sums.
#[inline(always)]
unsafe fn finish<S: Simd, const V: usize>(
    simd: S,
    job: &Multiply,
    sums: [S::Vector; V],
    first: usize,
    pixel: usize,
    to: NonNull<f32>,
) {
    // SAFETY: the caller's; only as many lanes are stored as there are channels.
    unsafe {
        let to = to.add(*job.to_at.get_unchecked(pixel) as usize + first);
        for v in 0..V {
            let column = v * S::LANES;
            let lanes = (job.panels.columns - first - column).min(S::LANES);
            let bias = || simd.load(start_of(&job.panels.bias).add(first + column));
            let sum = match job.finish {
                Finish::Store => sums[v],
                Finish::Bias => simd.add(sums[v], bias()),
                Finish::BiasRelu => simd.relu(simd.add(sums[v], bias())),
                Finish::Gate(gate, gate_at) => {
                    let gate = start_of(gate).add(*gate_at.get_unchecked(pixel) as usize + first + column);
                    simd.gate(sums[v], simd.load_part(gate, lanes))
                }
            };
            if lanes == S::LANES {
                simd.store(to.add(column), sum);
            } else {
                simd.store_part(to.add(column), sum, lanes);
            }
        }
    }
}

/// `sums[tap][n] += Σ_p window(p)[tap][n] · d[d_at[p] + n]` over the first `pixels` windows over `from`, in their order
/// run by run; `sums` has [`padded`] columns, and the contents of the padding are unspecified.
///
/// # Panics
///
/// If a window or a gradient would lie outside its map, or `sums` is too short.
pub(crate) fn accumulate(
    from: View,
    windows: &Windows,
    d: View,
    d_at: &[u32],
    channels: usize,
    sums: &mut [f32],
    pixels: usize,
) {
    if pixels == 0 {
        return;
    }
    assert!(windows.reach(pixels) <= from.len() && windows.length.is_multiple_of(channels));
    assert!(farthest(&d_at[..pixels]).map_or(0, |last| last.saturating_add(channels)) <= d.len());
    let across = windows.length / channels;
    let taps: Vec<usize> =
        (0..windows.rows * across).map(|tap| tap / across * windows.step + tap % across * channels).collect();
    assert!(sums.len() >= taps.len() * padded(channels));
    let job = Accumulate { from, at: &windows.offsets[..pixels], d, d_at, channels, taps: &taps };
    let sums = start_of_mut(sums);
    // SAFETY: every address was checked above, and reads beyond a pixel's own channels stay within the room behind a
    // `Buffer`.
    unsafe {
        match isa() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(simd) => simd.vectorize(
                #[inline(always)]
                || accumulate_with(simd, &job, sums),
            ),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(simd) => simd.vectorize(
                #[inline(always)]
                || accumulate_with(simd, &job, sums),
            ),
            Isa::Portable(simd) => accumulate_with(simd, &job, sums),
        }
    }
}

struct Accumulate<'a> {
    from: View<'a>,
    /// Where each window begins.
    at: &'a [u32],
    d: View<'a>,
    d_at: &'a [u32],
    channels: usize,
    /// Where each tap stands in a window.
    taps: &'a [usize],
}

#[inline(always)]
unsafe fn accumulate_with<S: Simd>(simd: S, job: &Accumulate, sums: NonNull<f32>) {
    for start in (0..job.at.len()).step_by(RUN) {
        let pixels = start..job.at.len().min(start + RUN);
        for first in (0..job.channels).step_by(S::LANES) {
            let mut tap = 0;
            while tap < job.taps.len() {
                // SAFETY: the caller's.
                tap += unsafe {
                    match job.taps.len() - tap {
                        TAPS.. => accumulate_tile::<S, TAPS>(simd, job, pixels.clone(), first, tap, sums),
                        3.. => accumulate_tile::<S, 3>(simd, job, pixels.clone(), first, tap, sums),
                        _ => accumulate_tile::<S, 1>(simd, job, pixels.clone(), first, tap, sums),
                    }
                };
            }
        }
    }
}

/// Sums of `T` taps for one vector of channels over some pixels. Returns `T`.
#[inline(always)]
unsafe fn accumulate_tile<S: Simd, const T: usize>(
    simd: S,
    job: &Accumulate,
    pixels: std::ops::Range<usize>,
    first: usize,
    tap: usize,
    to: NonNull<f32>,
) -> usize {
    let (from, d) = (start_of(job.from.with_slack()), start_of(job.d.with_slack()));
    // SAFETY: `accumulate` checked every window and offset, and the length of the sums, whose rows are whole vectors.
    unsafe {
        let taps: [usize; T] = std::array::from_fn(|i| *job.taps.get_unchecked(tap + i) + first);
        let mut sums = [simd.splat(0.0); T];
        for pixel in pixels {
            let d = simd.load(d.add(*job.d_at.get_unchecked(pixel) as usize + first));
            let at = from.add(*job.at.get_unchecked(pixel) as usize);
            for i in 0..T {
                sums[i] = simd.fma(simd.load(at.add(taps[i])), d, sums[i]);
            }
        }
        for i in 0..T {
            let to = to.add((tap + i) * padded(job.channels) + first);
            simd.store(to, simd.add(simd.load(to), sums[i]));
        }
    }
    T
}

#[cfg(test)]
mod tests {
    use super::{accumulate, multiply};
    use crate::kernel::{Buffer, Finish, Panels, Windows, padded};

    fn filled(values: usize, seed: usize) -> Buffer {
        let mut buffer = Buffer::zeros(values);
        buffer.iter_mut().enumerate().for_each(|(i, v)| *v = ((i * 37 + seed * 11) % 23) as f32 * 0.25 - 2.0);
        buffer
    }

    /// Windows of 2×3 taps in a map of 5 × 7 pixels, whose values are small enough for exact sums.
    #[test]
    fn sums_are_those_of_plain_loops() {
        for channels in [1, 3, 8, 16, 17, 40, 70] {
            let (columns, taps) = (7, 6);
            let x = filled(5 * columns * channels, 1);
            let weights: Vec<f32> = filled(taps * channels, 2).to_vec();
            let pixels: Vec<(usize, usize)> = (0..4).flat_map(|row| (0..5).map(move |column| (row, column))).collect();
            let offsets = pixels.iter().map(|(row, column)| ((row * columns + column) * channels) as u32).collect();
            let windows = Windows { offsets, rows: 2, step: columns * channels, length: 3 * channels };
            let to_at: Vec<u32> = (0..pixels.len()).map(|pixel| (pixel * channels) as u32).collect();
            let value = |pixel: (usize, usize), tap: usize, channel: usize| {
                x[((pixel.0 + tap / 3) * columns + pixel.1 + tap % 3) * channels + channel]
            };

            let mut panels = Panels::new(taps, channels);
            panels.pack(&weights, |tap| tap, taps);
            panels.set_bias(&vec![0.5; channels]);
            let mut y = vec![0.0; pixels.len() * channels];
            multiply(x.view(), &windows, &panels, &Finish::BiasRelu, &mut y, &to_at, pixels.len());
            for (i, y) in y.iter().enumerate() {
                let (pixel, channel) = (pixels[i / channels], i % channels);
                let sum: f32 = (0..taps).map(|tap| value(pixel, tap, channel) * weights[channel * taps + tap]).sum();
                assert_eq!(*y, (sum + 0.5).max(0.0), "{channels} channels, value {i}");
            }

            let d = filled(pixels.len() * channels, 3);
            let mut sums = vec![1.0; taps * padded(channels)];
            accumulate(x.view(), &windows, d.view(), &to_at, channels, &mut sums, pixels.len());
            for (tap, sums) in sums.chunks_exact(padded(channels)).enumerate() {
                for (channel, got) in sums[..channels].iter().enumerate() {
                    let products = pixels.iter().enumerate();
                    let products = products.map(|(i, p)| value(*p, tap, channel) * d[i * channels + channel]);
                    assert_eq!(*got, 1.0 + products.sum::<f32>(), "{channels} channels, tap {tap} of {channel}");
                }
            }
        }
    }
}
