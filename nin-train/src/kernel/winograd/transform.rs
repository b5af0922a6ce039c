//! The transforms of Winograd's minimal filtering, of rows or columns of vectors.

#![allow(clippy::needless_range_loop)] // `for i in 0..M` over registers: unrolled

use super::tile::SIDE;
use crate::kernel::simd::Simd;

/// The scale of a kernel's values at the points 0, 1, −1, 2, −2 and ∞.
const SCALES: [f32; SIDE] = [1.0 / 4.0, -1.0 / 6.0, -1.0 / 6.0, 1.0 / 24.0, 1.0 / 24.0, 1.0];

/// A transform of one row or column of vectors.
pub(super) trait Transform<S: Simd, const I: usize, const O: usize> {
    fn apply(simd: S, x: [S::Vector; I]) -> [S::Vector; O];
}

/// Bᵀ d: the coefficients of the polynomials that are 0 at all points but one.
pub(super) struct Input;

impl<S: Simd> Transform<S, SIDE, SIDE> for Input {
    #[inline(always)]
    fn apply(simd: S, d: [S::Vector; SIDE]) -> [S::Vector; SIDE] {
        let [minus, two, four, minus_four, minus_five] = [-1.0, 2.0, 4.0, -4.0, -5.0].map(|value| simd.splat(value));
        let (even, odd) = (simd.fma(minus_four, d[2], d[4]), simd.fma(minus_four, d[1], d[3]));
        let (even2, half2) = (simd.fma(minus, d[2], d[4]), simd.fma(minus, d[1], d[3]));
        [
            simd.fma(four, d[0], simd.fma(minus_five, d[2], d[4])),
            simd.add(even, odd),
            simd.fma(minus, odd, even),
            simd.fma(two, half2, even2),
            simd.fma(simd.splat(-2.0), half2, even2),
            simd.fma(four, d[1], simd.fma(minus_five, d[3], d[5])),
        ]
    }
}

/// A dy: the values at the points of the polynomial with these coefficients; at ∞, the highest coefficient.
pub(super) struct Values;

impl<S: Simd, const M: usize> Transform<S, M, SIDE> for Values {
    #[inline(always)]
    fn apply(simd: S, dy: [S::Vector; M]) -> [S::Vector; SIDE] {
        let zero = simd.splat(0.0);
        let (mut even, mut odd, mut even2, mut odd2) = (dy[0], dy[1], dy[0], simd.fma(simd.splat(2.0), dy[1], zero));
        for n in 2..M {
            let scale = simd.splat((1 << n) as f32);
            if n % 2 == 0 {
                (even, even2) = (simd.add(even, dy[n]), simd.fma(scale, dy[n], even2));
            } else {
                (odd, odd2) = (simd.add(odd, dy[n]), simd.fma(scale, dy[n], odd2));
            }
        }
        let minus = simd.splat(-1.0);
        let [less, less2] = [simd.fma(minus, odd, even), simd.fma(minus, odd2, even2)];
        [dy[0], simd.add(even, odd), less, simd.add(even2, odd2), less2, dy[M - 1]]
    }
}

/// Aᵀ m: for each power, the sum over the points of the power times the value; ∞ adds to the highest only.
pub(super) struct Powers;

impl<S: Simd, const N: usize> Transform<S, SIDE, N> for Powers {
    #[inline(always)]
    fn apply(simd: S, m: [S::Vector; SIDE]) -> [S::Vector; N] {
        let minus = simd.splat(-1.0);
        let (sum, sum2) = (simd.add(m[1], m[2]), simd.add(m[3], m[4]));
        let (difference, difference2) = (simd.fma(minus, m[2], m[1]), simd.fma(minus, m[4], m[3]));
        let mut powers = [simd.add(m[0], simd.add(sum, sum2)); N];
        for n in 1..N {
            let scale = simd.splat((1 << n) as f32);
            powers[n] = if n % 2 == 0 { simd.fma(scale, sum2, sum) } else { simd.fma(scale, difference2, difference) };
        }
        powers[N - 1] = simd.add(powers[N - 1], m[5]);
        powers
    }
}

/// Gᵀ s.
pub(super) struct Gradient;

impl<S: Simd, const R: usize> Transform<S, SIDE, R> for Gradient {
    #[inline(always)]
    fn apply(simd: S, s: [S::Vector; SIDE]) -> [S::Vector; R] {
        <Powers as Transform<S, SIDE, R>>::apply(simd, scaled(simd, s))
    }
}

/// G g.
pub(super) struct Kernel;

impl<S: Simd, const R: usize> Transform<S, R, SIDE> for Kernel {
    #[inline(always)]
    fn apply(simd: S, g: [S::Vector; R]) -> [S::Vector; SIDE] {
        scaled(simd, <Values as Transform<S, R, SIDE>>::apply(simd, g))
    }
}

#[inline(always)]
fn scaled<S: Simd>(simd: S, mut values: [S::Vector; SIDE]) -> [S::Vector; SIDE] {
    for point in 0..SIDE {
        values[point] = simd.fma(simd.splat(SCALES[point]), values[point], simd.splat(0.0));
    }
    values
}

/// Returns a transform of the rows, then of the columns, of `read(row, column)`; `write` receives the results, column
/// by column.
#[inline(always)]
pub(super) fn both<S: Simd, T: Transform<S, I, O>, const I: usize, const O: usize>(
    simd: S,
    read: impl Fn(usize, usize) -> S::Vector,
    mut write: impl FnMut(usize, usize, S::Vector),
) {
    let zero = simd.splat(0.0);
    let mut half = [[zero; O]; I];
    for row in 0..I {
        let mut x = [zero; I];
        for column in 0..I {
            x[column] = read(row, column);
        }
        half[row] = T::apply(simd, x);
    }
    for column in 0..O {
        let mut x = [zero; I];
        for row in 0..I {
            x[row] = half[row][column];
        }
        let y = T::apply(simd, x);
        for row in 0..O {
            write(row, column, y[row]);
        }
    }
}
