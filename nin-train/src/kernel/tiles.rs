//! The inner loops: tiles of sums in registers.
#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop)] // `for i in 0..M` over registers: unrolled, and the same on both sides

use std::ptr::NonNull;

use super::operands::farthest;
use super::simd::{Isa, Simd, isa, lanes, start_of, start_of_mut};
use super::{Buffer, Finish, Panels, View, Windows};

/// `to[to_at[p] + n] = finish(Σ_k window(p)[k] · panels(k, n))` for the first `pixels` windows over `from`.
///
/// Each sum is in the order of a window's values.
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
    assert!(windows.reach(pixels) <= from.len() && windows.depth() == panels.depth && panels.lanes == lanes());
    let reach = |at: &[u32]| farthest(&at[..pixels]).map_or(0, |last| last.saturating_add(panels.columns));
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
                || multiply_with::<_, 14, 12, 8>(simd, &job, to),
            ),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(simd) => simd.vectorize(
                #[inline(always)]
                || multiply_with::<_, 8, 6, 4>(simd, &job, to),
            ),
            Isa::Portable(simd) => multiply_with::<_, 4, 2, 1>(simd, &job, to),
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

/// Panel by panel, so that its weights stay in cache; in tiles of `M1`, `M2` or `M3` pixels by 1, 2 or 3 vectors.
#[inline(always)]
unsafe fn multiply_with<S: Simd, const M1: usize, const M2: usize, const M3: usize>(
    simd: S,
    job: &Multiply,
    to: NonNull<f32>,
) {
    for &(first, vectors) in &job.panels.cuts {
        // SAFETY: the caller's.
        unsafe {
            match vectors {
                1 => multiply_panel::<S, M1, 1>(simd, job, first, to),
                2 => multiply_panel::<S, M2, 2>(simd, job, first, to),
                _ => multiply_panel::<S, M3, 3>(simd, job, first, to),
            }
        }
    }
}

#[inline(always)]
unsafe fn multiply_panel<S: Simd, const M: usize, const V: usize>(
    simd: S,
    job: &Multiply,
    first: usize,
    to: NonNull<f32>,
) {
    let mut pixel = 0;
    while pixel < job.pixels {
        // SAFETY: the caller's.
        unsafe {
            match job.pixels - pixel {
                1 => multiply_tile::<S, 1, V>(simd, job, first, pixel, 1, to),
                2..=4 if M > 4 => multiply_tile::<S, 4, V>(simd, job, first, pixel, job.pixels - pixel, to),
                left => multiply_tile::<S, M, V>(simd, job, first, pixel, left.min(M), to),
            }
        }
        pixel += M;
    }
}

/// `M × V` sums; of the pixels only `count` are real, the others repeat the last one and are not stored.
#[inline(always)]
unsafe fn multiply_tile<S: Simd, const M: usize, const V: usize>(
    simd: S,
    job: &Multiply,
    first: usize,
    pixel: usize,
    count: usize,
    to: NonNull<f32>,
) {
    let windows = job.windows;
    let from = start_of(job.from.with_slack());
    // SAFETY: `multiply` checked the windows' reach, the panels' depth and the results' offsets.
    unsafe {
        let at: [NonNull<f32>; M] =
            std::array::from_fn(|i| from.add(*windows.offsets.get_unchecked(pixel + i.min(count - 1)) as usize));
        let mut weights = start_of(&job.panels.values).add(first * job.panels.depth);
        let mut sums = [[simd.splat(0.0); V]; M];
        for row in 0..windows.rows {
            let start = row * windows.step;
            for k in start..start + windows.length {
                let w: [S::Vector; V] = std::array::from_fn(|v| simd.load(weights.add(v * S::LANES)));
                weights = weights.add(V * S::LANES);
                for i in 0..M {
                    let x = simd.splat(*at[i].add(k).as_ref());
                    for v in 0..V {
                        sums[i][v] = simd.fma(x, w[v], sums[i][v]);
                    }
                }
            }
        }
        let columns = job.panels.columns - first;
        if count < M || columns < V * S::LANES {
            // A variable index would force the sums into memory; here it affects only a copy.
            let mut some = [[simd.splat(0.0); V]; M];
            for i in 0..M {
                for v in 0..V {
                    some[i][v] = sums[i][v];
                }
            }
            return finish_some::<S, M, V>(simd, job, &some, first, pixel, count, to);
        }
        let bias: [S::Vector; V] =
            std::array::from_fn(|v| simd.load(start_of(&job.panels.bias).add(first + v * S::LANES)));
        let to: [NonNull<f32>; M] =
            std::array::from_fn(|i| to.add(*job.to_at.get_unchecked(pixel + i) as usize + first));
        match job.finish {
            Finish::Store => {}
            Finish::Bias => {
                for i in 0..M {
                    for v in 0..V {
                        sums[i][v] = simd.add(sums[i][v], bias[v]);
                    }
                }
            }
            Finish::BiasRelu => {
                for i in 0..M {
                    for v in 0..V {
                        sums[i][v] = simd.relu(simd.add(sums[i][v], bias[v]));
                    }
                }
            }
            Finish::Gate(gate, gate_at) => {
                for i in 0..M {
                    let gate = start_of(gate).add(*gate_at.get_unchecked(pixel + i) as usize + first);
                    for v in 0..V {
                        sums[i][v] = simd.gate(sums[i][v], simd.load(gate.add(v * S::LANES)));
                    }
                }
            }
        }
        for i in 0..M {
            for v in 0..V {
                simd.store(to[i].add(v * S::LANES), sums[i][v]);
            }
        }
    }
}

/// Stores a tile at the edge: the first `count` pixels, and no column too many.
#[inline(always)]
unsafe fn finish_some<S: Simd, const M: usize, const V: usize>(
    simd: S,
    job: &Multiply,
    sums: &[[S::Vector; V]; M],
    first: usize,
    pixel: usize,
    count: usize,
    to: NonNull<f32>,
) {
    // SAFETY: the caller's.
    unsafe {
        let columns = job.panels.columns - first;
        for v in 0..V {
            let column = v * S::LANES;
            let lanes = (columns - column).min(S::LANES);
            let bias = simd.load(start_of(&job.panels.bias).add(first + column));
            for i in 0..count {
                let sum = match job.finish {
                    Finish::Store => sums[i][v],
                    Finish::Bias => simd.add(sums[i][v], bias),
                    Finish::BiasRelu => simd.relu(simd.add(sums[i][v], bias)),
                    Finish::Gate(gate, gate_at) => {
                        let at = *gate_at.get_unchecked(pixel + i) as usize + first + column;
                        simd.gate(sums[i][v], simd.load_part(start_of(gate).add(at), lanes))
                    }
                };
                simd.store_part(to.add(*job.to_at.get_unchecked(pixel + i) as usize + first + column), sum, lanes);
            }
        }
    }
}

/// Columns of a sum that [`accumulate`] makes, with their padding: a whole number of vectors.
pub(crate) fn padded(columns: usize) -> usize {
    columns.div_ceil(16) * 16
}

/// `sums[k][n] += Σ_p window(p)[k] · d[d_at[p] + n]` over the first `pixels` windows over `from`, in their order block
/// by block; `sums` has [`padded`] columns, and the contents of the padding are unspecified.
///
/// # Panics
///
/// If a window or a gradient would lie outside its map, or `sums` is too short.
#[allow(clippy::too_many_arguments)] // one product: its operands, and where they stand
pub(crate) fn accumulate(
    from: View,
    windows: &Windows,
    d: View,
    d_at: &[u32],
    columns: usize,
    sums: &mut [f32],
    packed: &mut Buffer,
    pixels: usize,
) {
    if pixels == 0 {
        return;
    }
    assert!(windows.reach(pixels) <= from.len());
    assert!(farthest(&d_at[..pixels]).map_or(0, |last| last.saturating_add(columns)) <= d.len());
    assert!(sums.len() >= windows.depth() * padded(columns) && packed.len() >= SCRATCH);
    let job = Accumulate { from, windows, d, d_at, columns };
    // SAFETY: every address was checked above, and reads beyond a tile's own values stay within the room behind a
    // `Buffer`.
    unsafe {
        match isa() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(simd) => simd.vectorize(
                #[inline(always)]
                || accumulate_with::<_, 12, 6, 4>(simd, &job, sums, packed, pixels),
            ),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(simd) => simd.vectorize(
                #[inline(always)]
                || accumulate_with::<_, 6, 4, 2>(simd, &job, sums, packed, pixels),
            ),
            Isa::Portable(simd) => accumulate_with::<_, 4, 4, 2>(simd, &job, sums, packed, pixels),
        }
    }
}

/// Values that [`accumulate`] needs to pack gradients in.
pub(crate) const SCRATCH: usize = Accumulate::PIXELS * Accumulate::WIDE;

struct Accumulate<'a> {
    from: View<'a>,
    windows: &'a Windows,
    d: View<'a>,
    d_at: &'a [u32],
    columns: usize,
}

impl Accumulate<'_> {
    /// Most pixels in a block.
    const PIXELS: usize = 144;
    /// Most columns of a panel, in values.
    const WIDE: usize = 32;
}

/// In blocks of pixels, panels of two vectors of columns, and tiles of `L`, `M` or `N` entries of the window.
#[inline(always)]
unsafe fn accumulate_with<S: Simd, const L: usize, const M: usize, const N: usize>(
    simd: S,
    job: &Accumulate,
    sums: &mut [f32],
    packed: &mut Buffer,
    pixels: usize,
) {
    // Panel by panel, whose sums stay in L2; within it in blocks of pixels, whose gradients stay in L1.
    let blocks = pixels.div_ceil(Accumulate::PIXELS);
    let block = pixels.div_ceil(blocks);
    let mut column = 0;
    while column < job.columns {
        let vectors = (job.columns - column).div_ceil(S::LANES).min(2);
        let mut start = 0;
        while start < pixels {
            let count = block.min(pixels - start);
            // SAFETY: the caller's.
            unsafe {
                if vectors == 2 {
                    accumulate_panel::<S, L, M, N, 2>(simd, job, sums, packed, start, count, column);
                } else {
                    accumulate_panel::<S, L, M, N, 1>(simd, job, sums, packed, start, count, column);
                }
            }
            start += count;
        }
        column += 2 * S::LANES;
    }
}

#[inline(always)]
unsafe fn accumulate_panel<S: Simd, const L: usize, const M: usize, const N: usize, const V: usize>(
    simd: S,
    job: &Accumulate,
    sums: &mut [f32],
    packed: &mut Buffer,
    start: usize,
    count: usize,
    column: usize,
) {
    let wide = padded(job.columns);
    // SAFETY: `accumulate` checked every window and offset, and that `packed` holds a block.
    unsafe {
        // Gradients at a distance of a large power of two would compete for the same few cache sets, so they are
        // packed.
        let pack = job.columns > 64;
        let d = start_of(job.d.with_slack()).add(column);
        if pack {
            let to = start_of_mut(packed);
            for p in 0..count {
                let from = d.add(*job.d_at.get_unchecked(start + p) as usize);
                for v in 0..V {
                    simd.store(to.add((p * V + v) * S::LANES), simd.load(from.add(v * S::LANES)));
                }
            }
        }
        let pixels = Pixels {
            at: job.windows.offsets.get_unchecked(start..start + count),
            d_at: job.d_at.get_unchecked(start..start + count),
            d: if pack { start_of(packed) } else { d },
            pack,
        };
        for row in 0..job.windows.rows {
            let from = start_of(job.from.with_slack()).add(row * job.windows.step);
            let mut k = 0;
            while k < job.windows.length {
                let left = job.windows.length - k;
                let sums = start_of_mut(sums).add((row * job.windows.length + k) * wide + column);
                match left {
                    _ if left <= N => accumulate_tile::<S, N, V>(simd, &pixels, from.add(k), sums, wide, left),
                    _ if left <= M => accumulate_tile::<S, M, V>(simd, &pixels, from.add(k), sums, wide, left),
                    _ => accumulate_tile::<S, L, V>(simd, &pixels, from.add(k), sums, wide, left.min(L)),
                }
                k += L;
            }
        }
    }
}

struct Pixels<'a> {
    at: &'a [u32],
    d_at: &'a [u32],
    d: NonNull<f32>,
    pack: bool,
}

/// `M × V` sums over a block's pixels; of the window's entries only `real` are stored.
#[inline(always)]
unsafe fn accumulate_tile<S: Simd, const M: usize, const V: usize>(
    simd: S,
    pixels: &Pixels,
    from: NonNull<f32>,
    to: NonNull<f32>,
    wide: usize,
    real: usize,
) {
    // SAFETY: the caller's; entries past a window's row and lanes past a gradient's columns are read, from the
    // next values of the map or the room behind it, and not stored.
    unsafe {
        let mut sums = [[simd.splat(0.0); V]; M];
        for (p, (at, d_at)) in pixels.at.iter().zip(pixels.d_at).enumerate() {
            let d = if pixels.pack { pixels.d.add(p * V * S::LANES) } else { pixels.d.add(*d_at as usize) };
            let d: [S::Vector; V] = std::array::from_fn(|v| simd.load(d.add(v * S::LANES)));
            let x = from.add(*at as usize);
            for i in 0..M {
                let x = simd.splat(*x.add(i).as_ref());
                for v in 0..V {
                    sums[i][v] = simd.fma(x, d[v], sums[i][v]);
                }
            }
        }
        for i in 0..M {
            if i < real {
                for v in 0..V {
                    let to = to.add(i * wide + v * S::LANES);
                    simd.store(to, simd.add(simd.load(to), sums[i][v]));
                }
            }
        }
    }
}
