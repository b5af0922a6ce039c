//! Widens two 4-bit weights per byte to words of the 8-bit packing.

/// The upper half of each byte.
pub(super) const UPPER: u32 = 0xF0F0_F0F0;

/// Widens the weights of a stream. The upper halves of a word's bytes hold two of four inputs, the lower halves the
/// other two. If two inputs remain at the end, they are in the upper halves.
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
