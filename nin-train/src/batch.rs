//! From a data set's bytes to what the network reads: order, augmentation, size, scale.

mod augment;

use std::cell::RefCell;

use nin_core::{Normalization, Shape};
use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, resize_bilinear};
use crate::engine::Source;
use crate::kernel::vectorized;
use crate::loss;
use crate::random::{Purpose, Stream};
use crate::train::TrainError;

pub use augment::Augment;

/// How a byte becomes the network's input: `(byte - mean[c]) * scale[c]` for each channel c.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// Subtracted from each byte, one number a channel.
    pub mean: Vec<f32>,
    /// Multiplied with the difference, one number a channel.
    pub scale: Vec<f32>,
}

impl Preprocessing {
    /// Bytes to 0..1, as PyTorch's `ToTensor` does.
    pub fn unit(channels: usize) -> Preprocessing {
        Preprocessing { mean: vec![0.0; channels], scale: vec![1.0 / 255.0; channels] }
    }

    /// Mean 0 and standard deviation 1 in each channel over a data set; a channel that is the same everywhere is only
    /// shifted.
    pub fn standard(data: &Dataset) -> Preprocessing {
        let channels = data.shape().channels as usize;
        let mut sums = vec![(0u64, 0u64); channels];
        for pixel in data.images().chunks_exact(channels) {
            for ((sum, squares), byte) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*byte);
                *squares += u64::from(*byte) * u64::from(*byte);
            }
        }
        let pixels = (data.images().len() / channels).max(1) as f64;
        let moments = sums.into_iter().map(|(sum, squares)| {
            let mean = sum as f64 / pixels;
            let deviation = (squares as f64 / pixels - mean * mean).max(0.0).sqrt();
            (mean as f32, if deviation > 0.0 { (1.0 / deviation) as f32 } else { 1.0 })
        });
        let (mean, scale) = moments.unzip();
        Preprocessing { mean, scale }
    }

    /// The scale, if it is all there is: what quantisation-aware training needs, and makes for itself.
    pub(crate) fn steps(&self) -> Result<f32, TrainError> {
        match &self.scale[..] {
            [first, rest @ ..]
                if *first > 0.0
                    && rest.iter().all(|scale| scale == first)
                    && self.mean.iter().all(|mean| *mean == 0.0) =>
            {
                Ok(*first)
            }
            _ => Err(TrainError::Recipe("quantisation-aware training needs images whose preprocessing is one scale")),
        }
    }

    /// Scales bytes, or values resized from bytes.
    #[inline(always)]
    fn apply<T: Copy + Into<f32>>(&self, from: &[T], to: &mut [f32]) {
        if let (&[mean], &[scale]) = (&self.mean[..], &self.scale[..]) {
            let normalization = Normalization { mean, scale };
            to.iter_mut().zip(from).for_each(|(to, from)| *to = normalization.apply((*from).into()));
            return;
        }
        let channels = self.mean.len();
        for (to, from) in to.chunks_exact_mut(channels).zip(from.chunks_exact(channels)) {
            for (((to, from), &mean), &scale) in to.iter_mut().zip(from).zip(&self.mean).zip(&self.scale) {
                *to = Normalization { mean, scale }.apply((*from).into());
            }
        }
    }
}

/// The order in which an epoch visits `len` samples.
pub fn order(len: usize, seed: u64, epoch: u64) -> Vec<u32> {
    // A data set has fewer than 2³² images: their bytes are in memory.
    let mut order: Vec<u32> = (0..len as u32).collect();
    Stream::new(seed, Purpose::Order, epoch, 0).shuffle(&mut order);
    order
}

/// How the images of an epoch are changed.
#[derive(Clone, Copy, Debug)]
pub struct Changes {
    /// One by one.
    pub augment: Augment,
    /// By blending pairs of them: mixup's α; 0 is not at all.
    pub mixup: f32,
    /// Of all random numbers.
    pub seed: u64,
    /// Epoch, from 0.
    pub epoch: u64,
}

/// Some images of a data set, as the network reads them.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The data set.
    pub data: &'a Dataset,
    /// Which of its images; all, in their order, if `None`.
    pub indices: Option<&'a [u32]>,
    /// What the network reads.
    pub input: Shape,
    /// How bytes are scaled.
    pub preprocessing: &'a Preprocessing,
    /// For training: how images are changed.
    pub changes: Option<Changes>,
    /// Label smoothing.
    pub smoothing: f32,
    /// How much the loss of a class's images counts, by label; 1 for all, if there are none.
    pub class_weights: &'a [f32],
}

impl Batch<'_> {
    fn fill(&self, bytes: &[u8], image: &mut [f32]) {
        let shape = self.data.shape();
        if (shape.rows, shape.columns) == (self.input.rows, self.input.columns) {
            vectorized(
                #[inline(always)]
                || self.preprocessing.apply(bytes, image),
            );
            return;
        }
        let size = |shape: Shape| (shape.rows.into(), shape.columns.into());
        resize_bilinear(bytes, size(shape), shape.channels.into(), image, size(self.input));
        vectorized(
            #[inline(always)]
            || {
                let channels = self.preprocessing.mean.len();
                for pixel in image.chunks_exact_mut(channels) {
                    for ((value, &mean), &scale) in
                        pixel.iter_mut().zip(&self.preprocessing.mean).zip(&self.preprocessing.scale)
                    {
                        *value = Normalization { mean, scale }.apply(*value);
                    }
                }
            },
        );
    }
}

thread_local! {
    /// An augmented image, and one to blend it with; each thread's own, so that a step takes no memory.
    static CHANGED: RefCell<(Vec<u8>, Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new(), Vec::new())) };
}

impl Batch<'_> {
    /// Writes what the network is to say of an image: a distribution, times its class's weight.
    fn target(&self, label: usize, target: &mut [f32]) {
        loss::target(label, self.smoothing, target);
        if let Some(weight) = self.class_weights.get(label) {
            target.iter_mut().for_each(|value| *value *= weight);
        }
    }

    /// Writes one image of the data set as it is in this epoch.
    fn changed(&self, index: usize, room: &mut Vec<u8>, image: &mut [f32]) {
        let bytes = self.data.image(index);
        match self.changes {
            Some(Changes { augment, seed, epoch, .. }) if augment != Augment::default() => {
                room.resize(bytes.len(), 0);
                let mut stream = Stream::new(seed, Purpose::Augment, epoch, index as u64);
                augment.apply(bytes, self.data.shape(), room, &mut stream);
                self.fill(room, image);
            }
            _ => self.fill(bytes, image),
        }
    }
}

impl Source for Batch<'_> {
    fn len(&self) -> usize {
        self.indices.map_or(self.data.len(), <[u32]>::len)
    }

    fn sample(&self, index: usize, image: &mut [f32], target: &mut [f32]) -> usize {
        let index = self.indices.map_or(index, |indices| indices[index] as usize);
        let label = self.data.label(index);
        self.target(label, target);
        CHANGED.with_borrow_mut(|(bytes, other_image, other_target)| {
            self.changed(index, bytes, image);
            let Some(Changes { mixup, seed, epoch, .. }) = self.changes.filter(|changes| changes.mixup > 0.0) else {
                return;
            };
            let mut stream = Stream::new(seed, Purpose::Mixup, epoch, index as u64);
            let (share, other) = (beta(mixup, &mut stream), stream.below(self.data.len()));
            other_image.resize(image.len(), 0.0);
            other_target.resize(target.len(), 0.0);
            self.changed(other, bytes, other_image);
            self.target(self.data.label(other), other_target);
            let mix = |to: &mut [f32], from: &[f32]| {
                to.iter_mut().zip(from).for_each(|(to, from)| *to = share * *to + (1.0 - share) * from);
            };
            mix(image, other_image);
            mix(target, other_target);
        });
        label
    }
}

/// A number from Beta(α, α), for α up to 1 (Jöhnk 1964).
fn beta(alpha: f32, stream: &mut Stream) -> f32 {
    loop {
        let [x, y] = [(); 2].map(|()| (1.0 - stream.unit()).powf(1.0 / alpha));
        if x + y > 0.0 && x + y <= 1.0 {
            return x / (x + y);
        }
    }
}
