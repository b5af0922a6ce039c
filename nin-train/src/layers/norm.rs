//! Batch normalisation of a layer's sums, before its activation; see [`crate::network::normalization`].
//!
//! The images that are normalised together are processed a few at a time, so that their values are still in cache. Only
//! the sums before normalisation are kept for all images, pixel after pixel; outputs are recomputed where they are
//! needed.

use crate::kernel::channels::{Factors, affine, gradient, moments, products};
use crate::kernel::{Buffer, padded};
use crate::network::normalization::inverse;

/// The values kept from a normalised layer's forward pass.
///
/// ```text
/// forward   mean, variance of x      x̂ = (x − mean) · inverse      y = activation(gain · x̂ + bias)
/// backward  dbias += Σ dy            dgain += Σ dy · x̂             dy: gated by the activation when it arrives here
///           dx = gain · inverse · (dy − (Σ dy) / n − x̂ · (Σ dy · x̂) / n)
/// ```
///
/// Each pass first collects statistics over all images, part by part, between `begin` and `end`.
pub(crate) struct Kept {
    /// The sums before normalisation, for all images.
    pub(crate) x: Buffer,
    pub(crate) mean: Vec<f64>,
    /// One divided by the number of pixels.
    pub(crate) variance: Vec<f64>,
    /// Two sums for each channel.
    sums: [Vec<f64>; 2],
    /// Whether the forward pass has read a pixel.
    begun: bool,
    /// Maps x to the summed value, in the backward pass to x̂.
    centre: Factors,
    /// Maps x to the outputs before their ReLU.
    output: Factors,
    /// Maps x to its part of its gradient; and the factor of the outputs' gradient.
    gradient: Factors,
    outer: Buffer,
}

impl Kept {
    /// Allocates memory for that many pixels of all images.
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

    /// Adds the sums of `pixels` from `first` on to the statistics.
    pub(crate) fn add(&mut self, first: usize, pixels: usize) {
        let channels = self.channels();
        let x = &self.x[first * channels..][..pixels * channels];
        if !std::mem::replace(&mut self.begun, true) {
            // The sums are relative to one pixel's values: if the mean is far from 0, the variance would be lost in the
            // squares.
            x.iter().take(channels).enumerate().for_each(|(channel, x)| self.centre.set(channel, 1.0, -f64::from(*x)));
        }
        moments(x, &self.centre, &mut self.sums);
    }

    /// Finishes the statistics of all `pixels`.
    pub(crate) fn end(&mut self, pixels: usize, [gain, bias]: [&[f32]; 2]) {
        let n = pixels as f64;
        for channel in 0..self.channels() {
            let [first, second] = [self.sums[0][channel] / n, self.sums[1][channel] / n];
            let mean = first - f64::from(self.centre.shift(channel));
            let variance = (second - first * first).max(0.0);
            (self.mean[channel], self.variance[channel]) = (mean, variance);
            let inverse = inverse(variance);
            let factor = f64::from(gain[channel]) * inverse;
            self.centre.set(channel, inverse, -mean * inverse);
            self.output.set(channel, factor, f64::from(bias[channel]) - factor * mean);
        }
    }

    /// Computes the outputs of the pixels from `first` on, one at each place of `y_at`; `relu` is whether a ReLU follows.
    pub(crate) fn outputs(&self, first: usize, relu: bool, y: &mut [f32], y_at: &[u32]) {
        let channels = self.channels();
        affine(&self.x[first * channels..][..y_at.len() * channels], &self.output, relu, y, y_at);
    }

    /// Begins a backward pass.
    pub(crate) fn begin_gradient(&mut self) {
        self.sums.iter_mut().for_each(|sums| sums.fill(0.0));
    }

    /// Adds the gradient of the outputs of the pixels from `first` on to the statistics.
    pub(crate) fn add_gradient(&mut self, first: usize, dy: &[f32]) {
        let channels = self.channels();
        products(&self.x[first * channels..][..dy.len()], &self.centre, dy, &mut self.sums);
    }

    /// Finishes the statistics of all `pixels`, and adds to the gradients of bias and gain.
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

    /// Converts the gradient of the outputs of the pixels from `first` on to that of the sums, one at each place of
    /// `dx_at`.
    pub(crate) fn gradient(&self, first: usize, dy: &[f32], dx: &mut [f32], dx_at: &[u32]) {
        let channels = self.channels();
        let len = dx_at.len() * channels;
        gradient(&self.x[first * channels..][..len], &self.gradient, (&dy[..len], &self.outer), dx, dx_at);
    }
}
