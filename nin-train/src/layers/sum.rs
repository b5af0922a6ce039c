//! The end of a shortcut.

use super::Map;
use super::relu6::BOUND;
use crate::kernel::vectorized;

/// The sum of a body's output and of its shortcut, and what follows it.
///
/// ```text
/// forward   y = activation(x + shortcut)
/// backward  dx = dy, dshortcut = dy      dy: gated by the sum's own activation when it arrives here;
///                                        each gated by the activation that its value came out of
/// ```
pub(crate) struct Sum {
    pub(crate) x: Map,
    pub(crate) shortcut: Map,
    pub(crate) y: Map,
    pub(crate) dx: Map,
    pub(crate) dshortcut: Map,
    pub(crate) dy: Map,
    /// Whether a ReLU or a ReLU6 follows.
    pub(crate) relu: bool,
    /// Whether that is a ReLU6.
    pub(crate) relu6: bool,
    /// Whether the two came out of a ReLU.
    pub(crate) gated: [bool; 2],
}

impl Sum {
    pub(crate) fn forward(&self, x: &[f32], shortcut: &[f32], y: &mut [f32], images: usize) {
        let wide = self.y.shape.row();
        let least = if self.relu { 0.0 } else { f32::NEG_INFINITY };
        let most = if self.relu6 { BOUND } else { f32::INFINITY };
        vectorized(
            #[inline(always)]
            || {
                for image in 0..images {
                    for row in 0..self.y.shape.rows.into() {
                        let x = &x[self.x.at(image, row, 0)..][..wide];
                        let shortcut = &shortcut[self.shortcut.at(image, row, 0)..][..wide];
                        let y = &mut y[self.y.at(image, row, 0)..][..wide];
                        for ((y, x), shortcut) in y.iter_mut().zip(x).zip(shortcut) {
                            let sum = x + shortcut;
                            // A sum that is not a number stays so.
                            let sum = if sum < least { least } else { sum };
                            *y = if sum > most { most } else { sum };
                        }
                    }
                }
            },
        );
    }

    /// Writes the gradient of the body's output.
    pub(crate) fn backward(&self, x: &[f32], dy: &[f32], dx: &mut [f32], images: usize) {
        gate((&self.x, x), (&self.dy, dy), (&self.dx, dx), self.gated[0], images);
    }

    /// Writes the gradient of the shortcut's end.
    pub(crate) fn backward_shortcut(&self, shortcut: &[f32], dy: &[f32], dshortcut: &mut [f32], images: usize) {
        gate((&self.shortcut, shortcut), (&self.dy, dy), (&self.dshortcut, dshortcut), self.gated[1], images);
    }
}

/// Copies a gradient, with `gated` only where x is positive.
fn gate(x: (&Map, &[f32]), dy: (&Map, &[f32]), dx: (&Map, &mut [f32]), gated: bool, images: usize) {
    let ((x_map, x), (dy_map, dy), (dx_map, dx)) = (x, dy, dx);
    each_pixel(
        x_map,
        images,
        #[inline(always)]
        |channels, image, row, column| {
            let x = &x[x_map.at(image, row, column)..][..channels];
            let dy = &dy[dy_map.at(image, row, column)..][..channels];
            let dx = &mut dx[dx_map.at(image, row, column)..][..channels];
            for ((dx, dy), x) in dx.iter_mut().zip(dy).zip(x) {
                *dx = if !gated || *x > 0.0 { *dy } else { 0.0 };
            }
        },
    );
}

/// Adds what a shortcut brings back to the gradient of the value where it begins.
pub(super) fn join(shortcut: (&Map, &[f32]), dx: (&Map, &mut [f32]), images: usize) {
    let ((from_map, from), (dx_map, dx)) = (shortcut, dx);
    each_pixel(
        from_map,
        images,
        #[inline(always)]
        |channels, image, row, column| {
            let from = &from[from_map.at(image, row, column)..][..channels];
            let dx = &mut dx[dx_map.at(image, row, column)..][..channels];
            dx.iter_mut().zip(from).for_each(|(dx, from)| *dx += from);
        },
    );
}

/// Calls `work` for each pixel of the images: channels, image, row and column.
fn each_pixel(map: &Map, images: usize, mut work: impl FnMut(usize, usize, usize, usize)) {
    vectorized(
        #[inline(always)]
        || {
            for image in 0..images {
                for row in 0..map.shape.rows.into() {
                    for column in 0..map.shape.columns.into() {
                        work(map.shape.channels.into(), image, row, column);
                    }
                }
            }
        },
    );
}
