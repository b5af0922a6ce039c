//! The types of stored weights.

/// The type in which weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WeightType {
    /// 32-bit floats.
    F32,
    /// 16-bit floats (IEEE 754 binary16), widened exactly when used; biases stay 32-bit.
    F16,
    /// 8-bit integers with a scale for each output. Activations are 8-bit too. All arithmetic is integer, except for
    /// the logits, which are f32.
    Int8,
    /// As `Int8`, with 4-bit weights in some or all layers; they are widened exactly when used.
    Int4,
    /// As `Int8`, with a zero point for each map and TensorFlow Lite's rounding: models from TensorFlow Lite.
    Affine,
    /// As `Affine`, with 4-bit weights in some or all layers without groups; they are widened exactly when used.
    AffineInt4,
}

impl WeightType {
    /// Bits of one stored weight; for `Int4` and `AffineInt4` the smaller number.
    pub const fn bits(self) -> usize {
        match self {
            WeightType::F32 => 32,
            WeightType::F16 => 16,
            WeightType::Int8 | WeightType::Affine => 8,
            WeightType::Int4 | WeightType::AffineInt4 => 4,
        }
    }

    /// Bytes of one activation.
    pub const fn value_bytes(self) -> usize {
        match self {
            WeightType::F32 | WeightType::F16 => 4,
            WeightType::Int8 | WeightType::Int4 | WeightType::Affine | WeightType::AffineInt4 => 1,
        }
    }

    /// Whether some layers may have 4-bit weights.
    pub const fn is_narrow(self) -> bool {
        matches!(self, WeightType::Int4 | WeightType::AffineInt4)
    }

    /// Whether maps have zero points.
    pub const fn has_zero_points(self) -> bool {
        matches!(self, WeightType::Affine | WeightType::AffineInt4)
    }

    /// Whether weights and activations are integers.
    pub const fn is_integer(self) -> bool {
        !matches!(self, WeightType::F32 | WeightType::F16)
    }

    /// The name on the command line and in reports: `f32`, `f16`, `int8`, `int4`, `int8-affine` or
    /// `int4-affine`.
    pub const fn name(self) -> &'static str {
        match self {
            WeightType::F32 => "f32",
            WeightType::F16 => "f16",
            WeightType::Int8 => "int8",
            WeightType::Int4 => "int4",
            WeightType::Affine => "int8-affine",
            WeightType::AffineInt4 => "int4-affine",
        }
    }
}
