//! Random numbers determined by their seed and use alone.
//!
//! A [`Stream`] is SplitMix64 (Steele, Lea, Flood 2014) started at a hash of (seed, purpose, epoch, sample). Every
//! sample of every epoch has its own stream. Results therefore do not depend on the order in which threads draw, and a
//! resumed run needs no generator state: its position is enough.

/// The use of a stream's numbers; streams of different purposes are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Initial weights; the epoch is 0, the sample is the weight layer's number.
    Weights = 1,
    /// Initial biases; epoch and sample as for weights.
    Biases = 2,
    /// The order of an epoch's samples; the sample is 0.
    Order = 3,
    /// Augmentation of one sample in one epoch.
    Augment = 4,
    /// Dropout; the epoch is the step since the start of training, the sample its place in the batch.
    Dropout = 5,
    /// Blending one sample with another in one epoch.
    Mixup = 7,
    /// Drawing the architectures of a search; epoch and sample are 0.
    Search = 8,
}

/// A stream of random numbers; see the [module](self).
#[derive(Clone, Debug)]
pub struct Stream {
    state: u64,
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(i: u64) -> u64 {
    let z = i.wrapping_add(1).wrapping_mul(GOLDEN);
    finish(z)
}

fn finish(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Stream {
    /// Returns the stream for one purpose, epoch and sample.
    pub fn new(seed: u64, purpose: Purpose, epoch: u64, sample: u64) -> Stream {
        let state = [purpose as u64, epoch, sample].iter().fold(mix(seed), |state, part| mix(state ^ mix(*part)));
        Stream { state }
    }

    /// Returns 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        finish(self.state)
    }

    /// Returns a number in [0, 1), a multiple of 2⁻²⁴.
    #[inline]
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 24) as f32
    }

    /// Returns a number in [−bound, bound).
    pub fn within(&mut self, bound: f64) -> f32 {
        let unit = (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
        (unit * bound) as f32
    }

    /// Returns an integer below `end`, uniformly distributed (to within 2⁻³² or better); 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.bits()) * end as u128) >> 64) as usize
    }

    /// Puts `items` in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}
