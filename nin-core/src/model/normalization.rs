//! What a pixel's byte means to a network of floats.

/// What a network of floats sees of one channel of its input: `(level - mean) * scale` for a level from 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// The level that becomes 0.
    pub mean: f32,
    /// By what the difference from it is multiplied.
    pub scale: f32,
}

impl Normalization {
    /// Normalizes a level: a pixel's byte, or a value between two bytes in an image that was resized. The difference is
    /// rounded before it is multiplied, on every target alike.
    #[inline(always)]
    pub fn apply(self, level: f32) -> f32 {
        (level - self.mean) * self.scale
    }
}
