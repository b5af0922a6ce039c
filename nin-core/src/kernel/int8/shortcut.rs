//! The sums at the ends of shortcuts, with zero points.

use super::read::clamp;
use crate::packing::affine::{FACTOR, Factor, HEADER, Words};

/// Zero points and factors of a shortcut's sum.
pub(crate) struct Terms {
    words: Words,
    /// The zero point at the shortcut's end.
    zero: u8,
    /// The factors of the body's output, of the shortcut's end, and of their sum.
    factors: [Factor; 3],
}

impl Terms {
    /// Reads the sum's part of the weights.
    pub fn read(bytes: &[u8]) -> Terms {
        let factors = [0, 1, 2].map(|index| Factor::read(bytes, HEADER + 4 + index * FACTOR));
        Terms { words: Words::read(bytes), zero: bytes[HEADER], factors }
    }
}

/// Adds the values at a shortcut's end to those of its body, in place.
#[inline(always)]
pub(crate) fn add(terms: &Terms, shortcut: &[u8], body: &mut [u8]) {
    /// Bits below the unit of the addends.
    const FRACTION: u32 = 20;
    let Terms { words, zero, factors: [ours, theirs, total] } = terms;
    let addend = |value: u8, zero: u8, factor: &Factor| factor.apply((i32::from(value) - i32::from(zero)) << FRACTION);
    for (body, &shortcut) in body.iter_mut().zip(shortcut) {
        let sum = addend(*body, words.input_zero, ours).wrapping_add(addend(shortcut, *zero, theirs));
        *body = clamp(words, total.apply(sum));
    }
}
