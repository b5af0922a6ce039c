//! The global average, and dropout.

use nin_core::spec::Rate;

use super::Map;
use crate::kernel::vectorized;
use crate::support::random::Stream;

/// The average over all pixels of each channel.
///
/// ```text
/// forward   y = Σ x / pixels
/// backward  dx = dy / pixels      gated by the ReLU that x came out of
/// ```
pub(crate) struct GlobalAverage {
    pub(crate) x: Map,
    pub(crate) y: Map,
    pub(crate) dx: Map,
    pub(crate) dy: Map,
    pub(crate) gated: bool,
}

impl GlobalAverage {
    pub(crate) fn forward(&self, x: &[f32], y: &mut [f32], images: usize) {
        let shape = self.x.shape;
        let (channels, share) = (shape.channels as usize, 1.0 / shape.pixels() as f32);
        vectorized(
            #[inline(always)]
            || {
                for image in 0..images {
                    let y = &mut y[self.y.at(image, 0, 0)..][..channels];
                    y.fill(0.0);
                    for row in 0..shape.rows as usize {
                        for column in 0..shape.columns as usize {
                            let x = &x[self.x.at(image, row, column)..][..channels];
                            y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
                        }
                    }
                    y.iter_mut().for_each(|y| *y *= share);
                }
            },
        );
    }

    pub(crate) fn backward(&self, x: &[f32], dy: &[f32], dx: &mut [f32], images: usize) {
        let shape = self.x.shape;
        let (channels, share) = (shape.channels as usize, 1.0 / shape.pixels() as f32);
        vectorized(
            #[inline(always)]
            || {
                for image in 0..images {
                    let dy = &dy[self.dy.at(image, 0, 0)..][..channels];
                    for row in 0..shape.rows as usize {
                        for column in 0..shape.columns as usize {
                            let x = &x[self.x.at(image, row, column)..][..channels];
                            let dx = &mut dx[self.dx.at(image, row, column)..][..channels];
                            for ((dx, dy), x) in dx.iter_mut().zip(dy).zip(x) {
                                *dx = if !self.gated || *x > 0.0 { dy * share } else { 0.0 };
                            }
                        }
                    }
                }
            },
        );
    }
}

/// Inverted dropout: in training, a value becomes 0 with probability p and is divided by 1 − p otherwise.
///
/// ```text
/// forward   y = x · scale      scale: 0 or 1/(1 − p), drawn for each image
/// backward  dx = dy · scale    gated by the ReLU that x came out of
/// ```
pub(crate) struct Dropout {
    pub(crate) rate: Rate,
    pub(crate) x: Map,
    pub(crate) y: Map,
    pub(crate) dx: Map,
    pub(crate) dy: Map,
    pub(crate) gated: bool,
}

impl Dropout {
    /// Draws the scales of one image.
    pub(crate) fn draw(&self, scale: &mut [f32], image: usize, stream: &mut Stream) {
        let kept = 1.0 / (1.0 - self.rate.value());
        // A whole number of 2⁻³²: the comparison below is exact.
        let threshold = (f64::from(self.rate.value()) * 4_294_967_296.0) as u32;
        let len = self.x.shape.len();
        for pair in scale[image * len..][..len].chunks_mut(2) {
            let bits = stream.bits();
            for (scale, bits) in pair.iter_mut().zip([bits as u32, (bits >> 32) as u32]) {
                *scale = if bits < threshold { 0.0 } else { kept };
            }
        }
    }

    /// Without `scale`, values are copied unchanged.
    pub(crate) fn forward(&self, x: &[f32], y: &mut [f32], scale: Option<&[f32]>, images: usize) {
        self.each_row(images, |wide, image, row, start| {
            let x = &x[self.x.at(image, row, 0)..][..wide];
            let y = &mut y[self.y.at(image, row, 0)..][..wide];
            match scale {
                Some(scale) => y.iter_mut().zip(x).zip(&scale[start..]).for_each(|((y, x), scale)| *y = x * scale),
                None => y.copy_from_slice(x),
            }
        });
    }

    pub(crate) fn backward(&self, x: &[f32], dy: &[f32], scale: &[f32], dx: &mut [f32], images: usize) {
        let channels = self.x.shape.channels as usize;
        self.each_row(images, |wide, image, row, start| {
            let x = &x[self.x.at(image, row, 0)..][..wide];
            let dy = &dy[self.dy.at(image, row, 0)..][..wide];
            let pixels = x.chunks_exact(channels).zip(dy.chunks_exact(channels));
            for (column, ((x, dy), scale)) in pixels.zip(scale[start..].chunks_exact(channels)).enumerate() {
                let dx = &mut dx[self.dx.at(image, row, column)..][..channels];
                for (((dx, dy), x), scale) in dx.iter_mut().zip(dy).zip(x).zip(scale) {
                    *dx = if !self.gated || *x > 0.0 { dy * scale } else { 0.0 };
                }
            }
        });
    }

    fn each_row(&self, images: usize, mut work: impl FnMut(usize, usize, usize, usize)) {
        let (shape, wide) = (self.x.shape, self.x.shape.row());
        for image in 0..images {
            for row in 0..shape.rows as usize {
                work(wide, image, row, (image * shape.rows as usize + row) * wide);
            }
        }
    }
}
