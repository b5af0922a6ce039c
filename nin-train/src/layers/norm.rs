//! Batch normalisation of a layer's sums, before its ReLU; see [`crate::network::normalization`].
//!
//! Some images at a time of those that are normalised together: what is read here was written a moment ago, or is
//! about to be read again, so that it is in cache once and not twice. Of all the images only the sums before
//! normalisation are kept, pixel after pixel; the outputs are made again where they are needed.

#![allow(clippy::needless_range_loop)] // `for v in 0..V` over registers: unrolled

use std::ops::Range;

use crate::kernel::simd::{self, Simd, Work, read, write};
use crate::kernel::{Buffer, padded};
use crate::network::normalization::inverse;

/// What is kept of a normalised layer's forward pass.
///
/// ```text
/// forward   mean, variance of x      x̂ = (x − mean) · inverse      y = relu(gain · x̂ + bias)
/// backward  dbias += Σ dy            dgain += Σ dy · x̂             dy: gated by the ReLU when it arrives here
///           dx = gain · inverse · (dy − (Σ dy) / n − x̂ · (Σ dy · x̂) / n)
/// ```
///
/// Each pass first sees all images' values, part by part, between `begin` and `end`.
pub(crate) struct Kept {
    /// The sums, of all images.
    pub(crate) x: Buffer,
    pub(crate) mean: Vec<f64>,
    /// Divided by the number of pixels.
    pub(crate) variance: Vec<f64>,
    /// Two sums of each channel.
    sums: [Vec<f64>; 2],
    /// Whether the forward pass has seen a pixel.
    begun: bool,
    /// From x to what is summed, in the backward pass to x̂.
    centre: Factors,
    /// From x to the outputs before their ReLU.
    output: Factors,
    /// From x to its part of its gradient, and what the outputs' gradient is multiplied with.
    gradient: Factors,
    outer: Buffer,
}

/// `scale · x + shift`, channel by channel, filled up to whole vectors.
struct Factors {
    scale: Buffer,
    shift: Buffer,
}

impl Factors {
    fn zeros(channels: usize) -> Factors {
        Factors { scale: Buffer::zeros(padded(channels)), shift: Buffer::zeros(padded(channels)) }
    }

    fn set(&mut self, channel: usize, scale: f64, shift: f64) {
        self.scale[channel] = scale as f32;
        self.shift[channel] = shift as f32;
    }
}

impl Kept {
    /// Memory for so many pixels of all images.
    pub(crate) fn new(channels: usize, pixels: usize) -> Kept {
        let zeros = || vec![0.0; channels];
        let factors = || Factors::zeros(channels);
        Kept {
            x: Buffer::zeros(pixels * channels),
            mean: zeros(),
            variance: zeros(),
            sums: [zeros(), zeros()],
            begun: false,
            centre: factors(),
            output: factors(),
            gradient: factors(),
            outer: Buffer::zeros(padded(channels)),
        }
    }

    fn channels(&self) -> usize {
        self.mean.len()
    }

    /// Begins a forward pass.
    pub(crate) fn begin(&mut self) {
        self.sums.iter_mut().for_each(|sums| sums.fill(0.0));
        self.begun = false;
    }

    /// Sees the sums of `pixels` from `first` on.
    pub(crate) fn add(&mut self, first: usize, pixels: usize) {
        let channels = self.channels();
        let x = &self.x[first * channels..][..pixels * channels];
        if !std::mem::replace(&mut self.begun, true) {
            // Around one pixel's values: where the mean is far from 0, squares would leave nothing of the variance.
            x.iter().take(channels).enumerate().for_each(|(channel, x)| self.centre.set(channel, 1.0, -f64::from(*x)));
        }
        simd::run(Sums { channels, x, factors: &self.centre, d: None, sums: &mut self.sums });
    }

    /// Has seen all `pixels`.
    pub(crate) fn end(&mut self, pixels: usize, [gain, bias]: [&[f32]; 2]) {
        let n = pixels as f64;
        for channel in 0..self.channels() {
            let [first, second] = [self.sums[0][channel] / n, self.sums[1][channel] / n];
            let mean = first - f64::from(self.centre.shift[channel]);
            let variance = (second - first * first).max(0.0);
            (self.mean[channel], self.variance[channel]) = (mean, variance);
            let inverse = inverse(variance);
            let factor = f64::from(gain[channel]) * inverse;
            self.centre.set(channel, inverse, -mean * inverse);
            self.output.set(channel, factor, f64::from(bias[channel]) - factor * mean);
        }
    }

    /// The outputs of the pixels from `first` on, one at each place of `y_at`.
    pub(crate) fn outputs(&self, first: usize, y: &mut [f32], y_at: &[u32]) {
        let (channels, factors) = (self.channels(), &self.output);
        let x = &self.x[first * channels..][..y_at.len() * channels];
        simd::run(Affine { channels, x, factors, d: None, to: y, to_at: y_at });
    }

    /// Begins a backward pass.
    pub(crate) fn begin_gradient(&mut self) {
        self.sums.iter_mut().for_each(|sums| sums.fill(0.0));
    }

    /// Sees the outputs' gradient of the pixels from `first` on.
    pub(crate) fn add_gradient(&mut self, first: usize, dy: &[f32]) {
        let channels = self.channels();
        let x = &self.x[first * channels..][..dy.len()];
        simd::run(Sums { channels, x, factors: &self.centre, d: Some(dy), sums: &mut self.sums });
    }

    /// Has seen that of all `pixels`; adds to the gradients of bias and gain.
    pub(crate) fn end_gradient(&mut self, pixels: usize, gain: &[f32], [dbias, dgain]: [&mut [f32]; 2]) {
        let n = pixels as f64;
        for channel in 0..self.channels() {
            let [first, second] = [self.sums[0][channel], self.sums[1][channel]];
            dbias[channel] += first as f32;
            dgain[channel] += second as f32;
            let inverse = inverse(self.variance[channel]);
            let outer = f64::from(gain[channel]) * inverse;
            self.outer[channel] = outer as f32;
            let scale = -outer * second * inverse / n;
            self.gradient.set(channel, scale, -outer * first / n - scale * self.mean[channel]);
        }
    }

    /// From the outputs' gradient of the pixels from `first` on to that of the sums, one at each place of `dx_at`.
    pub(crate) fn gradient(&self, first: usize, dy: &[f32], dx: &mut [f32], dx_at: &[u32]) {
        let (channels, factors) = (self.channels(), &self.gradient);
        let len = dx_at.len() * channels;
        let x = &self.x[first * channels..][..len];
        simd::run(Affine { channels, x, factors, d: Some((&dy[..len], &self.outer)), to: dx, to_at: dx_at });
    }
}

/// How many f32 are summed before they go into f64.
const RUN: usize = 64;
/// Vectors of channels that are worked on at once: their factors stay in registers, and pixels are read line by line.
const BLOCK: usize = 4;

/// Something done channel by channel and pixel by pixel.
trait Blocks {
    /// Does it for some pixels, and `V` vectors of their channels from `first` on.
    ///
    /// # Safety
    ///
    /// The processor must have the instruction set of `S`.
    unsafe fn block<S: Simd, const V: usize>(&mut self, pixels: Range<usize>, first: usize);
}

/// All blocks of a few pixels and channels.
///
/// # Safety
///
/// The processor must have the instruction set of `S`.
#[inline(always)]
unsafe fn blocks<S: Simd, B: Blocks>(pixels: usize, channels: usize, mut to_do: B) {
    for start in (0..pixels).step_by(RUN) {
        let run = start..pixels.min(start + RUN);
        for first in (0..channels).step_by(BLOCK * S::LANES) {
            // SAFETY: the caller's.
            unsafe {
                match (channels - first).div_ceil(S::LANES) {
                    1 => to_do.block::<S, 1>(run.clone(), first),
                    2 => to_do.block::<S, 2>(run.clone(), first),
                    3 => to_do.block::<S, 3>(run.clone(), first),
                    _ => to_do.block::<S, BLOCK>(run.clone(), first),
                }
            }
        }
    }
}

/// `V` vectors of a pixel's channels, at the edge some of their values.
///
/// # Safety
///
/// The processor must have the instruction set of `S`.
#[inline(always)]
unsafe fn read_all<S: Simd, const V: usize>(from: &[f32]) -> [S::Vector; V] {
    // SAFETY: the caller makes sure of the processor; every address is that of a checked slice.
    unsafe {
        if from.len() == V * S::LANES {
            std::array::from_fn(|v| S::load(from.as_ptr().add(v * S::LANES)))
        } else {
            std::array::from_fn(|v| read::<S>(&from[v * S::LANES..from.len().min((v + 1) * S::LANES)]))
        }
    }
}

/// For each channel, with `v = scale · x + shift`: the sums over the pixels of v and v², or of d and d · v.
struct Sums<'a> {
    channels: usize,
    x: &'a [f32],
    factors: &'a Factors,
    d: Option<&'a [f32]>,
    sums: &'a mut [Vec<f64>; 2],
}

impl Work for Sums<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the caller's.
        unsafe { blocks::<S, _>(self.x.len() / self.channels, self.channels, self) }
    }
}

impl Blocks for Sums<'_> {
    #[inline(always)]
    unsafe fn block<S: Simd, const V: usize>(&mut self, pixels: Range<usize>, first: usize) {
        let wide = (V * S::LANES).min(self.channels - first);
        // SAFETY: the caller's.
        unsafe {
            let scale = read_all::<S, V>(&self.factors.scale[first..][..wide]);
            let shift = read_all::<S, V>(&self.factors.shift[first..][..wide]);
            let mut ones = [S::splat(0.0); V];
            let mut products = [S::splat(0.0); V];
            for pixel in pixels {
                let at = pixel * self.channels + first;
                let x = read_all::<S, V>(&self.x[at..][..wide]);
                let values: [S::Vector; V] = std::array::from_fn(|v| S::fma(x[v], scale[v], shift[v]));
                let summed = match self.d {
                    Some(d) => read_all::<S, V>(&d[at..][..wide]),
                    None => values,
                };
                for v in 0..V {
                    ones[v] = S::add(ones[v], summed[v]);
                    products[v] = S::fma(summed[v], values[v], products[v]);
                }
            }
            for (sums, parts) in self.sums.iter_mut().zip([ones, products]) {
                for (sums, part) in sums[first..][..wide].chunks_mut(S::LANES).zip(parts) {
                    let mut values = [0.0; 16];
                    write::<S>(&mut values[..S::LANES], part);
                    sums.iter_mut().zip(values).for_each(|(sum, part)| *sum += f64::from(part));
                }
            }
        }
    }
}

/// For each channel and pixel: `relu(scale · x + shift)`, or with gradients and their factors `factor · d + scale · x +
/// shift`.
struct Affine<'a> {
    channels: usize,
    x: &'a [f32],
    factors: &'a Factors,
    d: Option<(&'a [f32], &'a [f32])>,
    to: &'a mut [f32],
    to_at: &'a [u32],
}

impl Work for Affine<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the caller's.
        unsafe { blocks::<S, _>(self.to_at.len(), self.channels, self) }
    }
}

impl Blocks for Affine<'_> {
    #[inline(always)]
    unsafe fn block<S: Simd, const V: usize>(&mut self, pixels: Range<usize>, first: usize) {
        let wide = (V * S::LANES).min(self.channels - first);
        // SAFETY: the caller's.
        unsafe {
            let scale = read_all::<S, V>(&self.factors.scale[first..][..wide]);
            let shift = read_all::<S, V>(&self.factors.shift[first..][..wide]);
            let d = self.d.map(|(d, factor)| (d, read_all::<S, V>(&factor[first..][..wide])));
            for pixel in pixels {
                let at = pixel * self.channels + first;
                let x = read_all::<S, V>(&self.x[at..][..wide]);
                let mut values: [S::Vector; V] = std::array::from_fn(|v| S::fma(x[v], scale[v], shift[v]));
                match d {
                    Some((d, factor)) => {
                        let d = read_all::<S, V>(&d[at..][..wide]);
                        values = std::array::from_fn(|v| S::fma(d[v], factor[v], values[v]));
                    }
                    None => values = values.map(|value| S::relu(value)),
                }
                let to = &mut self.to[self.to_at[pixel] as usize + first..][..wide];
                to.chunks_mut(S::LANES).zip(values).for_each(|(to, value)| write::<S>(to, value));
            }
        }
    }
}
