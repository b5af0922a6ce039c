//! The hot loops: tiles of sums that live in registers.

#![allow(clippy::needless_range_loop)] // `for i in 0..M` over registers: unrolled, and the same on both sides

#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use super::simd::{Isa, Portable, Simd, isa};
use super::{Buffer, Finish, Panels, View, Windows};

/// f32 lanes of the vectors in use.
pub(super) fn lanes() -> usize {
    match isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => Avx512::LANES,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => Avx2::LANES,
        Isa::Portable => Portable::LANES,
    }
}

/// `to[to_at[p] + n] = finish(Σ_k window(p)[k] · panels(k, n))` for the first `pixels` windows over `from`.
///
/// Each sum runs in the order of a window's values.
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
    // Offsets ascend, so the last one is the farthest.
    let farthest = |at: &[u32]| at[..pixels].last().map_or(0, |last| *last as usize) + panels.columns;
    assert!(farthest(to_at) <= to.len());
    if let Finish::Gate(gate, at) = finish {
        assert!(farthest(at) <= gate.len());
    }
    let job = Multiply { from, windows, panels, finish, to_at, pixels };
    let to = to.as_mut_ptr();
    // SAFETY: `isa` found these features; every address was checked above.
    unsafe {
        match isa() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => multiply_avx512(&job, to),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => multiply_avx2(&job, to),
            Isa::Portable => multiply_with::<Portable, 4, 2, 1>(&job, to),
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

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
unsafe fn multiply_avx512(job: &Multiply, to: *mut f32) {
    // SAFETY: the caller's.
    unsafe { multiply_with::<Avx512, 14, 12, 8>(job, to) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn multiply_avx2(job: &Multiply, to: *mut f32) {
    // SAFETY: the caller's.
    unsafe { multiply_with::<Avx2, 8, 6, 4>(job, to) }
}

/// Panel by panel, so that its weights stay in cache; in tiles of `M1`, `M2` or `M3` pixels by 1, 2 or 3 vectors.
#[inline(always)]
unsafe fn multiply_with<S: Simd, const M1: usize, const M2: usize, const M3: usize>(job: &Multiply, to: *mut f32) {
    for &(first, vectors) in &job.panels.cuts {
        // SAFETY: the caller's.
        unsafe {
            match vectors {
                1 => multiply_panel::<S, M1, 1>(job, first, to),
                2 => multiply_panel::<S, M2, 2>(job, first, to),
                _ => multiply_panel::<S, M3, 3>(job, first, to),
            }
        }
    }
}

#[inline(always)]
unsafe fn multiply_panel<S: Simd, const M: usize, const V: usize>(job: &Multiply, first: usize, to: *mut f32) {
    let mut pixel = 0;
    while pixel < job.pixels {
        // SAFETY: the caller's.
        unsafe {
            match job.pixels - pixel {
                1 => multiply_tile::<S, 1, V>(job, first, pixel, 1, to),
                2..=4 if M > 4 => multiply_tile::<S, 4, V>(job, first, pixel, job.pixels - pixel, to),
                left => multiply_tile::<S, M, V>(job, first, pixel, left.min(M), to),
            }
        }
        pixel += M;
    }
}

/// `M × V` sums; of the pixels only `count` are real, the others repeat the last one and are not stored.
#[inline(always)]
unsafe fn multiply_tile<S: Simd, const M: usize, const V: usize>(
    job: &Multiply,
    first: usize,
    pixel: usize,
    count: usize,
    to: *mut f32,
) {
    let windows = job.windows;
    let from = job.from.with_slack().as_ptr();
    // SAFETY: `multiply` checked the windows' reach, the panels' depth and the results' offsets.
    unsafe {
        let at: [*const f32; M] =
            std::array::from_fn(|i| from.add(*windows.offsets.get_unchecked(pixel + i.min(count - 1)) as usize));
        let mut weights = job.panels.values.as_ptr().add(first * job.panels.depth);
        let mut sums = [[S::splat(0.0); V]; M];
        for row in 0..windows.rows {
            let start = row * windows.step;
            for k in start..start + windows.length {
                let w: [S::Vector; V] = std::array::from_fn(|v| S::load(weights.add(v * S::LANES)));
                weights = weights.add(V * S::LANES);
                for i in 0..M {
                    let x = S::splat(*at[i].add(k));
                    for v in 0..V {
                        sums[i][v] = S::fma(x, w[v], sums[i][v]);
                    }
                }
            }
        }
        let bias: [S::Vector; V] = std::array::from_fn(|v| S::load(job.panels.bias.as_ptr().add(first + v * S::LANES)));
        let columns = job.panels.columns - first;
        if count < M || columns < V * S::LANES {
            // Sums that are reached by a variable index live in memory: only a copy of them, and only here.
            let mut some = [[S::splat(0.0); V]; M];
            for i in 0..M {
                for v in 0..V {
                    some[i][v] = sums[i][v];
                }
            }
            return finish_some::<S, M, V>(job, &some, &bias, first, pixel, count, to);
        }
        let to: [*mut f32; M] = std::array::from_fn(|i| to.add(*job.to_at.get_unchecked(pixel + i) as usize + first));
        match job.finish {
            Finish::Store => {}
            Finish::Bias => {
                for i in 0..M {
                    for v in 0..V {
                        sums[i][v] = S::add(sums[i][v], bias[v]);
                    }
                }
            }
            Finish::BiasRelu => {
                for i in 0..M {
                    for v in 0..V {
                        sums[i][v] = S::relu(S::add(sums[i][v], bias[v]));
                    }
                }
            }
            Finish::Gate(gate, gate_at) => {
                for i in 0..M {
                    let gate = gate.as_ptr().add(*gate_at.get_unchecked(pixel + i) as usize + first);
                    for v in 0..V {
                        sums[i][v] = S::gate(sums[i][v], S::load(gate.add(v * S::LANES)));
                    }
                }
            }
        }
        for i in 0..M {
            for v in 0..V {
                S::store(to[i].add(v * S::LANES), sums[i][v]);
            }
        }
    }
}

/// What [`multiply_tile`] does at the end, for a tile at the edge: the first `count` pixels, and no column too many.
#[inline(always)]
unsafe fn finish_some<S: Simd, const M: usize, const V: usize>(
    job: &Multiply,
    sums: &[[S::Vector; V]; M],
    bias: &[S::Vector; V],
    first: usize,
    pixel: usize,
    count: usize,
    to: *mut f32,
) {
    // SAFETY: the caller's.
    unsafe {
        let columns = job.panels.columns - first;
        for v in 0..V {
            let column = v * S::LANES;
            let lanes = (columns - column).min(S::LANES);
            for i in 0..count {
                let sum = match job.finish {
                    Finish::Store => sums[i][v],
                    Finish::Bias => S::add(sums[i][v], bias[v]),
                    Finish::BiasRelu => S::relu(S::add(sums[i][v], bias[v])),
                    Finish::Gate(gate, gate_at) => {
                        let at = *gate_at.get_unchecked(pixel + i) as usize + first + column;
                        S::gate(sums[i][v], S::load_part(gate.as_ptr().add(at), lanes))
                    }
                };
                S::store_part(to.add(*job.to_at.get_unchecked(pixel + i) as usize + first + column), sum, lanes);
            }
        }
    }
}

/// Columns of a sum that [`accumulate`] makes, with their padding: a whole number of vectors.
pub(crate) fn padded(columns: usize) -> usize {
    columns.div_ceil(16) * 16
}

/// `sums[k][n] += Σ_p window(p)[k] · d[d_at[p] + n]` over the first `pixels` windows over `from`, in their order
/// block by block; `sums` has [`padded`] columns, of which the padding holds nothing of use.
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
    assert!(d_at[..pixels].last().map_or(0, |last| *last as usize) + columns <= d.len());
    assert!(sums.len() >= windows.depth() * padded(columns) && packed.len() >= SCRATCH);
    let job = Accumulate { from, windows, d, d_at, columns };
    // SAFETY: `isa` found these features; every address was checked above, and reads beyond a tile's own values
    // stay within the room behind a `Buffer`.
    unsafe {
        match isa() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => accumulate_avx512(&job, sums, packed, pixels),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => accumulate_avx2(&job, sums, packed, pixels),
            Isa::Portable => accumulate_with::<Portable, 4, 4, 2>(&job, sums, packed, pixels),
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

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
unsafe fn accumulate_avx512(job: &Accumulate, sums: &mut [f32], packed: &mut Buffer, pixels: usize) {
    // SAFETY: the caller's.
    unsafe { accumulate_with::<Avx512, 12, 6, 4>(job, sums, packed, pixels) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn accumulate_avx2(job: &Accumulate, sums: &mut [f32], packed: &mut Buffer, pixels: usize) {
    // SAFETY: the caller's.
    unsafe { accumulate_with::<Avx2, 6, 4, 2>(job, sums, packed, pixels) }
}

/// In blocks of pixels, panels of two vectors of columns, and tiles of `L`, `M` or `N` entries of the window.
#[inline(always)]
unsafe fn accumulate_with<S: Simd, const L: usize, const M: usize, const N: usize>(
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
                    accumulate_panel::<S, L, M, N, 2>(job, sums, packed, start, count, column);
                } else {
                    accumulate_panel::<S, L, M, N, 1>(job, sums, packed, start, count, column);
                }
            }
            start += count;
        }
        column += 2 * S::LANES;
    }
}

#[inline(always)]
unsafe fn accumulate_panel<S: Simd, const L: usize, const M: usize, const N: usize, const V: usize>(
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
        // Gradients a large power of two apart would fight for the same few sets of the cache: pack them.
        let pack = job.columns > 64;
        let d = job.d.with_slack().as_ptr().add(column);
        if pack {
            let to = packed.as_mut_ptr();
            for p in 0..count {
                let from = d.add(*job.d_at.get_unchecked(start + p) as usize);
                for v in 0..V {
                    S::store(to.add((p * V + v) * S::LANES), S::load(from.add(v * S::LANES)));
                }
            }
        }
        let pixels = Pixels {
            at: job.windows.offsets.as_ptr().add(start),
            d_at: job.d_at.as_ptr().add(start),
            d: if pack { packed.as_ptr() } else { d },
            pack,
            count,
        };
        for row in 0..job.windows.rows {
            let from = job.from.with_slack().as_ptr().add(row * job.windows.step);
            let mut k = 0;
            while k < job.windows.length {
                let left = job.windows.length - k;
                let sums = sums.as_mut_ptr().add((row * job.windows.length + k) * wide + column);
                match left {
                    _ if left <= N => accumulate_tile::<S, N, V>(&pixels, from.add(k), sums, wide, left),
                    _ if left <= M => accumulate_tile::<S, M, V>(&pixels, from.add(k), sums, wide, left),
                    _ => accumulate_tile::<S, L, V>(&pixels, from.add(k), sums, wide, left.min(L)),
                }
                k += L;
            }
        }
    }
}

struct Pixels {
    at: *const u32,
    d_at: *const u32,
    d: *const f32,
    pack: bool,
    count: usize,
}

/// `M × V` sums over a block's pixels; of the window's entries only `real` are stored.
#[inline(always)]
unsafe fn accumulate_tile<S: Simd, const M: usize, const V: usize>(
    pixels: &Pixels,
    from: *const f32,
    to: *mut f32,
    wide: usize,
    real: usize,
) {
    // SAFETY: the caller's; entries past a window's row and lanes past a gradient's columns are read, from the
    // next values of the map or the room behind it, and not stored.
    unsafe {
        let mut sums = [[S::splat(0.0); V]; M];
        for p in 0..pixels.count {
            let d =
                if pixels.pack { pixels.d.add(p * V * S::LANES) } else { pixels.d.add(*pixels.d_at.add(p) as usize) };
            let d: [S::Vector; V] = std::array::from_fn(|v| S::load(d.add(v * S::LANES)));
            let x = from.add(*pixels.at.add(p) as usize);
            for i in 0..M {
                let x = S::splat(*x.add(i));
                for v in 0..V {
                    sums[i][v] = S::fma(x, d[v], sums[i][v]);
                }
            }
        }
        for i in 0..M {
            if i < real {
                for v in 0..V {
                    let to = to.add(i * wide + v * S::LANES);
                    S::store(to, S::add(S::load(to), sums[i][v]));
                }
            }
        }
    }
}
