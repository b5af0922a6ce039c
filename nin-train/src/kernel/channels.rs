//! Loops over the pixels of maps, channel by channel: the sums and the affine functions of normalisation.

#![allow(clippy::needless_range_loop)] // `for v in 0..V` over registers: unrolled

use std::ops::Range;

use super::simd::{self, Simd, Work};
use super::{Buffer, padded};

/// The number of f32 values summed before they are added to an f64.
const RUN: usize = 64;
/// Vectors of channels processed at once: their factors stay in registers, and pixels are read by cache lines.
const BLOCK: usize = 4;

/// `scale · x + shift`, channel by channel.
pub(crate) struct Factors {
    channels: usize,
    /// Filled up to whole vectors.
    scale: Buffer,
    shift: Buffer,
}

impl Factors {
    /// Makes a function whose scales and shifts are 0.
    pub(crate) fn zeros(channels: usize) -> Factors {
        Factors { channels, scale: Buffer::zeros(padded(channels)), shift: Buffer::zeros(padded(channels)) }
    }

    /// Sets a channel's scale and shift.
    pub(crate) fn set(&mut self, channel: usize, scale: f64, shift: f64) {
        self.scale[channel] = scale as f32;
        self.shift[channel] = shift as f32;
    }

    /// Returns a channel's shift.
    pub(crate) fn shift(&self, channel: usize) -> f32 {
        self.shift[channel]
    }
}

/// Adds for each channel, with `v = scale · x + shift`, the sums of v and of v² over the pixels of `x`
/// (pixels × channels).
pub(crate) fn moments(x: &[f32], factors: &Factors, sums: &mut [Vec<f64>; 2]) {
    simd::run(Sums { x, factors, d: None, sums });
}

/// Adds for each channel, with `v = scale · x + shift`, the sums of d and of d · v over the pixels of `x` and `d`
/// (pixels × channels).
pub(crate) fn products(x: &[f32], factors: &Factors, d: &[f32], sums: &mut [Vec<f64>; 2]) {
    simd::run(Sums { x, factors, d: Some(d), sums });
}

/// Writes `scale · x + shift` of each pixel of `x` (pixels × channels), with `relu` its positive part, one at each
/// place of `to_at`.
pub(crate) fn affine(x: &[f32], factors: &Factors, relu: bool, to: &mut [f32], to_at: &[u32]) {
    simd::run(Affine { x, factors, d: None, relu, to, to_at });
}

/// Writes `factor · d + scale · x + shift` of each pixel of `x` and `d` (pixels × channels; a factor for each channel),
/// one at each place of `to_at`.
pub(crate) fn gradient(x: &[f32], factors: &Factors, d: (&[f32], &[f32]), to: &mut [f32], to_at: &[u32]) {
    simd::run(Affine { x, factors, d: Some(d), relu: false, to, to_at });
}

/// An operation on each channel of each pixel.
trait Blocks {
    /// Processes `V` vectors of channels from `first` on, for some pixels.
    fn block<S: Simd, const V: usize>(&mut self, simd: S, pixels: Range<usize>, first: usize);
}

/// Processes all pixels and channels in blocks.
#[inline(always)]
fn blocks<S: Simd, B: Blocks>(simd: S, pixels: usize, channels: usize, mut to_do: B) {
    for start in (0..pixels).step_by(RUN) {
        let run = start..pixels.min(start + RUN);
        for first in (0..channels).step_by(BLOCK * S::LANES) {
            match (channels - first).div_ceil(S::LANES) {
                1 => to_do.block::<S, 1>(simd, run.clone(), first),
                2 => to_do.block::<S, 2>(simd, run.clone(), first),
                3 => to_do.block::<S, 3>(simd, run.clone(), first),
                _ => to_do.block::<S, BLOCK>(simd, run.clone(), first),
            }
        }
    }
}

/// Reads `V` vectors of a pixel's channels; at the edge, only the values that exist.
#[inline(always)]
fn read_all<S: Simd, const V: usize>(simd: S, from: &[f32]) -> [S::Vector; V] {
    if from.len() == V * S::LANES {
        std::array::from_fn(|v| simd.read(&from[v * S::LANES..][..S::LANES]))
    } else {
        std::array::from_fn(|v| simd.read(&from[v * S::LANES..from.len().min((v + 1) * S::LANES)]))
    }
}

/// For each channel, with `v = scale · x + shift`: the sums over the pixels of v and v², or of d and d · v.
struct Sums<'a> {
    x: &'a [f32],
    factors: &'a Factors,
    d: Option<&'a [f32]>,
    sums: &'a mut [Vec<f64>; 2],
}

impl Work for Sums<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        blocks(simd, self.x.len() / self.factors.channels, self.factors.channels, self)
    }
}

impl Blocks for Sums<'_> {
    #[inline(always)]
    fn block<S: Simd, const V: usize>(&mut self, simd: S, pixels: Range<usize>, first: usize) {
        let wide = (V * S::LANES).min(self.factors.channels - first);
        let scale = read_all::<S, V>(simd, &self.factors.scale[first..][..wide]);
        let shift = read_all::<S, V>(simd, &self.factors.shift[first..][..wide]);
        let mut ones = [simd.splat(0.0); V];
        let mut products = [simd.splat(0.0); V];
        for pixel in pixels {
            let at = pixel * self.factors.channels + first;
            let x = read_all::<S, V>(simd, &self.x[at..][..wide]);
            let values: [S::Vector; V] = std::array::from_fn(|v| simd.fma(x[v], scale[v], shift[v]));
            let summed = match self.d {
                Some(d) => read_all::<S, V>(simd, &d[at..][..wide]),
                None => values,
            };
            for v in 0..V {
                ones[v] = simd.add(ones[v], summed[v]);
                products[v] = simd.fma(summed[v], values[v], products[v]);
            }
        }
        for (sums, parts) in self.sums.iter_mut().zip([ones, products]) {
            for (sums, part) in sums[first..][..wide].chunks_mut(S::LANES).zip(parts) {
                let mut values = [0.0; 16];
                simd.write(&mut values[..S::LANES], part);
                sums.iter_mut().zip(values).for_each(|(sum, part)| *sum += f64::from(part));
            }
        }
    }
}

/// For each channel and pixel: `scale · x + shift`, its positive part, or with gradients and their factors `factor · d +
/// scale · x + shift`.
struct Affine<'a> {
    x: &'a [f32],
    factors: &'a Factors,
    d: Option<(&'a [f32], &'a [f32])>,
    relu: bool,
    to: &'a mut [f32],
    to_at: &'a [u32],
}

impl Work for Affine<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        blocks(simd, self.to_at.len(), self.factors.channels, self)
    }
}

impl Blocks for Affine<'_> {
    #[inline(always)]
    fn block<S: Simd, const V: usize>(&mut self, simd: S, pixels: Range<usize>, first: usize) {
        let wide = (V * S::LANES).min(self.factors.channels - first);
        let scale = read_all::<S, V>(simd, &self.factors.scale[first..][..wide]);
        let shift = read_all::<S, V>(simd, &self.factors.shift[first..][..wide]);
        let d = self.d.map(|(d, factor)| (d, read_all::<S, V>(simd, &factor[first..][..wide])));
        for pixel in pixels {
            let at = pixel * self.factors.channels + first;
            let x = read_all::<S, V>(simd, &self.x[at..][..wide]);
            let mut values: [S::Vector; V] = std::array::from_fn(|v| simd.fma(x[v], scale[v], shift[v]));
            match d {
                Some((d, factor)) => {
                    let d = read_all::<S, V>(simd, &d[at..][..wide]);
                    values = std::array::from_fn(|v| simd.fma(d[v], factor[v], values[v]));
                }
                None if self.relu => values = values.map(|value| simd.relu(value)),
                None => {}
            }
            let to = &mut self.to[self.to_at[pixel] as usize + first..][..wide];
            to.chunks_mut(S::LANES).zip(values).for_each(|(to, value)| simd.write(to, value));
        }
    }
}
