//! Multiplies 8-bit windows by weights packed by sixteen, with vector instructions of x86-64.
//!
//! Sixteen outputs of a pixel are one vector of sums (two with AVX2). A word of four inputs, broadcast to all lanes, is
//! multiplied by four weights of each output: in one instruction with AVX-512 VNNI; with AVX2 as pairs of 16 bits, the
//! even bytes and the odd ones, because its product of bytes saturates.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::layer::PackedLayer;
use crate::kernel::isa::Isa;

/// Computes a layer for a tile of pixels. Returns `false`, and computes nothing, if there is no kernel for `isa`.
///
/// The windows follow each other, `layer.fan_in` bytes each.
#[inline]
pub fn layer(isa: Isa, layer: &PackedLayer<'_>, windows: &[u8], pixels: usize, out: &mut [u8]) -> bool {
    match isa {
        // SAFETY: `Isa` says that the processor has AVX-512 with VNNI.
        Isa::Vnni => unsafe { vnni(layer, windows, pixels, out) },
        // SAFETY: `Isa` says that the processor has AVX2.
        Isa::Avx512 | Isa::Avx2 => unsafe { avx2(layer, windows, pixels, out) },
        Isa::Portable => return false,
    }
    true
}

/// N windows as words of four inputs.
///
/// Pointers rather than slices: with slices the compiler emits scatters, which cost more than short windows.
#[derive(Clone, Copy)]
struct Words<'a, const N: usize> {
    windows: &'a [u8],
    fan_in: usize,
}

impl<'a, const N: usize> Words<'a, N> {
    #[inline(always)]
    fn new(windows: &'a [u8], fan_in: usize) -> Self {
        Words { windows: &windows[..N * fan_in], fan_in }
    }

    /// Returns word `k` of a window.
    ///
    /// # Safety
    ///
    /// `pixel` must be below N, and `4 * k + 3` below the fan-in.
    #[inline(always)]
    unsafe fn at(self, pixel: usize, k: usize) -> i32 {
        debug_assert!(pixel < N && 4 * k + 3 < self.fan_in);
        // SAFETY: the slice has N times the fan-in; the caller stays within that.
        unsafe { self.windows.as_ptr().add(pixel * self.fan_in + 4 * k).cast::<i32>().read_unaligned() }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn vnni(layer: &PackedLayer<'_>, windows: &[u8], pixels: usize, out: &mut [u8]) {
    match pixels {
        1 => vnni_tile::<1>(layer, windows, out),
        2 => vnni_tile::<2>(layer, windows, out),
        3 => vnni_tile::<3>(layer, windows, out),
        _ => vnni_tile::<4>(layer, windows, out),
    }
}

/// Computes N pixels, as many groups of outputs at a time as fit the registers.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn vnni_tile<const N: usize>(layer: &PackedLayer<'_>, windows: &[u8], out: &mut [u8]) {
    let groups = layer.outputs.div_ceil(16);
    for first in (0..groups).step_by(4) {
        match groups - first {
            1 => vnni_groups::<N, 1>(layer, first, windows, out),
            2 => vnni_groups::<N, 2>(layer, first, windows, out),
            3 => vnni_groups::<N, 3>(layer, first, windows, out),
            _ => vnni_groups::<N, 4>(layer, first, windows, out),
        }
    }
}

/// Computes N pixels and G groups of outputs from `first` on.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn vnni_groups<const N: usize, const G: usize>(layer: &PackedLayer<'_>, first: usize, windows: &[u8], out: &mut [u8]) {
    let words = Words::<N>::new(windows, layer.fan_in);
    let fours = layer.fan_in / 4;
    let weights = layer.weights(first, G).as_ptr();
    let mut sums = [[_mm512_setzero_si512(); N]; G];
    for (group, sums) in sums.iter_mut().enumerate() {
        *sums = [load512(layer.parameters(0, first + group)); N];
    }
    for k in 0..fours {
        for (group, sums) in sums.iter_mut().enumerate() {
            // SAFETY: the slice has G times as many blocks.
            let weights = load512(unsafe { &*weights.add(group * fours + k) });
            for (pixel, sum) in sums.iter_mut().enumerate() {
                // SAFETY: there are as many sums as windows, and as many words in a window.
                let x = unsafe { words.at(pixel, k) };
                *sum = _mm512_dpbusd_epi32(*sum, _mm512_set1_epi32(x), weights);
            }
        }
    }
    let unsigned = is_unsigned(layer);
    for (group, sums) in (first..).zip(sums) {
        let end = End512::new(layer, group);
        let count = (layer.outputs - 16 * group).min(16);
        for (pixel, sum) in sums.into_iter().enumerate() {
            let bytes = if unsigned { end.requantise::<false>(sum) } else { end.requantise::<true>(sum) };
            store(&mut out[pixel * layer.outputs + 16 * group..][..count], bytes);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load512<T: bytemuck::Pod, const N: usize>(values: &[T; N]) -> __m512i {
    const { assert!(size_of::<[T; N]>() == 64) };
    // SAFETY: the array is as long as the vector.
    unsafe { _mm512_loadu_si512(values.as_ptr().cast()) }
}

/// Stores at most sixteen bytes.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl")]
fn store(out: &mut [u8], values: __m128i) {
    let mask = if out.len() < 16 { (1 << out.len()) - 1 } else { u16::MAX };
    // SAFETY: the mask has no bit past the slice.
    unsafe { _mm_mask_storeu_epi8(out.as_mut_ptr().cast(), mask, values) };
}

/// Returns whether the output's zero point is 0 and its range all bytes, as without zero points. Then rounding and clamping
/// need fewer instructions.
#[inline(always)]
fn is_unsigned(layer: &PackedLayer<'_>) -> bool {
    layer.zero == 0 && layer.range == (0, 255)
}

/// The requantisation parameters of sixteen outputs.
struct End512 {
    multipliers: __m512i,
    odd_multipliers: __m512i,
    halves: __m512i,
    shifts: __m512i,
    zero: __m512i,
    least: __m512i,
    most: __m512i,
}

impl End512 {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(layer: &PackedLayer<'_>, group: usize) -> Self {
        let multipliers = load512(layer.parameters(1, group));
        let shifts = _mm512_and_si512(load512(layer.parameters(2, group)), _mm512_set1_epi32(31));
        let halves = _mm512_srli_epi32::<1>(_mm512_sllv_epi32(_mm512_set1_epi32(1), shifts));
        End512 {
            multipliers,
            odd_multipliers: _mm512_srli_epi64::<32>(multipliers),
            halves,
            shifts,
            zero: _mm512_set1_epi32(layer.zero),
            least: _mm512_set1_epi32(layer.range.0),
            most: _mm512_set1_epi32(layer.range.1),
        }
    }

    /// [`finish`](super::layer::finish) of each lane. Without `ZEROS` for layers that [`is_unsigned`] accepts: of them, all
    /// values up to 0 become 0, so it does not matter to which side halves below 0 are rounded.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn requantise<const ZEROS: bool>(&self, sums: __m512i) -> __m128i {
        // Products of even lanes and of odd ones, 64 bits each; the result is the 32 bits from bit 31 on.
        let round = _mm512_set1_epi64(1 << 30);
        let even = _mm512_add_epi64(_mm512_mul_epi32(sums, self.multipliers), round);
        let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(sums), self.odd_multipliers);
        let odd = _mm512_slli_epi64::<1>(_mm512_add_epi64(odd, round));
        let high = _mm512_mask_mov_epi32(_mm512_srli_epi64::<31>(even), 0xaaaa, odd);
        if !ZEROS {
            let rounded = _mm512_srav_epi32(_mm512_add_epi32(high, self.halves), self.shifts);
            return _mm512_cvtusepi32_epi8(_mm512_max_epi32(rounded, _mm512_setzero_si512()));
        }
        let halves = _mm512_add_epi32(self.halves, _mm512_srai_epi32::<31>(high));
        let rounded = _mm512_srav_epi32(_mm512_add_epi32(high, halves), self.shifts);
        let value = _mm512_add_epi32(rounded, self.zero);
        _mm512_cvtepi32_epi8(_mm512_min_epi32(_mm512_max_epi32(value, self.least), self.most))
    }
}

#[target_feature(enable = "avx2")]
fn avx2(layer: &PackedLayer<'_>, windows: &[u8], pixels: usize, out: &mut [u8]) {
    match pixels {
        1 => avx2_tile::<1>(layer, windows, out),
        2 => avx2_tile::<2>(layer, windows, out),
        3 => avx2_tile::<3>(layer, windows, out),
        _ => avx2_tile::<4>(layer, windows, out),
    }
}

/// Computes N pixels, one group of outputs at a time: as two vectors, or as one if the second half would be padding.
#[target_feature(enable = "avx2")]
fn avx2_tile<const N: usize>(layer: &PackedLayer<'_>, windows: &[u8], out: &mut [u8]) {
    for first in (0..layer.outputs).step_by(16) {
        match layer.outputs - first {
            1..=8 => avx2_eights::<N, 1>(layer, first, windows, out),
            _ => avx2_eights::<N, 2>(layer, first, windows, out),
        }
    }
}

/// Computes N pixels and E times eight outputs of the group that begins at `first`.
#[target_feature(enable = "avx2")]
fn avx2_eights<const N: usize, const E: usize>(layer: &PackedLayer<'_>, first: usize, windows: &[u8], out: &mut [u8]) {
    let words = Words::<N>::new(windows, layer.fan_in);
    let group = first / 16;
    let eight = |row, half| load256(&layer.parameters(row, group).as_chunks::<8>().0[half]);
    let low = _mm256_set1_epi16(0xff);
    let mut sums = [[_mm256_setzero_si256(); E]; N];
    for sums in &mut sums {
        for (half, sum) in sums.iter_mut().enumerate() {
            *sum = eight(0, half);
        }
    }
    for (k, weights) in layer.weights(group, 1).iter().enumerate() {
        let mut even_weights = [_mm256_setzero_si256(); E];
        let mut odd_weights = even_weights;
        for half in 0..E {
            let weights = load256(&weights.as_chunks::<32>().0[half]);
            even_weights[half] = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(weights));
            odd_weights[half] = _mm256_srai_epi16::<8>(weights);
        }
        for (pixel, sums) in sums.iter_mut().enumerate() {
            // SAFETY: there are as many sums as windows, and as many words in a window.
            let x = _mm256_set1_epi32(unsafe { words.at(pixel, k) });
            let (even_x, odd_x) = (_mm256_and_si256(x, low), _mm256_srli_epi16::<8>(x));
            for (half, sum) in sums.iter_mut().enumerate() {
                let even = _mm256_madd_epi16(even_x, even_weights[half]);
                let odd = _mm256_madd_epi16(odd_x, odd_weights[half]);
                *sum = _mm256_add_epi32(*sum, _mm256_add_epi32(even, odd));
            }
        }
    }
    let unsigned = is_unsigned(layer);
    for half in 0..E {
        let first = first + 8 * half;
        let end = End256::new(layer, eight(1, half), eight(2, half));
        let count = (layer.outputs - first).min(8);
        for (pixel, sums) in sums.iter().enumerate() {
            let sums = sums[half];
            let values = if unsigned { end.requantise::<false>(sums) } else { end.requantise::<true>(sums) };
            out[pixel * layer.outputs + first..][..count].copy_from_slice(&values[..count]);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load256<T: bytemuck::Pod, const N: usize>(values: &[T; N]) -> __m256i {
    const { assert!(size_of::<[T; N]>() == 32) };
    // SAFETY: the array is as long as the vector.
    unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
}

/// The requantisation parameters of eight outputs.
struct End256 {
    multipliers: __m256i,
    odd_multipliers: __m256i,
    halves: __m256i,
    shifts: __m256i,
    zero: __m256i,
    least: __m256i,
    most: __m256i,
}

impl End256 {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(layer: &PackedLayer<'_>, multipliers: __m256i, shifts: __m256i) -> Self {
        let shifts = _mm256_and_si256(shifts, _mm256_set1_epi32(31));
        let halves = _mm256_srli_epi32::<1>(_mm256_sllv_epi32(_mm256_set1_epi32(1), shifts));
        End256 {
            multipliers,
            odd_multipliers: _mm256_srli_epi64::<32>(multipliers),
            halves,
            shifts,
            zero: _mm256_set1_epi32(layer.zero),
            least: _mm256_set1_epi32(layer.range.0),
            most: _mm256_set1_epi32(layer.range.1),
        }
    }

    /// Requantises each lane, as [`End512::requantise`] does.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn requantise<const ZEROS: bool>(&self, sums: __m256i) -> [u8; 8] {
        let round = _mm256_set1_epi64x(1 << 30);
        let even = _mm256_add_epi64(_mm256_mul_epi32(sums, self.multipliers), round);
        let odd = _mm256_mul_epi32(_mm256_srli_epi64::<32>(sums), self.odd_multipliers);
        let odd = _mm256_slli_epi64::<1>(_mm256_add_epi64(odd, round));
        let high = _mm256_blend_epi32::<0xaa>(_mm256_srli_epi64::<31>(even), odd);
        // Clamped before it is narrowed, because the second narrowing instruction reads signed values.
        let values = if ZEROS {
            let halves = _mm256_add_epi32(self.halves, _mm256_srai_epi32::<31>(high));
            let rounded = _mm256_srav_epi32(_mm256_add_epi32(high, halves), self.shifts);
            let value = _mm256_add_epi32(rounded, self.zero);
            _mm256_min_epi32(_mm256_max_epi32(value, self.least), self.most)
        } else {
            let rounded = _mm256_srav_epi32(_mm256_add_epi32(high, self.halves), self.shifts);
            _mm256_max_epi32(_mm256_min_epi32(rounded, _mm256_set1_epi32(255)), _mm256_setzero_si256())
        };
        let words = _mm_packus_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256::<1>(values));
        _mm_cvtsi128_si64(_mm_packus_epi16(words, words)).to_ne_bytes()
    }
}
