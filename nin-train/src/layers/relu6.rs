//! The upper bound of a ReLU6; the layers themselves apply the lower one, as for a ReLU.
//!
//! ```text
//! forward   y = min(y, 6)
//! backward  dx = 0 where x ≥ 6      x: the bounded output, which the next layer reads
//! ```

use super::Map;
use crate::kernel::vectorized;

/// The bound.
pub(super) const BOUND: f32 = 6.0;

/// Bounds `channels` values at each of the places.
pub(super) fn forward(y: &mut [f32], at: &[u32], channels: usize) {
    vectorized(
        #[inline(always)]
        || {
            for &at in at {
                y[at as usize..][..channels].iter_mut().for_each(|y| *y = if *y > BOUND { BOUND } else { *y });
            }
        },
    );
}

/// Sets the gradient of the values at the bound to 0.
pub(super) fn backward(x: (&Map, &[f32]), dx: (&Map, &mut [f32]), images: usize) {
    let ((x_map, x), (dx_map, dx)) = (x, dx);
    let (shape, channels) = (x_map.shape, usize::from(x_map.shape.channels));
    vectorized(
        #[inline(always)]
        || {
            for image in 0..images {
                for row in 0..shape.rows.into() {
                    for column in 0..shape.columns.into() {
                        let x = &x[x_map.at(image, row, column)..][..channels];
                        let dx = &mut dx[dx_map.at(image, row, column)..][..channels];
                        dx.iter_mut().zip(x).for_each(|(dx, x)| *dx = if *x >= BOUND { 0.0 } else { *dx });
                    }
                }
            }
        },
    );
}
