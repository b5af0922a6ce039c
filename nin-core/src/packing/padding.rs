//! The checks of a layer's padding and shifts.

use super::place::{Packing, Part};
use super::weight_type::WeightType;

impl Packing {
    /// Whether all padding of lanes and words is 0, except shifts; `bytes` has the length [`Packing::bytes`].
    pub(crate) const fn is_padded_with_zeros(self, bytes: &[u8]) -> bool {
        let mut at = self.end();
        while at < bytes.len() {
            if bytes[at] != 0 {
                return false;
            }
            at += 1;
        }
        // In a stream of 4-bit weights, the inputs that pad to a multiple of four have no `Place`; see below.
        let streams = self.integers() && self.lanes == 2;
        let inputs = if streams { self.fan_in.next_multiple_of(2) } else { self.padded_fan_in() };
        let mut output = 0;
        while output < self.padded_outputs() {
            if output >= self.outputs {
                let (bias, multiplier) = (self.bias(output), self.multiplier(output));
                if word(bytes, bias) != 0 || (self.integers() && word(bytes, multiplier) != 0) {
                    return false;
                }
            }
            let mut input = if output < self.outputs { self.fan_in } else { 0 };
            while input < inputs {
                if !self.is_zero(bytes, output, input) {
                    return false;
                }
                input += 1;
            }
            if streams && matches!(self.weight_type, WeightType::Int4) && inputs % 4 == 2 {
                let end = self.multiplier(output / 2 * 2);
                if word(bytes, end - 4) & 0x0F0F_0F0F != 0 {
                    return false;
                }
            }
            output += 1;
        }
        true
    }

    /// Whether a weight is 0.
    const fn is_zero(self, bytes: &[u8], output: usize, input: usize) -> bool {
        let place = self.weight(output, input);
        match (self.weight_type, place.part) {
            (WeightType::F32, _) => word(bytes, place.byte) == 0,
            (WeightType::F16, _) => bytes[place.byte] | bytes[place.byte + 1] == 0,
            (_, Part::Whole) => bytes[place.byte] == 0,
            (_, Part::Upper) => bytes[place.byte] & 0xF0 == 0,
            (_, Part::Lower) => bytes[place.byte] & 0x0F == 0,
        }
    }

    /// Whether every output of an integer layer, padding included, has a valid shift: 1 to 31 in a layer that computes
    /// activations, 0 in one that computes logits. Where half of the shift's unit is stored, it must match.
    pub(crate) const fn has_shifts(self, bytes: &[u8], activations: bool) -> bool {
        if activations { self.has_shifts_between(bytes, 1, 31) } else { self.has_shifts_between(bytes, 0, 0) }
    }

    /// Whether the shift of every output of an integer layer, padding included, is in this range. Where half of the
    /// shift's unit is stored, it must match; that of a shift below 1 is 0.
    pub(crate) const fn has_shifts_between(self, bytes: &[u8], least: i32, most: i32) -> bool {
        let mut output = 0;
        while output < self.padded_outputs() {
            let shift = word(bytes, self.shift(output)) as i32;
            if shift < least || shift > most {
                return false;
            }
            let unit = if shift > 0 { 1u32 << shift } else { 0 };
            if let Some(half) = self.half_unit(output)
                && word(bytes, half) != unit >> 1
            {
                return false;
            }
            output += 1;
        }
        true
    }
}

const fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
