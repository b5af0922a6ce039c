//! Batch normalisation of a layer's sums, before its ReLU; see [`crate::normalization`].

use crate::kernel::simd::{self, Simd, Work, read, write};
use crate::kernel::{Buffer, padded};
use crate::normalization::inverse;

/// Normalisation over the pixels of a chunk of images.
///
/// ```text
/// forward   mean, variance of x      x̂ = (x − mean) · inverse      y = relu(gain · x̂ + bias)
/// backward  dbias += Σ dy            dgain += Σ dy · x̂             dy: gated by the ReLU when it arrives here
///           dx = gain · inverse · (dy − (Σ dy) / n − x̂ · (Σ dy · x̂) / n)
/// ```
pub(crate) struct Norm {
    channels: usize,
    /// Where the sums stand: pixel after pixel.
    pub(crate) x_at: Vec<u32>,
}

/// What is kept of a chunk's forward pass.
pub(crate) struct Kept {
    /// The sums.
    pub(crate) x: Buffer,
    pub(crate) mean: Vec<f64>,
    /// Divided by the number of pixels.
    pub(crate) variance: Vec<f64>,
    /// Room for two sums of each channel.
    sums: [Vec<f64>; 2],
    /// Room for three factors of each channel, filled up to whole vectors.
    factors: [Buffer; 3],
}

impl Norm {
    /// For chunks of at most `pixels`, of all images together.
    pub(crate) fn new(channels: usize, pixels: usize) -> Norm {
        Norm { channels, x_at: (0..pixels).map(|pixel| (pixel * channels) as u32).collect() }
    }

    /// Memory for a chunk.
    pub(crate) fn kept(&self) -> Kept {
        let zeros = || vec![0.0; self.channels];
        Kept {
            x: Buffer::zeros(self.x_at.len() * self.channels),
            mean: zeros(),
            variance: zeros(),
            sums: [zeros(), zeros()],
            factors: [(); 3].map(|()| Buffer::zeros(padded(self.channels))),
        }
    }

    /// From the sums in `kept` to the outputs, one at each place of `y_at`.
    pub(crate) fn forward(&self, [gain, bias]: [&[f32]; 2], kept: &mut Kept, y: &mut [f32], y_at: &[u32]) {
        let Kept { x, mean, variance, sums, factors: [scale, shift, _] } = kept;
        let pixels = y_at.len();
        let x_at = &self.x_at[..pixels];
        // Around the first pixel's value: where the mean is far from 0, squares would leave nothing of the variance.
        scale.fill(1.0);
        shift.iter_mut().zip(&x[..self.channels]).for_each(|(shift, x)| *shift = -x);
        simd::run(Sums { channels: self.channels, x, x_at, scale, shift, d: None, sums });
        for channel in 0..self.channels {
            let [first, second] = [sums[0][channel] / pixels as f64, sums[1][channel] / pixels as f64];
            mean[channel] = first - f64::from(shift[channel]);
            variance[channel] = (second - first * first).max(0.0);
            let factor = f64::from(gain[channel]) * inverse(variance[channel]);
            scale[channel] = factor as f32;
            shift[channel] = (f64::from(bias[channel]) - factor * mean[channel]) as f32;
        }
        simd::run(Affine { channels: self.channels, x, x_at, scale, shift, to: y, to_at: y_at, factor: None });
    }

    /// From the gradient of the outputs, one at each place of `dy_at`, to that of the sums, in its place; adds to the
    /// gradients of bias and gain.
    pub(crate) fn backward(
        &self,
        gain: &[f32],
        kept: &mut Kept,
        dy: &mut [f32],
        dy_at: &[u32],
        [dbias, dgain]: [&mut [f32]; 2],
    ) {
        let Kept { x, mean, variance, sums, factors: [scale, shift, factor] } = kept;
        let pixels = dy_at.len();
        let x_at = &self.x_at[..pixels];
        for channel in 0..self.channels {
            let inverse = inverse(variance[channel]);
            scale[channel] = inverse as f32;
            shift[channel] = (-mean[channel] * inverse) as f32;
        }
        simd::run(Sums { channels: self.channels, x, x_at, scale, shift, d: Some((dy, dy_at)), sums });
        for channel in 0..self.channels {
            let [first, second] = [sums[0][channel], sums[1][channel]];
            dbias[channel] += first as f32;
            dgain[channel] += second as f32;
            let inverse = inverse(variance[channel]);
            let (outer, n) = (f64::from(gain[channel]) * inverse, pixels as f64);
            factor[channel] = outer as f32;
            scale[channel] = (-outer * second * inverse / n) as f32;
            shift[channel] = (-outer * (first - second * mean[channel] * inverse) / n) as f32;
        }
        let factor = Some(&factor[..]);
        simd::run(Affine { channels: self.channels, x, x_at, scale, shift, to: dy, to_at: dy_at, factor });
    }
}

/// Pixels that are read while they are in a first-level cache; also how many f32 are summed before they go into f64.
const RUN: usize = 64;

/// For each channel, with `v = scale · x + shift`: the sums over the pixels of v and v², or of d and d · v.
struct Sums<'a> {
    channels: usize,
    x: &'a [f32],
    x_at: &'a [u32],
    scale: &'a [f32],
    shift: &'a [f32],
    d: Option<(&'a [f32], &'a [u32])>,
    sums: &'a mut [Vec<f64>; 2],
}

impl Work for Sums<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Sums { channels, x, x_at, scale, shift, d, sums } = self;
        sums.iter_mut().for_each(|sums| sums.fill(0.0));
        for start in (0..x_at.len()).step_by(RUN) {
            let pixels = start..x_at.len().min(start + RUN);
            for first in (0..channels).step_by(S::LANES) {
                let lanes = S::LANES.min(channels - first);
                // SAFETY: the processor is the caller's; every address is that of a checked slice.
                unsafe {
                    let (scale, shift) = (read::<S>(&scale[first..][..lanes]), read::<S>(&shift[first..][..lanes]));
                    // Two of each, so that one addition need not wait for the one before.
                    let mut ones = [S::splat(0.0); 2];
                    let mut products = [S::splat(0.0); 2];
                    for (i, pixel) in pixels.clone().enumerate() {
                        let v = S::fma(read::<S>(&x[x_at[pixel] as usize + first..][..lanes]), scale, shift);
                        let u = match d {
                            Some((d, at)) => read::<S>(&d[at[pixel] as usize + first..][..lanes]),
                            None => v,
                        };
                        ones[i % 2] = S::add(ones[i % 2], u);
                        products[i % 2] = S::fma(u, v, products[i % 2]);
                    }
                    for (sums, [a, b]) in sums.iter_mut().zip([ones, products]) {
                        let mut part = [0.0; 16];
                        write::<S>(&mut part[..S::LANES], S::add(a, b));
                        sums[first..][..lanes].iter_mut().zip(part).for_each(|(sum, part)| *sum += f64::from(part));
                    }
                }
            }
        }
    }
}

/// For each channel and pixel: `relu(scale · x + shift)`, or `factor · to + scale · x + shift`.
struct Affine<'a> {
    channels: usize,
    x: &'a [f32],
    x_at: &'a [u32],
    scale: &'a [f32],
    shift: &'a [f32],
    to: &'a mut [f32],
    to_at: &'a [u32],
    factor: Option<&'a [f32]>,
}

impl Work for Affine<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Affine { channels, x, x_at, scale, shift, to, to_at, factor } = self;
        for start in (0..x_at.len()).step_by(RUN) {
            let pixels = start..x_at.len().min(start + RUN);
            for first in (0..channels).step_by(S::LANES) {
                let lanes = S::LANES.min(channels - first);
                // SAFETY: as above.
                unsafe {
                    let (scale, shift) = (read::<S>(&scale[first..][..lanes]), read::<S>(&shift[first..][..lanes]));
                    let factor = factor.map(|factor| read::<S>(&factor[first..][..lanes]));
                    for pixel in pixels.clone() {
                        let v = S::fma(read::<S>(&x[x_at[pixel] as usize + first..][..lanes]), scale, shift);
                        let to = &mut to[to_at[pixel] as usize + first..][..lanes];
                        let v = match factor {
                            Some(factor) => S::fma(read::<S>(to), factor, v),
                            None => S::relu(v),
                        };
                        write::<S>(to, v);
                    }
                }
            }
        }
    }
}
