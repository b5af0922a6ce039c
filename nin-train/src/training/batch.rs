//! Conversion of a data set's bytes to the network's input: order, augmentation, size, scale.

use std::cell::RefCell;

use nin_core::Shape;

use crate::data::{Augment, Dataset, fit_into};
use crate::engine::loss;
use crate::engine::source::Source;
use crate::kernel::vectorized;
use crate::network::preprocessing::Preprocessing;
use crate::support::random::{Purpose, Stream};

/// Returns the order in which an epoch visits `len` samples.
pub fn order(len: usize, seed: u64, epoch: u64) -> Vec<u32> {
    // A data set has fewer than 2³² images: their bytes are in memory.
    let mut order: Vec<u32> = (0..len as u32).collect();
    Stream::new(seed, Purpose::Order, epoch, 0).shuffle(&mut order);
    order
}

/// The random changes of an epoch's images.
#[derive(Clone, Copy, Debug)]
pub struct Changes {
    /// The changes of single images.
    pub augment: Augment,
    /// Mixup's α, for blending pairs of images; 0 turns it off.
    pub mixup: f32,
    /// The seed of all random numbers.
    pub seed: u64,
    /// Epoch, from 0.
    pub epoch: u64,
}

/// Some images of a data set as the network's input.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The data set.
    pub data: &'a Dataset,
    /// The indices of the images; `None` for all in order.
    pub indices: Option<&'a [u32]>,
    /// The network's input shape.
    pub input: Shape,
    /// The scaling of bytes.
    pub preprocessing: &'a Preprocessing,
    /// The random changes in training.
    pub changes: Option<Changes>,
    /// Label smoothing.
    pub smoothing: f32,
    /// The weight of each class in the loss, by label; empty for 1 everywhere.
    pub class_weights: &'a [f32],
}

impl Batch<'_> {
    fn fill(&self, bytes: &[u8], image: &mut [f32]) {
        let shape = self.data.shape();
        let apply = |bytes: &[u8], image: &mut [f32]| {
            vectorized(
                #[inline(always)]
                || self.preprocessing.apply(bytes, image),
            );
        };
        if shape == self.input {
            return apply(bytes, image);
        }
        FITTED.with_borrow_mut(|fitted| {
            fitted.resize(self.input.len(), 0);
            fit_into(bytes, shape, self.input, fitted);
            apply(fitted, image);
        });
    }
}

thread_local! {
    /// An augmented image, and one to blend it with; one pair for each thread, so that a step allocates nothing.
    static CHANGED: RefCell<(Vec<u8>, Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new(), Vec::new())) };
    /// An image in the network's shape.
    static FITTED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Batch<'_> {
    /// Writes the target distribution of an image, times the weight of its class.
    fn target(&self, label: usize, target: &mut [f32]) {
        loss::target(label, self.smoothing, target);
        if let Some(weight) = self.class_weights.get(label) {
            target.iter_mut().for_each(|value| *value *= weight);
        }
    }

    /// Writes one image of the data set with this epoch's changes.
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

/// Returns a random number from Beta(α, α), for α up to 1 (Jöhnk 1964).
fn beta(alpha: f32, stream: &mut Stream) -> f32 {
    loop {
        let [x, y] = [(); 2].map(|()| (1.0 - stream.unit()).powf(1.0 / alpha));
        if x + y > 0.0 && x + y <= 1.0 {
            return x / (x + y);
        }
    }
}
