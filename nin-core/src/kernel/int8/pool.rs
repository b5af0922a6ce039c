//! Computes averages and maxima of bytes, without vector instructions.

/// Returns the average of `count` values, rounded as TensorFlow Lite rounds signed values: halves away from 128.
pub(crate) fn average(sum: i32, count: usize) -> u8 {
    let count = count as i32;
    let signed = sum - 128 * count;
    let half = if signed > 0 { count / 2 } else { -(count / 2) };
    ((signed + half) / count + 128).clamp(0, 255) as u8
}

/// Raises each value of `most` to the value at the same index in `values`, if that is larger.
#[cfg(not(nin_dsp))]
pub(crate) fn raise(most: &mut [u8], values: &[u8]) {
    // On a board, four bytes at a time in one word.
    let fours = if cfg!(target_os = "none") { most.len() / 4 * 4 } else { 0 };
    let (most_fours, most) = most.split_at_mut(fours);
    let (value_fours, values) = values.split_at(fours);
    for (most, values) in most_fours.as_chunks_mut().0.iter_mut().zip(value_fours.as_chunks().0) {
        *most = larger(u32::from_le_bytes(*most), u32::from_le_bytes(*values)).to_le_bytes();
    }
    for (most, &value) in most.iter_mut().zip(values) {
        *most = value.max(*most);
    }
}

/// Returns the larger of each pair of bytes.
#[cfg(not(nin_dsp))]
#[inline(always)]
fn larger(a: u32, b: u32) -> u32 {
    const TOP: u32 = 0x8080_8080;
    // The top bit of each byte: whether b's other seven bits are at least a's, then whether b is at least a.
    let rest = (b | TOP) - (a & !TOP);
    let at_least = ((b & !a) | (rest & !(a ^ b))) & TOP;
    // Copies that bit to all bits of the byte.
    let mask = at_least | (at_least - (at_least >> 7));
    a ^ ((a ^ b) & mask)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_larger_of_bytes() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                let pairs = [(a, b), (b, a), (a, b ^ 0x80), (b, a.wrapping_add(1))];
                let word = |of: fn(&(u8, u8)) -> u8| u32::from_le_bytes(pairs.each_ref().map(of));
                let larger = super::larger(word(|pair| pair.0), word(|pair| pair.1));
                assert_eq!(larger.to_le_bytes(), pairs.map(|(a, b)| a.max(b)), "{pairs:?}");
            }
        }
    }
}
