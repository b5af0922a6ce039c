//! Two weights of 4 bits in a byte, as words of the 8-bit packing.

/// The upper half of each byte.
pub(super) const UPPER: u32 = 0xF0F0_F0F0;

/// Weights of a stream: the upper halves of a word are two inputs of a four, the lower ones the other two. Where two
/// inputs are left at the end, they are upper halves.
#[inline(always)]
pub(super) fn widen_words(weights: &[u32], wide: &mut [u32]) {
    let (twos, rest) = wide.as_chunks_mut::<2>();
    for (two, word) in twos.iter_mut().zip(weights) {
        *two = [word & UPPER, word << 4 & UPPER];
    }
    if let ([last], Some(word)) = (rest, weights.last()) {
        *last = word & UPPER;
    }
}
