//! The places of one layer's parameters.

use super::weight_type::WeightType;

/// Words at the beginning of a stream: the doubled biases of its two outputs. A stream holds two outputs of an integer
/// layer with two lanes.
pub(crate) const STREAM_BIASES: usize = 2;
/// Words at the end of a stream: multiplier, half of the shift's unit, and shift of each of the two outputs.
pub(crate) const STREAM_FACTORS: usize = 6;
/// Rows of words before integer weights with 1 or 16 lanes: biases, multipliers, shifts.
pub(crate) const ROWS: usize = 3;

/// The layout of one layer's parameters in its part of a model file's weights.
///
/// All places count bytes from the beginning of that part. In a model of [`WeightType::Int4`] the part begins after the
/// word that states the layer's number of bits, in one with zero points after the words of
/// [`affine`](super::affine).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    pub(super) weight_type: WeightType,
    pub(super) lanes: usize,
    pub(super) outputs: usize,
    pub(super) fan_in: usize,
}

/// The place of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index of its first byte.
    pub byte: usize,
    /// The part of the byte that it occupies.
    pub part: Part,
}

/// The part of a byte that a weight occupies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The whole byte; for a float, this byte and the following ones.
    Whole,
    /// The upper four bits.
    Upper,
    /// The lower four bits.
    Lower,
}

impl Place {
    #[inline(always)]
    const fn whole(byte: usize) -> Place {
        Place { byte, part: Part::Whole }
    }

    #[inline(always)]
    const fn half(byte: usize, lower: bool) -> Place {
        Place { byte, part: if lower { Part::Lower } else { Part::Upper } }
    }
}

impl Packing {
    /// Returns the packing of a layer with `outputs` outputs that sum over `fan_in` inputs each. `lanes` must be valid
    /// for the type: a number that [`Lanes::of`](super::Lanes::of) accepts. Weights with zero points are packed as those
    /// without.
    #[inline(always)]
    pub const fn new(weight_type: WeightType, lanes: usize, outputs: usize, fan_in: usize) -> Packing {
        let weight_type = match weight_type {
            WeightType::Affine => WeightType::Int8,
            WeightType::AffineInt4 => WeightType::Int4,
            other => other,
        };
        Packing { weight_type, lanes, outputs, fan_in }
    }

    /// Whether the weights are integers.
    #[inline(always)]
    pub(crate) const fn integers(self) -> bool {
        matches!(self.weight_type, WeightType::Int8 | WeightType::Int4)
    }

    /// Whether every two outputs are one stream of words.
    #[inline(always)]
    const fn streams(self) -> bool {
        self.integers() && self.lanes == 2
    }

    /// The number of outputs, padded to a multiple of the lanes.
    ///
    /// # Panics
    ///
    /// If the lanes are 0.
    #[inline(always)]
    pub const fn padded_outputs(self) -> usize {
        self.outputs.next_multiple_of(self.lanes)
    }

    /// The number of inputs, padded as the packing needs; the padding's weights are 0.
    #[inline(always)]
    pub const fn padded_fan_in(self) -> usize {
        match (self.weight_type, self.lanes) {
            (WeightType::Int8, 2) => self.fan_in.next_multiple_of(2),
            (WeightType::Int8, 16) | (WeightType::Int4, 2) => self.fan_in.next_multiple_of(4),
            (WeightType::Int4, 16) => self.fan_in.next_multiple_of(8),
            (WeightType::Int4, _) => self.fan_in.next_multiple_of(2),
            _ => self.fan_in,
        }
    }

    /// The number of bytes of the whole part, a multiple of four.
    ///
    /// # Panics
    ///
    /// If the lanes are 0.
    #[inline(always)]
    pub const fn bytes(self) -> usize {
        // If this saturates, the model does not fit a 32-bit address space.
        self.end().saturating_add(3) / 4 * 4
    }

    /// The number of bytes before the padding to a multiple of four.
    #[inline(always)]
    pub(super) const fn end(self) -> usize {
        let (outputs, fan_in) = (self.padded_outputs(), self.padded_fan_in());
        let parameters = match (self.integers(), self.lanes) {
            (true, 2) => 4 * (STREAM_BIASES + STREAM_FACTORS) / 2,
            (true, _) => 4 * ROWS,
            (false, _) => 4,
        };
        let bytes = match self.weight_type.bits() {
            4 => fan_in.saturating_mul(outputs) / 2,
            bits => fan_in.saturating_mul(outputs).saturating_mul(bits / 8),
        };
        (parameters * outputs).saturating_add(bytes)
    }

    /// The number of words of a stream of two outputs, for integers with two lanes.
    #[inline(always)]
    pub(crate) const fn stream_words(self) -> usize {
        let inputs = if matches!(self.weight_type, WeightType::Int4) { 4 } else { 2 };
        STREAM_BIASES + self.fan_in.div_ceil(inputs) + STREAM_FACTORS
    }

    /// The factor of stored biases: 2 for integers with two lanes, else 1.
    #[inline(always)]
    pub const fn bias_factor(self) -> i32 {
        if self.streams() { 2 } else { 1 }
    }

    /// Returns the place of an output's bias: an f32, or an i32 times [`bias_factor`](Self::bias_factor).
    #[inline(always)]
    pub const fn bias(self, output: usize) -> usize {
        if self.streams() { 4 * (output / 2 * self.stream_words() + output % 2) } else { 4 * output }
    }

    /// Returns the place of an output's multiplier (i32) or, in the last layer, of its scale (f32); integers only.
    #[inline(always)]
    pub const fn multiplier(self, output: usize) -> usize {
        if self.streams() { 4 * self.factors(output) } else { 4 * (self.padded_outputs() + output) }
    }

    /// Returns the place of an output's shift (u32); integers only.
    #[inline(always)]
    pub const fn shift(self, output: usize) -> usize {
        if self.streams() { 4 * (self.factors(output) + 2) } else { 4 * (2 * self.padded_outputs() + output) }
    }

    /// Returns the place of half of the shift's unit (u32), which is stored for integers with two lanes only.
    #[inline(always)]
    pub const fn half_unit(self, output: usize) -> Option<usize> {
        if self.streams() { Some(4 * (self.factors(output) + 1)) } else { None }
    }

    /// Returns the index of the first of an output's three words at the end of its stream.
    #[inline(always)]
    const fn factors(self, output: usize) -> usize {
        let stream = self.stream_words();
        output / 2 * stream + stream - STREAM_FACTORS + 3 * (output % 2)
    }

    /// Returns the place of the weight of `input` for `output`.
    #[inline(always)]
    pub const fn weight(self, output: usize, input: usize) -> Place {
        let Packing { weight_type, lanes, fan_in, .. } = self;
        match (weight_type, lanes) {
            (WeightType::Int8, 2) => {
                let (pair, half) = pair(input, fan_in.next_multiple_of(2));
                let stream = 4 * self.stream_words();
                Place::whole(output / 2 * stream + 4 * STREAM_BIASES + 4 * pair + 2 * half + output % 2)
            }
            (WeightType::Int8, 16) => {
                let (fan_in, group) = (self.padded_fan_in(), output / 16 * 16);
                Place::whole(self.rows() + group * fan_in + input / 4 * 64 + output % 16 * 4 + input % 4)
            }
            (WeightType::Int8, _) => Place::whole(self.rows() + output * fan_in + input),
            (WeightType::Int4, 2) => {
                let (pair, half) = pair(input, fan_in.next_multiple_of(2));
                let stream = 4 * self.stream_words();
                let byte = output / 2 * stream + 4 * STREAM_BIASES + 4 * (pair / 2) + 2 * half + output % 2;
                Place::half(byte, pair % 2 == 1)
            }
            (WeightType::Int4, 16) => {
                let group = output / 16 * fan_in.div_ceil(8) + input / 8;
                Place::half(self.rows() + group * 64 + output % 16 * 4 + input % 4, input / 4 % 2 == 1)
            }
            (WeightType::Int4, _) => Place::half(self.rows() + output * fan_in.div_ceil(2) + input / 2, input % 2 == 1),
            // Floats: `new` has replaced the other types.
            _ => {
                let index = (output / lanes * fan_in + input) * lanes + output % lanes;
                Place::whole(4 * self.padded_outputs() + weight_type.bits() / 8 * index)
            }
        }
    }

    /// The number of bytes before the weights, for integers that are not in streams.
    #[inline(always)]
    const fn rows(self) -> usize {
        4 * ROWS * self.padded_outputs()
    }
}

/// Returns the index of the pair that holds `input` in a stream, and the input's position in it. The pairs of each four
/// inputs are (0, 2) and (1, 3), as DSP instructions unpack a word of four activations; two remaining inputs at the end
/// are one pair.
#[inline(always)]
const fn pair(input: usize, fan_in: usize) -> (usize, usize) {
    let (four, rest) = (input / 4 * 4, input % 4);
    if fan_in - four >= 4 { (four / 2 + rest % 2, rest / 2) } else { (four / 2, rest) }
}
