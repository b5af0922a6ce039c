//! The normalization of pixel bytes for float networks.

/// The normalization of one input channel of a float network: `(level - mean) * scale` for a level from 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// The level that becomes 0.
    pub mean: f32,
    /// The factor of the difference from the mean.
    pub scale: f32,
}

impl Normalization {
    /// Normalizes a level: a pixel's byte as a float. The difference is rounded before
    /// it is multiplied, on every target.
    #[inline(always)]
    pub fn apply(self, level: f32) -> f32 {
        (level - self.mean) * self.scale
    }
}
