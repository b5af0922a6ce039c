//! Activations rounded to 256 steps while a network trains with the integers it will be; see
//! [`crate::quantize::aware`].

use crate::kernel::{Buffer, vectorized};

/// Steps of the range.
const STEPS: f32 = 255.0;

/// Values to the nearest of 0, `step`, … 255 · `step`, halves up.
pub(crate) fn round(values: &mut [f32], step: f32) {
    vectorized(
        #[inline(always)]
        || values.iter_mut().for_each(|value| *value = nearest(*value / step) * step),
    );
}

#[inline(always)]
fn nearest(steps: f32) -> f32 {
    (steps + 0.5).floor().clamp(0.0, STEPS)
}

/// Rounds `channels` activations at each place of `at`, and keeps how much each follows a change of the step.
///
/// ```text
/// forward   ŷ = step · clamp(round(y / step), 0, 255)      slope = dŷ / dstep: round(y / step) − y / step, or 255 above
/// backward  dstep[c] += Σ dŷ · slope                        dy = dŷ, 0 where the slope is 255
/// ```
pub(crate) fn forward(y: &mut [f32], at: &[u32], channels: usize, step: f32, slopes: &mut Buffer) {
    vectorized(
        #[inline(always)]
        || {
            for (&at, slopes) in at.iter().zip(slopes.chunks_exact_mut(channels)) {
                for (y, slope) in y[at as usize..][..channels].iter_mut().zip(slopes) {
                    let steps = *y / step;
                    let nearest = nearest(steps);
                    *slope = if steps > STEPS { STEPS } else { nearest - steps };
                    *y = nearest * step;
                }
            }
        },
    );
}

/// Adds to the gradient of the step, channel by channel, and takes away that of values above the range.
pub(crate) fn backward(dy: &mut [f32], at: &[u32], channels: usize, slopes: &[f32], dstep: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (&at, slopes) in at.iter().zip(slopes.chunks_exact(channels)) {
                let dy = &mut dy[at as usize..][..channels];
                for ((dy, slope), dstep) in dy.iter_mut().zip(slopes).zip(&mut *dstep) {
                    *dstep += *dy * slope;
                    *dy = if *slope == STEPS { 0.0 } else { *dy };
                }
            }
        },
    );
}

/// Averages over `count` activations to whole steps, as 8-bit arithmetic does: halves away from 128.
pub(crate) fn round_average(values: &mut [f32], step: f32, count: f32) {
    for value in values {
        // What is averaged are whole steps: so is their sum.
        let sum = (*value / step * count).round();
        let signed = sum / count - 128.0;
        *value = (128.0 + (signed.abs() + 0.5).floor().copysign(signed)) * step;
    }
}
