//! Rounding of activations to 256 levels in quantisation-aware training; see [`rounding`](crate::integers::rounding).

use crate::integers::rounding::ActivationGrid;
use crate::kernel::vectorized;

/// The number of steps in the range.
const STEPS: f32 = 255.0;
/// The slope of values that the ReLU set to 0, which do not depend on the step. Slopes of rounded values are −0.5 to 1.
const CUT: f32 = -1.0;

#[inline(always)]
fn nearest(steps: f32, half: f32) -> f32 {
    (steps + half).floor().clamp(0.0, STEPS)
}

/// Rounds values to the nearest of 0, `step`, … 255 · `step`, halves up.
pub(crate) fn round(values: &mut [f32], step: f32) {
    vectorized(
        #[inline(always)]
        || values.iter_mut().for_each(|value| *value = nearest(*value / step, 0.5) * step),
    );
}

/// Rounds the activations at each place of `at` and, on request, stores the derivative of each by the step.
///
/// ```text
/// forward   ŷ = step · clamp(round(y / step), 0, 255)      slope = dŷ / dstep: round(y / step) − y / step, or 255 above
/// backward  dstep[c] += Σ dŷ · slope                        dy = dŷ, 0 where y is above, or was cut off by the ReLU
/// ```
pub(crate) fn forward(y: &mut [f32], at: &[u32], grid: &ActivationGrid, slopes: Option<&mut [f32]>) {
    let (step, channels) = (grid.step, grid.halves.len());
    vectorized(
        #[inline(always)]
        || {
            let Some(slopes) = slopes else {
                for &at in at {
                    let y = y[at as usize..][..channels].iter_mut().zip(&grid.halves);
                    y.for_each(|(y, half)| *y = nearest(*y / step, *half) * step);
                }
                return;
            };
            for (&at, slopes) in at.iter().zip(slopes.chunks_exact_mut(channels)) {
                let y = y[at as usize..][..channels].iter_mut().zip(&grid.halves);
                for ((y, half), slope) in y.zip(slopes) {
                    let steps = *y / step;
                    let nearest = nearest(steps, *half);
                    *slope = match steps {
                        steps if steps > STEPS => STEPS,
                        steps if steps > 0.0 => nearest - steps,
                        _ => CUT,
                    };
                    *y = nearest * step;
                }
            }
        },
    );
}

/// Adds to the gradient of the step, channel by channel, and sets that of values above the range or below 0 to 0.
pub(crate) fn backward(dy: &mut [f32], at: &[u32], slopes: &[f32], dstep: &mut [f32]) {
    let channels = dstep.len();
    vectorized(
        #[inline(always)]
        || {
            for (&at, slopes) in at.iter().zip(slopes.chunks_exact(channels)) {
                let dy = &mut dy[at as usize..][..channels];
                for ((dy, slope), dstep) in dy.iter_mut().zip(slopes).zip(&mut *dstep) {
                    *dstep += if *slope == CUT { 0.0 } else { *dy * slope };
                    *dy = if *slope == STEPS || *slope == CUT { 0.0 } else { *dy };
                }
            }
        },
    );
}

/// Rounds averages over `count` activations to whole steps, as 8-bit arithmetic does: halves away from 128.
pub(crate) fn round_average(values: &mut [f32], step: f32, count: f32) {
    for value in values {
        // The activations are multiples of the step, and so is their sum.
        let sum = (*value / step * count).round();
        let signed = sum / count - 128.0;
        *value = (128.0 + (signed.abs() + 0.5).floor().copysign(signed)) * step;
    }
}
