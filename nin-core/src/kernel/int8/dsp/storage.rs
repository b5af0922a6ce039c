//! Weights as streams of two outputs, stored in 8 or in 4 bits.

use crate::packing::{Packing, STREAM_BIASES, WeightType};

/// A part of some streams.
pub struct StreamPart {
    /// The first stream.
    pub pair: usize,
    /// The number of streams.
    pub count: usize,
    /// The first input, one past the last input, and the number of inputs in a stream.
    pub from: usize,
    pub to: usize,
    pub fan_in: usize,
}

impl StreamPart {
    /// Returns the words of a whole stream.
    #[inline(always)]
    pub fn stream_words(&self, weights: WeightType) -> usize {
        Packing::new(weights, 2, 2, self.fan_in).stream_words()
    }

    /// Returns whether the part contains the beginning of the streams.
    pub fn first(&self) -> bool {
        self.from == 0
    }

    /// Returns whether the part contains the end of the streams.
    pub fn last(&self) -> bool {
        self.to == self.fan_in
    }
}

/// A way to store streams.
pub trait Storage {
    /// The type of the stored weights: [`WeightType::Int8`] or [`WeightType::Int4`].
    const WEIGHTS: WeightType;

    /// Calls `multiply` with all streams of a part, as many at a time as fit into `room`: the first stream, the number
    /// of streams, their words as the kernels read them, and the words from one stream to the next.
    fn streams(stored: &[u32], part: &StreamPart, room: &mut [u32], multiply: impl FnMut(usize, usize, &[u32], usize));
}

/// Weights in 8 bits, which the kernels read in place.
pub enum Eight {}

impl Storage for Eight {
    const WEIGHTS: WeightType = WeightType::Int8;

    #[inline]
    fn streams(
        stored: &[u32],
        part: &StreamPart,
        _: &mut [u32],
        mut multiply: impl FnMut(usize, usize, &[u32], usize),
    ) {
        let stream = part.stream_words(Self::WEIGHTS);
        let begin = if part.first() { 0 } else { STREAM_BIASES + part.from / 2 };
        multiply(part.pair, part.count, &stored[part.pair * stream + begin..], stream);
    }
}
