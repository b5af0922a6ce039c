//! Rounding of activations to 256 levels in quantisation-aware training; see [`rounding`](crate::integers::rounding).

use super::Map;
use crate::integers::rounding::ActivationGrid;
use crate::kernel::{padded, vectorized};

/// The number of steps in an image's range.
const STEPS: f32 = 255.0;
/// The slope of values above the range.
const ABOVE: f32 = 255.0;
/// The slope of values below the range or set to 0 by a ReLU. Slopes of rounded values are −0.75 to 1.
const BELOW: f32 = -1.0;

/// Rounds values to the nearest of 0, `step`, … 255 · `step`, halves up.
pub(crate) fn round(values: &mut [f32], step: f32) {
    vectorized(
        #[inline(always)]
        || {
            let nearest = |steps: f32| (steps + 0.5).floor().clamp(0.0, STEPS);
            values.iter_mut().for_each(|value| *value = nearest(*value / step) * step);
        },
    );
}

/// The rounding of one layer's outputs.
///
/// ```text
/// forward   ŷ = step · clamp(round(y / step), least, most)
/// backward  drange[0] += Σ dŷ · slope      slope: round(y / step) − y / step; 255 above the range, 0 below
///           drange[1] += Σ dŷ · slope      slope: y / step − round(y / step); 255 below the range, 0 above
///           dy = dŷ                        0 above and below the range, and where the ReLU cut y off
/// ```
///
/// The gradient of the range is 255 times as large;
/// [`Rounding::finish`](crate::integers::rounding::Rounding::finish) divides it.
pub(crate) struct Rounded {
    y_at: Vec<u32>,
    dy_at: Vec<u32>,
    channels: usize,
    /// Outputs of an image.
    outputs: usize,
    /// The ends of the range that are trained: the largest value, or also the smallest.
    ends: usize,
}

impl Rounded {
    /// Returns the rounding of outputs in the map `y`, whose gradient is in the map `dy`.
    pub(crate) fn new(y: &Map, dy: &Map, ends: usize, images: usize) -> Rounded {
        let channels = y.shape.channels.into();
        Rounded { y_at: y.offsets(images), dy_at: dy.offsets(images), channels, outputs: y.shape.len(), ends }
    }

    /// Returns the number of outputs of an image.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Returns the number of ends of the range that are trained.
    pub(crate) fn ends(&self) -> usize {
        self.ends
    }

    /// Returns the number of values of the gradient of the range: a row of channels, padded to whole vectors, for each of
    /// its ends.
    pub(crate) fn gradient_len(&self) -> usize {
        self.ends * padded(self.channels)
    }

    /// Returns the places of the pixels of `images`.
    fn places<'a>(&self, at: &'a [u32], images: usize) -> &'a [u32] {
        &at[..images * (self.outputs / self.channels)]
    }

    /// Rounds outputs and, on request, stores what [`backward`](Self::backward) needs of each.
    pub(crate) fn forward(&self, grid: &ActivationGrid, y: &mut [f32], slopes: Option<&mut [f32]>, images: usize) {
        let (at, channels) = (self.places(&self.y_at, images), self.channels);
        let ActivationGrid { step, least, most, cut, .. } = *grid;
        vectorized(
            #[inline(always)]
            || {
                let nearest = |steps: f32, half: f32| {
                    let half = if steps < 0.0 { 1.0 - half } else { half };
                    (steps + half).floor().clamp(least, most)
                };
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
                            steps if steps > most => ABOVE,
                            steps if steps > cut => nearest - steps,
                            _ => BELOW,
                        };
                        *y = nearest * step;
                    }
                }
            },
        );
    }

    /// Adds to the gradient of the range, channel by channel, and sets that of values beyond it to 0.
    pub(crate) fn backward(&self, dy: &mut [f32], slopes: &[f32], drange: &mut [f32], images: usize) {
        let (at, channels) = (self.places(&self.dy_at, images), self.channels);
        let (dmost, dleast) = drange.split_at_mut(padded(channels));
        vectorized(
            #[inline(always)]
            || {
                let dmost = &mut dmost[..channels];
                for (&at, slopes) in at.iter().zip(slopes.chunks_exact(channels)) {
                    let dy = &mut dy[at as usize..][..channels];
                    for ((dy, slope), dleast) in dy.iter().zip(slopes).zip(&mut *dleast) {
                        *dleast += match *slope {
                            ABOVE => 0.0,
                            BELOW => *dy * ABOVE,
                            slope => -*dy * slope,
                        };
                    }
                    for ((dy, slope), dmost) in dy.iter_mut().zip(slopes).zip(&mut *dmost) {
                        *dmost += if *slope == BELOW { 0.0 } else { *dy * slope };
                        *dy = if *slope == ABOVE || *slope == BELOW { 0.0 } else { *dy };
                    }
                }
            },
        );
    }
}

/// Rounds the averages of `count` bytes on a grid of this step and zero point, as 8-bit arithmetic does: halves away from
/// byte 128.
#[inline(always)]
pub(crate) fn round_average(values: &mut [f32], (step, zero): (f32, f32), count: f32) {
    let middle = 128.0 - zero;
    for value in values {
        // The activations are multiples of the step, and so is their sum.
        let sum = (*value / step * count).round();
        let signed = sum / count - middle;
        *value = (middle + (signed.abs() + 0.5).floor().copysign(signed)) * step;
    }
}
