//! Streams of weights, and how the kernels get them.

use crate::packing::{Packing, STREAM_BIASES, WeightType};

/// A part of some streams.
pub struct StreamPart {
    /// The first stream.
    pub pair: usize,
    /// How many.
    pub count: usize,
    /// Inputs: the first, one past the last, and how many a stream has.
    pub from: usize,
    pub to: usize,
    pub fan_in: usize,
}

impl StreamPart {
    /// Words of a whole stream.
    #[inline(always)]
    pub fn stream_words(&self, weights: WeightType) -> usize {
        Packing::new(weights, 2, 2, self.fan_in).stream_words()
    }

    /// Whether the streams begin in it.
    pub fn first(&self) -> bool {
        self.from == 0
    }

    /// Whether they end in it.
    pub fn last(&self) -> bool {
        self.to == self.fan_in
    }
}

/// How streams are stored.
pub trait Storage {
    /// Calls `multiply` with all streams of a part, as many at a time as there is `room` for: which is the first, how
    /// many, their words as the kernels read them, and words from one to the next.
    fn streams(stored: &[u32], part: &StreamPart, room: &mut [u32], multiply: impl FnMut(usize, usize, &[u32], usize));
}

/// As they are read.
pub enum Eight {}

impl Storage for Eight {
    #[inline]
    fn streams(
        stored: &[u32],
        part: &StreamPart,
        _: &mut [u32],
        mut multiply: impl FnMut(usize, usize, &[u32], usize),
    ) {
        let stream = part.stream_words(WeightType::Int8);
        let begin = if part.first() { 0 } else { STREAM_BIASES + part.from / 2 };
        multiply(part.pair, part.count, &stored[part.pair * stream + begin..], stream);
    }
}
