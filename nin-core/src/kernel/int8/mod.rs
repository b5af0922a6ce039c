//! 8-bit layers. `docs/int8.md` in the repository has the arithmetic and the packings.
//!
//! The exporter sees to it that no sum overflows, and all builds agree. A file may say anything, though: sums wrap around,
//! so that whatever it holds is computed without a panic, though one that does not keep to that document may come to
//! other numbers in another build.

#[cfg(any(nin_mla, nin_muls))]
mod copy;
#[cfg(nin_dsp)]
mod dsp;
pub(crate) mod narrow;
mod plain;
#[cfg(not(target_os = "none"))]
mod wide;
#[cfg(all(target_arch = "x86_64", not(target_os = "none")))]
mod x86;

use super::Patch;
use crate::format::private::LayerWeights;

/// Whether this build computes with weights packed so.
pub(crate) const fn runs(lanes: usize) -> bool {
    let host = cfg!(not(target_os = "none"));
    lanes == 1 || (lanes == 2 && (host || cfg!(nin_dsp))) || (lanes == 16 && host)
}

/// How weights are packed, which the compiler knows if `LANES` are not 0: it leaves out what is for others.
#[inline(always)]
fn packed<const LANES: usize>(weights: &LayerWeights<'_>) -> usize {
    if LANES == 0 { weights.lanes } else { LANES }
}

/// One layer for a tile of at most [`TILE`](crate::plan::TILE) pixels; `out` takes pixels × outputs values.
#[inline(always)]
pub(crate) fn layer<const LANES: usize>(
    patch: &Patch<'_, u8>,
    pixels: usize,
    weights: &LayerWeights<'_>,
    work: &mut [u32],
    out: &mut [u8],
) {
    match packed::<LANES>(weights) {
        #[cfg(nin_dsp)]
        2 => dsp::layer::<dsp::Eight>(patch, pixels, weights, work, out),
        #[cfg(not(target_os = "none"))]
        2 | 16 => wide::layer(patch, pixels, weights, work, out),
        _ => {
            let _ = work;
            plain::layer(patch, pixels, weights, out);
        }
    }
}

#[cfg(test)]
pub(crate) use wide::layer_on;

/// What one output has beside its weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub bias: i32,
    pub multiplier: i32,
    pub shift: u32,
}

impl Output {
    /// Reads what output `index` of a layer has, packed as the compiler knows, or by 0 as `weights` say.
    pub fn of<const LANES: usize>(weights: &LayerWeights<'_>, index: usize) -> Output {
        let words: &[i32] = bytemuck::cast_slice(weights.bytes);
        if packed::<LANES>(weights) == 2 {
            Output::in_stream(words, weights.fan_in.div_ceil(2) + 8, index)
        } else {
            let outputs = weights.outputs.next_multiple_of(packed::<LANES>(weights));
            let (multiplier, shift) = (words[outputs + index], words[2 * outputs + index] as u32);
            Output { bias: words[index], multiplier, shift }
        }
    }

    /// Reads what output `index` of a layer has, of streams of so many words.
    pub fn in_stream(words: &[i32], stream: usize, index: usize) -> Output {
        let (begin, half) = (index / 2 * stream, index % 2);
        let end = begin + stream - 6 + 3 * half;
        Output { bias: words[begin + half] / 2, multiplier: words[end], shift: words[end + 2] as u32 }
    }

    /// A sum as a logit, in the bits of an f32: what stands for the multiplier is its scale.
    pub fn logit(&self, sum: i32) -> i32 {
        (sum as f32 * f32::from_bits(self.multiplier as u32)).to_bits() as i32
    }

    /// A sum as an activation: multiply, round, shift, round, clamp.
    #[inline(always)]
    pub fn requantise(&self, sum: i32) -> u8 {
        let high = ((i64::from(sum) * i64::from(self.multiplier) + (1 << 30)) >> 31) as i32;
        // A file may say anything; a shift outside of 1…31 is not worth a branch of its own.
        let shift = self.shift & 31;
        let rounded = high.wrapping_add((1 << shift) >> 1) >> shift;
        rounded.clamp(0, 255) as u8
    }
}

/// The weight of `input` for `output`, packed as [`Output::of`] says.
pub(crate) fn weight<const LANES: usize>(weights: &LayerWeights<'_>, output: usize, input: usize) -> i8 {
    let LayerWeights { bytes, fan_in, outputs, .. } = *weights;
    let at = match packed::<LANES>(weights) {
        2 => {
            let fan_in = fan_in.next_multiple_of(2);
            let (pair, half) = place_of_two(input, fan_in);
            output / 2 * (2 * fan_in + 32) + 8 + 4 * pair + 2 * half + output % 2
        }
        16 => {
            let fan_in = fan_in.next_multiple_of(4);
            12 * outputs.next_multiple_of(16) + output / 16 * 16 * fan_in + input / 4 * 64 + output % 16 * 4 + input % 4
        }
        _ => 12 * outputs + output * fan_in + input,
    };
    bytes[at] as i8
}

/// In the packing by two: the pair of inputs that `input` is in, and its place there.
const fn place_of_two(input: usize, fan_in: usize) -> (usize, usize) {
    let (four, rest) = (input / 4 * 4, input % 4);
    if fan_in - four >= 4 { (four / 2 + rest % 2, rest / 2) } else { (four / 2, rest) }
}

/// The average of `count` values, rounded as TensorFlow Lite rounds signed ones: halves away from 128.
pub(crate) fn average(sum: i32, count: usize) -> u8 {
    let count = count as i32;
    let signed = sum - 128 * count;
    let half = if signed > 0 { count / 2 } else { -(count / 2) };
    ((signed + half) / count + 128).clamp(0, 255) as u8
}

/// Raises each of `most` to the value beside it, where that is larger.
#[cfg(not(nin_dsp))]
pub(crate) fn raise(most: &mut [u8], values: &[u8]) {
    // Without vectors four at a time, in a word.
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

/// The larger of each pair of bytes.
#[cfg(not(nin_dsp))]
#[inline(always)]
fn larger(a: u32, b: u32) -> u32 {
    const TOP: u32 = 0x8080_8080;
    // The top bit of each byte: whether b's other seven bits are at least a's, then whether b is at least a.
    let rest = (b | TOP) - (a & !TOP);
    let at_least = ((b & !a) | (rest & !(a ^ b))) & TOP;
    // That bit in all of the byte.
    let mask = at_least | (at_least - (at_least >> 7));
    a ^ ((a ^ b) & mask)
}

#[cfg(nin_dsp)]
pub(crate) use dsp::raise;

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
