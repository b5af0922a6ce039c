//! The transforms of Winograd's minimal filtering, of rows or columns of vectors.

#![allow(clippy::needless_range_loop)] // `for i in 0..M` over registers: unrolled

use super::SIDE;
use crate::kernel::simd::Simd;

/// What a kernel's values at the points 0, 1, −1, 2, −2 and ∞ are scaled by.
const SCALES: [f32; SIDE] = [1.0 / 4.0, -1.0 / 6.0, -1.0 / 6.0, 1.0 / 24.0, 1.0 / 24.0, 1.0];

/// A transform of one row or column of vectors.
///
/// # Safety
///
/// The processor must have the instruction set of `S`.
pub(super) trait Transform<S: Simd, const I: usize, const O: usize> {
    unsafe fn apply(x: [S::Vector; I]) -> [S::Vector; O];
}

/// Bᵀ d: the coefficients of the polynomials that are 0 at all points but one.
pub(super) struct Input;

impl<S: Simd> Transform<S, SIDE, SIDE> for Input {
    #[inline(always)]
    unsafe fn apply(d: [S::Vector; SIDE]) -> [S::Vector; SIDE] {
        // SAFETY: the caller's.
        unsafe {
            let [minus, two, four, minus_four, minus_five] = [-1.0, 2.0, 4.0, -4.0, -5.0].map(|value| S::splat(value));
            let (even, odd) = (S::fma(minus_four, d[2], d[4]), S::fma(minus_four, d[1], d[3]));
            let (even2, half2) = (S::fma(minus, d[2], d[4]), S::fma(minus, d[1], d[3]));
            [
                S::fma(four, d[0], S::fma(minus_five, d[2], d[4])),
                S::add(even, odd),
                S::fma(minus, odd, even),
                S::fma(two, half2, even2),
                S::fma(S::splat(-2.0), half2, even2),
                S::fma(four, d[1], S::fma(minus_five, d[3], d[5])),
            ]
        }
    }
}

/// A dy: the values at the points of the polynomial with these coefficients, of ∞ the highest coefficient.
pub(super) struct Values;

impl<S: Simd, const M: usize> Transform<S, M, SIDE> for Values {
    #[inline(always)]
    unsafe fn apply(dy: [S::Vector; M]) -> [S::Vector; SIDE] {
        // SAFETY: the caller's.
        unsafe {
            let zero = S::splat(0.0);
            let (mut even, mut odd, mut even2, mut odd2) = (dy[0], dy[1], dy[0], S::fma(S::splat(2.0), dy[1], zero));
            for n in 2..M {
                let scale = S::splat((1 << n) as f32);
                if n % 2 == 0 {
                    (even, even2) = (S::add(even, dy[n]), S::fma(scale, dy[n], even2));
                } else {
                    (odd, odd2) = (S::add(odd, dy[n]), S::fma(scale, dy[n], odd2));
                }
            }
            let minus = S::splat(-1.0);
            let [less, less2] = [S::fma(minus, odd, even), S::fma(minus, odd2, even2)];
            [dy[0], S::add(even, odd), less, S::add(even2, odd2), less2, dy[M - 1]]
        }
    }
}

/// Aᵀ m: the sums over the points of each of their powers, of ∞ the highest.
pub(super) struct Powers;

impl<S: Simd, const N: usize> Transform<S, SIDE, N> for Powers {
    #[inline(always)]
    unsafe fn apply(m: [S::Vector; SIDE]) -> [S::Vector; N] {
        // SAFETY: the caller's.
        unsafe {
            let minus = S::splat(-1.0);
            let (sum, sum2) = (S::add(m[1], m[2]), S::add(m[3], m[4]));
            let (difference, difference2) = (S::fma(minus, m[2], m[1]), S::fma(minus, m[4], m[3]));
            let mut powers = [S::add(m[0], S::add(sum, sum2)); N];
            for n in 1..N {
                let scale = S::splat((1 << n) as f32);
                powers[n] = if n % 2 == 0 { S::fma(scale, sum2, sum) } else { S::fma(scale, difference2, difference) };
            }
            powers[N - 1] = S::add(powers[N - 1], m[5]);
            powers
        }
    }
}

/// Gᵀ s.
pub(super) struct Gradient;

impl<S: Simd, const R: usize> Transform<S, SIDE, R> for Gradient {
    #[inline(always)]
    unsafe fn apply(s: [S::Vector; SIDE]) -> [S::Vector; R] {
        // SAFETY: the caller's.
        unsafe { <Powers as Transform<S, SIDE, R>>::apply(scaled::<S>(s)) }
    }
}

/// G g.
pub(super) struct Kernel;

impl<S: Simd, const R: usize> Transform<S, R, SIDE> for Kernel {
    #[inline(always)]
    unsafe fn apply(g: [S::Vector; R]) -> [S::Vector; SIDE] {
        // SAFETY: the caller's.
        unsafe { scaled::<S>(<Values as Transform<S, R, SIDE>>::apply(g)) }
    }
}

#[inline(always)]
unsafe fn scaled<S: Simd>(mut values: [S::Vector; SIDE]) -> [S::Vector; SIDE] {
    for point in 0..SIDE {
        // SAFETY: the caller's.
        values[point] = unsafe { S::fma(S::splat(SCALES[point]), values[point], S::splat(0.0)) };
    }
    values
}

/// A transform of rows, then of columns, of what `read(row, column)` gives; `write` sees the results place by place of a
/// column.
#[inline(always)]
pub(super) unsafe fn both<S: Simd, T: Transform<S, I, O>, const I: usize, const O: usize>(
    read: impl Fn(usize, usize) -> S::Vector,
    mut write: impl FnMut(usize, usize, S::Vector),
) {
    // SAFETY: the caller's.
    unsafe {
        let zero = S::splat(0.0);
        let mut half = [[zero; O]; I];
        for row in 0..I {
            let mut x = [zero; I];
            for column in 0..I {
                x[column] = read(row, column);
            }
            half[row] = T::apply(x);
        }
        for column in 0..O {
            let mut x = [zero; I];
            for row in 0..I {
                x[row] = half[row][column];
            }
            let y = T::apply(x);
            for row in 0..O {
                write(row, column, y[row]);
            }
        }
    }
}
