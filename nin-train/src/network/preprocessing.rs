//! The conversion of an image's bytes to the network's input.

use nin_core::{Model, Normalization};
use serde::{Deserialize, Serialize};

use crate::data::Dataset;

/// The network's input as a function of bytes: `(byte - mean[c]) * scale[c]` for each channel c.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// The value subtracted from each byte, one for each channel.
    pub mean: Vec<f32>,
    /// The factor of the difference, one for each channel.
    pub scale: Vec<f32>,
}

impl Preprocessing {
    /// Returns the scaling of bytes to 0..1, as PyTorch's `ToTensor` does.
    pub fn unit(channels: usize) -> Preprocessing {
        Preprocessing::one_scale(channels, 1.0 / 255.0)
    }

    /// Returns preprocessing without a mean and with one scale for all channels.
    pub fn one_scale(channels: usize, scale: f32) -> Preprocessing {
        Preprocessing { mean: vec![0.0; channels], scale: vec![scale; channels] }
    }

    /// Returns the standardisation of each channel to mean 0 and standard deviation 1 over a data set; a constant
    /// channel is only shifted.
    pub fn standard(data: &Dataset) -> Preprocessing {
        let channels = data.shape().channels as usize;
        let mut sums = vec![(0u64, 0u64); channels];
        for pixel in data.bytes().chunks_exact(channels) {
            for ((sum, squares), byte) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*byte);
                *squares += u64::from(*byte) * u64::from(*byte);
            }
        }
        let pixels = (data.bytes().len() / channels).max(1) as f64;
        let moments = sums.into_iter().map(|(sum, squares)| {
            let mean = sum as f64 / pixels;
            let deviation = (squares as f64 / pixels - mean * mean).max(0.0).sqrt();
            (mean as f32, if deviation > 0.0 { (1.0 / deviation) as f32 } else { 1.0 })
        });
        let (mean, scale) = moments.unzip();
        Preprocessing { mean, scale }
    }

    /// Returns the preprocessing of a model file.
    pub fn of(model: &Model<'_>) -> Preprocessing {
        let channels = usize::from(model.plan().spec().input().channels);
        let (mean, scale) =
            (0..channels).map(|channel| model.normalization(channel)).map(|norm| (norm.mean, norm.scale)).unzip();
        Preprocessing { mean, scale }
    }

    /// Returns whether it has a mean and a scale for each of `channels` channels.
    pub fn fits(&self, channels: usize) -> bool {
        self.mean.len() == channels && self.scale.len() == channels
    }

    /// Returns the positive scale that all channels share, if there is no mean; `None` for any other preprocessing.
    /// Quantised networks, and so quantisation-aware training, support only this.
    pub fn steps(&self) -> Option<f32> {
        match &self.scale[..] {
            [first, rest @ ..]
                if *first > 0.0
                    && rest.iter().all(|scale| scale == first)
                    && self.mean.iter().all(|mean| *mean == 0.0) =>
            {
                Some(*first)
            }
            _ => None,
        }
    }

    /// Scales an image's bytes, channels last.
    #[inline(always)]
    pub(crate) fn apply(&self, from: &[u8], to: &mut [f32]) {
        if let ([mean], [scale]) = (&self.mean[..], &self.scale[..]) {
            to.iter_mut()
                .zip(from)
                .for_each(|(to, from)| *to = Normalization { mean: *mean, scale: *scale }.apply((*from).into()));
            return;
        }
        let channels = self.mean.len();
        for (to, from) in to.chunks_exact_mut(channels).zip(from.chunks_exact(channels)) {
            for (((to, from), mean), scale) in to.iter_mut().zip(from).zip(&self.mean).zip(&self.scale) {
                *to = Normalization { mean: *mean, scale: *scale }.apply((*from).into());
            }
        }
    }
}
