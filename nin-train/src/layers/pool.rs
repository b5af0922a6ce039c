//! Maximum and average pooling.

use nin_core::spec::{Side, Window};

use super::{Map, round};
use crate::kernel::simd::{self, Simd, Work};
use crate::kernel::vectorized;

/// Returns the rows or columns of the input that window `index` covers, without padding: start and end.
#[inline(always)]
fn covered(side: Side, index: usize, length: usize) -> (usize, usize) {
    let start = index * side.stride as usize;
    let padding = side.padding as usize;
    (start.saturating_sub(padding), (start + side.kernel as usize - padding).min(length))
}

/// Maximum pooling. Of equal values the first one, row by row, is chosen; NaN counts as the largest value.
///
/// ```text
/// forward   y = max over the window of x      chosen: which of its places
/// backward  dx[chosen] += dy                   gated by the ReLU that x came out of: y > 0
/// ```
pub(crate) struct MaxPool {
    pub(crate) window: Window,
    pub(crate) x: Map,
    pub(crate) y: Map,
    pub(crate) dx: Map,
    pub(crate) dy: Map,
    pub(crate) gated: bool,
}

impl MaxPool {
    /// `chosen` holds a place for each output, or is empty if no backward pass follows.
    pub(crate) fn forward(&self, x: &[f32], y: &mut [f32], chosen: &mut [f32], images: usize) {
        simd::run(Forward { pool: self, x, y, chosen, images });
    }

    /// `dx` must hold zeros.
    pub(crate) fn backward(&self, y: &[f32], dy: &[f32], chosen: &[f32], dx: &mut [f32], images: usize) {
        simd::run(Backward { pool: self, y, dy, chosen, dx, images });
    }

    /// Returns the place in a window of a pixel that it covers.
    #[inline(always)]
    fn place(&self, pixel: (usize, usize), row: usize, column: usize) -> f32 {
        let place = |side: Side, at: usize, window: usize| at + side.padding as usize - window * side.stride as usize;
        let down = place(self.window.rows, row, pixel.0);
        let right = place(self.window.columns, column, pixel.1);
        (down * self.window.columns.kernel as usize + right) as f32
    }

    /// Returns the index of an output's place in `chosen`.
    #[inline(always)]
    fn index(&self, image: usize, pixel: (usize, usize)) -> usize {
        let shape = self.y.shape;
        ((image * shape.rows as usize + pixel.0) * shape.columns as usize + pixel.1) * shape.channels as usize
    }
}

struct Forward<'a> {
    pool: &'a MaxPool,
    x: &'a [f32],
    y: &'a mut [f32],
    chosen: &'a mut [f32],
    images: usize,
}

impl Work for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Forward { pool, x, y, chosen, images } = self;
        let channels = pool.y.shape.channels as usize;
        each_window(
            pool.window,
            &pool.x,
            &pool.y,
            images,
            #[inline(always)]
            |image, pixel, rows, columns| {
                let (to, note) = (pool.y.at(image, pixel.0, pixel.1), pool.index(image, pixel));
                let mut first = 0;
                while first < channels {
                    let lanes = S::LANES.min(channels - first);
                    let (mut best, mut place) = (simd.splat(f32::NEG_INFINITY), simd.splat(0.0));
                    for row in rows.0..rows.1 {
                        for column in columns.0..columns.1 {
                            let x = simd.read(&x[pool.x.at(image, row, column) + first..][..lanes]);
                            let larger = simd.above(x, best);
                            best = simd.select(larger, x, best);
                            place = simd.select(larger, simd.splat(pool.place(pixel, row, column)), place);
                        }
                    }
                    simd.write(&mut y[to + first..][..lanes], best);
                    if !chosen.is_empty() {
                        simd.write(&mut chosen[note + first..][..lanes], place);
                    }
                    first += lanes;
                }
            },
        );
    }
}

struct Backward<'a> {
    pool: &'a MaxPool,
    y: &'a [f32],
    dy: &'a [f32],
    chosen: &'a [f32],
    dx: &'a mut [f32],
    images: usize,
}

impl Work for Backward<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Backward { pool, y, dy, chosen, dx, images } = self;
        let channels = pool.y.shape.channels as usize;
        each_window(
            pool.window,
            &pool.x,
            &pool.y,
            images,
            #[inline(always)]
            |image, pixel, rows, columns| {
                let (y_at, dy_at) = (pool.y.at(image, pixel.0, pixel.1), pool.dy.at(image, pixel.0, pixel.1));
                let note = pool.index(image, pixel);
                let mut first = 0;
                while first < channels {
                    let lanes = S::LANES.min(channels - first);
                    let mut d = simd.read(&dy[dy_at + first..][..lanes]);
                    if pool.gated {
                        d = simd.gate(d, simd.read(&y[y_at + first..][..lanes]));
                    }
                    let chosen = simd.read(&chosen[note + first..][..lanes]);
                    for row in rows.0..rows.1 {
                        for column in columns.0..columns.1 {
                            let here = simd.equal(chosen, simd.splat(pool.place(pixel, row, column)));
                            let dx = &mut dx[pool.dx.at(image, row, column) + first..][..lanes];
                            let sum = simd.add(simd.read(dx), simd.select(here, d, simd.splat(0.0)));
                            simd.write(dx, sum);
                        }
                    }
                    first += lanes;
                }
            },
        );
    }
}

#[inline(always)]
fn each_window(
    window: Window,
    x: &Map,
    y: &Map,
    images: usize,
    mut work: impl FnMut(usize, (usize, usize), (usize, usize), (usize, usize)),
) {
    for image in 0..images {
        for row in 0..y.shape.rows as usize {
            let rows = covered(window.rows, row, x.shape.rows.into());
            for column in 0..y.shape.columns as usize {
                work(image, (row, column), rows, covered(window.columns, column, x.shape.columns.into()));
            }
        }
    }
}

/// Average pooling.
///
/// ```text
/// forward   y = Σ x / count         count: the places of the window
/// backward  dx += dy / count        gated by the ReLU that x came out of
/// ```
pub(crate) struct AvgPool {
    pub(crate) window: Window,
    /// Whether padding does not count; otherwise it counts as zeros.
    pub(crate) mean: bool,
    pub(crate) x: Map,
    pub(crate) y: Map,
    pub(crate) dx: Map,
    pub(crate) dy: Map,
    pub(crate) gated: bool,
}

impl AvgPool {
    /// Returns the number of values that are averaged over a window that covers these rows and columns.
    #[inline(always)]
    fn count(&self, rows: (usize, usize), columns: (usize, usize)) -> usize {
        if self.mean { (rows.1 - rows.0) * (columns.1 - columns.0) } else { self.window.pixels() }
    }

    /// Returns the share of each value in the average over such a window.
    #[inline(always)]
    fn share(&self, rows: (usize, usize), columns: (usize, usize)) -> f32 {
        1.0 / self.count(rows, columns) as f32
    }

    pub(crate) fn forward(&self, x: &[f32], y: &mut [f32], images: usize) {
        let channels = self.y.shape.channels as usize;
        vectorized(
            #[inline(always)]
            || {
                each_window(
                    self.window,
                    &self.x,
                    &self.y,
                    images,
                    #[inline(always)]
                    |image, pixel, rows, columns| {
                        let y = &mut y[self.y.at(image, pixel.0, pixel.1)..][..channels];
                        y.fill(0.0);
                        for row in rows.0..rows.1 {
                            for column in columns.0..columns.1 {
                                let x = &x[self.x.at(image, row, column)..][..channels];
                                y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
                            }
                        }
                        let share = self.share(rows, columns);
                        y.iter_mut().for_each(|y| *y *= share);
                    },
                );
            },
        );
    }

    /// Rounds the output of [`AvgPool::forward`], whose inputs were rounded to a grid of this step and zero point.
    pub(crate) fn round(&self, y: &mut [f32], grid: (f32, f32), images: usize) {
        let channels = self.y.shape.channels as usize;
        vectorized(
            #[inline(always)]
            || {
                each_window(
                    self.window,
                    &self.x,
                    &self.y,
                    images,
                    #[inline(always)]
                    |image, pixel, rows, columns| {
                        let y = &mut y[self.y.at(image, pixel.0, pixel.1)..][..channels];
                        round::round_average(y, grid, self.count(rows, columns) as f32);
                    },
                );
            },
        );
    }

    /// `dx` must hold zeros.
    pub(crate) fn backward(&self, x: &[f32], dy: &[f32], dx: &mut [f32], images: usize) {
        let channels = self.y.shape.channels as usize;
        vectorized(
            #[inline(always)]
            || {
                each_window(
                    self.window,
                    &self.x,
                    &self.y,
                    images,
                    #[inline(always)]
                    |image, pixel, rows, columns| {
                        let dy = &dy[self.dy.at(image, pixel.0, pixel.1)..][..channels];
                        let share = self.share(rows, columns);
                        for row in rows.0..rows.1 {
                            for column in columns.0..columns.1 {
                                let x = &x[self.x.at(image, row, column)..][..channels];
                                let dx = &mut dx[self.dx.at(image, row, column)..][..channels];
                                for ((dx, dy), x) in dx.iter_mut().zip(dy).zip(x) {
                                    *dx += if !self.gated || *x > 0.0 { dy * share } else { 0.0 };
                                }
                            }
                        }
                    },
                );
            },
        );
    }
}
