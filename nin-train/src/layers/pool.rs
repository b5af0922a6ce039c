//! Maximum and average pooling.

use nin_core::spec::Window;

use super::Map;
use crate::kernel::vectorized;

/// Rows or columns of the input that window `index` covers, padding left out: start and end.
#[inline(always)]
fn covered(window: Window, index: usize, length: usize) -> (usize, usize) {
    let start = index * window.stride as usize;
    let padding = window.padding as usize;
    (start.saturating_sub(padding), (start + window.kernel as usize - padding).min(length))
}

/// Maximum pooling. Of equal values the first counts, row by row; a NaN counts as the largest.
///
/// ```text
/// forward   y = max over the window of x      chosen: which of its kernel² places
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

/// Channels that a maximum is carried for at once.
const LANES: usize = 32;

impl MaxPool {
    /// `chosen` holds a place for each output, or is empty if no backward pass follows.
    pub(crate) fn forward(&self, x: &[f32], y: &mut [f32], chosen: &mut [u16], images: usize) {
        let (channels, padding) = (self.y.shape.channels as usize, self.window.padding as usize);
        vectorized(
            #[inline(always)]
            || {
                each_window(self.window, &self.x, &self.y, images, |image, pixel, rows, columns| {
                    let (top, left) = self.corner(pixel);
                    let to = &mut y[self.y.at(image, pixel.0, pixel.1)..][..channels];
                    let mut first = 0;
                    while first < channels {
                        let lanes = LANES.min(channels - first);
                        let (mut best, mut place) = ([f32::NEG_INFINITY; LANES], [0u32; LANES]);
                        for row in rows.0..rows.1 {
                            for column in columns.0..columns.1 {
                                let (down, right) = (row + padding - top, column + padding - left);
                                let tap = (down * self.window.kernel as usize + right) as u32;
                                let x = &x[self.x.at(image, row, column) + first..][..lanes];
                                if lanes == LANES {
                                    larger(x, &mut best, &mut place, tap);
                                } else {
                                    larger(x, &mut best[..lanes], &mut place[..lanes], tap);
                                }
                            }
                        }
                        to[first..first + lanes].copy_from_slice(&best[..lanes]);
                        if !chosen.is_empty() {
                            let start = self.index(image, pixel) + first;
                            let chosen = &mut chosen[start..start + lanes];
                            chosen.iter_mut().zip(&place).for_each(|(chosen, place)| *chosen = *place as u16);
                        }
                        first += lanes;
                    }
                });
            },
        );
    }

    /// `dx` must hold zeros.
    pub(crate) fn backward(&self, y: &[f32], dy: &[f32], chosen: &[u16], dx: &mut [f32], images: usize) {
        let (channels, kernel) = (self.y.shape.channels as usize, self.window.kernel as u16);
        let padding = self.window.padding as usize;
        each_window(self.window, &self.x, &self.y, images, |image, pixel, _, _| {
            let y = &y[self.y.at(image, pixel.0, pixel.1)..][..channels];
            let dy = &dy[self.dy.at(image, pixel.0, pixel.1)..][..channels];
            let chosen = &chosen[self.index(image, pixel)..][..channels];
            let (top, left) = self.corner(pixel);
            for c in 0..channels {
                if !self.gated || y[c] > 0.0 {
                    let (row, column) = ((chosen[c] / kernel) as usize, (chosen[c] % kernel) as usize);
                    dx[self.dx.at(image, top + row - padding, left + column - padding) + c] += dy[c];
                }
            }
        });
    }

    #[inline(always)]
    fn index(&self, image: usize, pixel: (usize, usize)) -> usize {
        let shape = self.y.shape;
        ((image * shape.rows as usize + pixel.0) * shape.columns as usize + pixel.1) * shape.channels as usize
    }

    /// Where a window begins, in pixels of the padded input.
    #[inline(always)]
    fn corner(&self, pixel: (usize, usize)) -> (usize, usize) {
        (pixel.0 * self.window.stride as usize, pixel.1 * self.window.stride as usize)
    }
}

#[inline(always)]
fn larger(x: &[f32], best: &mut [f32], place: &mut [u32], tap: u32) {
    for ((x, best), place) in x.iter().zip(best).zip(place) {
        #[allow(clippy::eq_op)] // only a NaN differs from itself
        let larger = *x > *best || x != x;
        *best = if larger { *x } else { *best };
        *place = if larger { tap } else { *place };
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
            let rows = covered(window, row, x.shape.rows.into());
            for column in 0..y.shape.columns as usize {
                work(image, (row, column), rows, covered(window, column, x.shape.columns.into()));
            }
        }
    }
}

/// Average pooling; padding counts as zeros.
///
/// ```text
/// forward   y = Σ x / kernel²
/// backward  dx += dy / kernel²      gated by the ReLU that x came out of
/// ```
pub(crate) struct AvgPool {
    pub(crate) window: Window,
    pub(crate) x: Map,
    pub(crate) y: Map,
    pub(crate) dx: Map,
    pub(crate) dy: Map,
    pub(crate) gated: bool,
}

impl AvgPool {
    fn share(&self) -> f32 {
        1.0 / (f32::from(self.window.kernel) * f32::from(self.window.kernel))
    }

    pub(crate) fn forward(&self, x: &[f32], y: &mut [f32], images: usize) {
        let (channels, share) = (self.y.shape.channels as usize, self.share());
        vectorized(
            #[inline(always)]
            || {
                each_window(self.window, &self.x, &self.y, images, |image, pixel, rows, columns| {
                    let y = &mut y[self.y.at(image, pixel.0, pixel.1)..][..channels];
                    y.fill(0.0);
                    for row in rows.0..rows.1 {
                        for column in columns.0..columns.1 {
                            let x = &x[self.x.at(image, row, column)..][..channels];
                            y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
                        }
                    }
                    y.iter_mut().for_each(|y| *y *= share);
                });
            },
        );
    }

    /// `dx` must hold zeros.
    pub(crate) fn backward(&self, x: &[f32], dy: &[f32], dx: &mut [f32], images: usize) {
        let (channels, share) = (self.y.shape.channels as usize, self.share());
        vectorized(
            #[inline(always)]
            || {
                each_window(self.window, &self.x, &self.y, images, |image, pixel, rows, columns| {
                    let dy = &dy[self.dy.at(image, pixel.0, pixel.1)..][..channels];
                    for row in rows.0..rows.1 {
                        for column in columns.0..columns.1 {
                            let x = &x[self.x.at(image, row, column)..][..channels];
                            let dx = &mut dx[self.dx.at(image, row, column)..][..channels];
                            for ((dx, dy), x) in dx.iter_mut().zip(dy).zip(x) {
                                *dx += if !self.gated || *x > 0.0 { dy * share } else { 0.0 };
                            }
                        }
                    }
                });
            },
        );
    }
}
