//! The bytes of a map: their scale and zero point.

/// The values that bytes stand for: `scale · (byte − zero)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Grid {
    pub(crate) scale: f32,
    pub(crate) zero: u8,
}

impl Grid {
    /// Returns the value of a byte.
    pub(crate) fn value(self, byte: u8) -> f32 {
        self.scale * (f32::from(byte) - f32::from(self.zero))
    }
}

/// The range of a map's bytes: the smallest and the largest value to represent. 0 is always within.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Ends {
    /// At most 0; 0 after a ReLU.
    pub(crate) least: f32,
    /// At least 0.
    pub(crate) most: f32,
}

impl Ends {
    /// Returns the difference of the largest and the smallest value.
    pub(crate) fn width(self) -> f32 {
        self.most - self.least
    }

    /// Returns the grid whose steps have this width.
    pub(crate) fn grid(self, scale: f32) -> Grid {
        Grid { scale, zero: (-self.least / scale).round().clamp(0.0, 255.0) as u8 }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ends, Grid};

    #[test]
    fn zero_is_a_byte() {
        assert_eq!(Ends { least: 0.0, most: 2.0 }.grid(0.5), Grid { scale: 0.5, zero: 0 });
        let ends = Ends { least: -1.03, most: 3.0 };
        let grid = ends.grid(ends.width() / 255.0);
        assert_eq!((grid.zero, grid.value(grid.zero)), (65, 0.0));
        assert!((grid.value(0) + 1.03).abs() < 0.01 && (grid.value(255) - 3.0).abs() < 0.01, "{grid:?}");
    }
}
