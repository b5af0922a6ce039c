//! Widens streams of 4-bit weights to 8 bits, as many at a time as fit the working memory.

use super::storage::{Storage, StreamPart};
use crate::kernel::int8::nibbles::widen_words;
use crate::packing::{STREAM_BIASES as BIASES, STREAM_FACTORS as FACTORS, WeightType};

/// Two weights to a byte.
pub enum Four {}

impl Storage for Four {
    const WEIGHTS: WeightType = WeightType::Int4;

    fn streams(
        stored: &[u32],
        part: &StreamPart,
        room: &mut [u32],
        mut multiply: impl FnMut(usize, usize, &[u32], usize),
    ) {
        let stream = part.stream_words(Self::WEIGHTS);
        let inputs = part.to - part.from;
        let biases = if part.first() { BIASES } else { 0 };
        let factors = if part.last() { FACTORS } else { 0 };
        let wide_stream = biases + inputs / 2 + factors;
        let together = room.len() / wide_stream;
        let end = part.pair + part.count;
        for pair in (part.pair..end).step_by(together) {
            let count = together.min(end - pair);
            let stored = stored[pair * stream..].chunks_exact(stream);
            for (wide, stored) in room.chunks_exact_mut(wide_stream).zip(stored).take(count) {
                let weights = &stored[BIASES + part.from / 4..][..inputs.div_ceil(4)];
                widen_words(weights, &mut wide[biases..][..inputs / 2]);
                // As arrays: a call of memcpy would cost more than these few words.
                if part.first()
                    && let (Some(wide), Some(stored)) = (wide.first_chunk_mut::<BIASES>(), stored.first_chunk())
                {
                    *wide = *stored;
                }
                if part.last()
                    && let (Some(wide), Some(stored)) = (wide.last_chunk_mut::<FACTORS>(), stored.last_chunk())
                {
                    *wide = *stored;
                }
            }
            multiply(pair, count, &room[..count * wide_stream], wide_stream);
        }
    }
}
