//! The words that precede a layer in a model of [`WeightType::Affine`](super::WeightType::Affine) or
//! [`AffineInt4`](super::WeightType::AffineInt4): zero points, scales and the factors of layers without weights.
//! `docs/int8.md` in the repository defines the arithmetic.
//!
//! Bytes are unsigned: a zero point here is TensorFlow Lite's plus 128. A shift is to the right; a negative one is to
//! the left and precedes the multiplication.

/// The byte of [`Words`] that has the layer's lanes.
pub(crate) const LANES_AT: usize = 5;
/// Bytes of [`Words`]: before a convolution or a fully connected layer.
pub const HEADER: usize = 12;
/// Bytes of a shortcut's sum: [`Words`], the zero point of the shortcut's end as a u32, then three [`Factor`]s: of the
/// body's output, of the shortcut's end, and of their sum.
pub const SUM: usize = HEADER + 4 + 3 * FACTOR;
/// Bytes of a global average: [`Words`] and one [`Factor`].
pub const AVERAGE: usize = HEADER + FACTOR;
/// Bytes of a [`Factor`].
pub const FACTOR: usize = 8;

/// What precedes every layer that has zero points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Words {
    /// The byte that stands for 0 in the input; for a shortcut's sum, in the body's output.
    pub input_zero: u8,
    /// The byte that stands for 0 in the output.
    pub output_zero: u8,
    /// The smallest output.
    pub least: u8,
    /// The largest output.
    pub most: u8,
    /// Whether sums are rounded twice, all shifts are from 1 to 31, and accumulators stay below 2^30: what the fast
    /// kernels need.
    pub plain: bool,
    /// The outputs that are side by side: 1, or the lanes of the file.
    pub lanes: u8,
    /// Whether sums are rounded once and not twice, as in fully connected layers with one scale for each output.
    pub once: bool,
    /// Whether the weights have 4 bits and not 8.
    pub four_bits: bool,
    /// The value of one step of the output.
    pub scale: f32,
}

/// A multiplier in units of 2^−31 and a shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    /// From 0 to 2^31 − 1.
    pub multiplier: i32,
    /// From −30 to 31.
    pub shift: i32,
}

impl Words {
    /// The words of a layer without zero points that a ReLU follows.
    #[cfg(not(target_os = "none"))]
    pub(crate) const RELU: Words = Words {
        input_zero: 0,
        output_zero: 0,
        least: 0,
        most: 255,
        plain: true,
        lanes: 1,
        once: false,
        four_bits: false,
        scale: 1.0,
    };

    /// Reads the words at the beginning of a layer.
    #[inline]
    pub const fn read(bytes: &[u8]) -> Words {
        let [input_zero, output_zero, least, most] = word(bytes, 0);
        let [plain, lanes, once, four_bits] = word(bytes, 4);
        let scale = f32::from_le_bytes(word(bytes, 8));
        let [plain, once, four_bits] = [plain == 1, once == 1, four_bits == 1];
        Words { input_zero, output_zero, least, most, plain, lanes, once, four_bits, scale }
    }

    /// Whether outputs have the zero point 0 and the range 0 to 255, as after a ReLU.
    #[inline]
    pub(crate) const fn is_relu(&self) -> bool {
        self.output_zero == 0 && self.least == 0 && self.most == 255
    }

    /// Returns an output as a logit, in the bits of an f32.
    pub(crate) const fn logit(&self, output: u8) -> i32 {
        let steps = output as i32 - self.output_zero as i32;
        (steps as f32 * self.scale).to_bits() as i32
    }

    /// Returns the words as bytes.
    pub const fn bytes(&self) -> [u8; HEADER] {
        let [s0, s1, s2, s3] = self.scale.to_le_bytes();
        let Words { input_zero, output_zero, least, most, plain, lanes, once, four_bits, .. } = *self;
        [input_zero, output_zero, least, most, plain as u8, lanes, once as u8, four_bits as u8, s0, s1, s2, s3]
    }
}

impl Factor {
    /// Reads a factor at byte `at`.
    #[inline]
    pub const fn read(bytes: &[u8], at: usize) -> Factor {
        Factor { multiplier: i32::from_le_bytes(word(bytes, at)), shift: i32::from_le_bytes(word(bytes, at + 4)) }
    }

    /// Returns the factor as bytes.
    pub const fn bytes(&self) -> [u8; FACTOR] {
        let ([m0, m1, m2, m3], [s0, s1, s2, s3]) = (self.multiplier.to_le_bytes(), self.shift.to_le_bytes());
        [m0, m1, m2, m3, s0, s1, s2, s3]
    }

    /// Whether multiplier and shift are in their ranges.
    pub(crate) const fn is_valid(self) -> bool {
        self.multiplier >= 0 && self.shift >= -30 && self.shift <= 31
    }

    /// Returns `value` times the factor, rounded once to nearest, halves up; at most 2^30 in magnitude, which no output
    /// reaches.
    #[inline]
    pub const fn apply_once(self, value: i32) -> i32 {
        const MOST: i64 = 1 << 30;
        let shift = (31i32.wrapping_add(self.shift) & 63) as u32;
        let half = (1i64 << shift) >> 1;
        let rounded = (value as i64 * self.multiplier as i64).wrapping_add(half) >> shift;
        (if rounded > MOST {
            MOST
        } else if rounded < -MOST {
            -MOST
        } else {
            rounded
        }) as i32
    }

    /// Returns `value` times the factor, rounded as TensorFlow Lite rounds: twice, the second time with halves away
    /// from zero. For factors out of range it wraps around.
    #[inline]
    pub const fn apply(self, value: i32) -> i32 {
        let (left, right) = if self.shift < 0 { (-self.shift & 31, 0) } else { (0, self.shift & 31) };
        let product = value.wrapping_shl(left as u32) as i64 * self.multiplier as i64;
        let high = ((product + (1 << 30)) >> 31) as i32;
        if right == 0 {
            return high;
        }
        let half = (1 << (right - 1)) - (high < 0) as i32;
        high.wrapping_add(half) >> right
    }
}

const fn word(bytes: &[u8], at: usize) -> [u8; 4] {
    [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]
}
