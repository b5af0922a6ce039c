//! The sum of an area's levels.

/// The type of an area's sum: `u32` for frames of up to 16,777,216 pixels after the crop, `u64` for larger ones. The
/// results are the same. The trait is sealed.
pub trait Total: sealed::Sealed + Copy {
    /// The most pixels of an area.
    const MOST_PIXELS: u64;

    /// Returns `weight` × `sum`.
    fn product(weight: u32, sum: u32) -> Self;

    /// Returns the sum of both.
    fn plus(self, other: Self) -> Self;

    /// Returns the sum divided by `area`, rounded to the nearest integer, halves up; it is at most 255.
    ///
    /// Long division in eight steps: small cores have no instruction for a division, and their function for it needs
    /// more time than this.
    fn mean(self, area: Self) -> u8;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! total {
    ($type:ty, $most:expr) => {
        impl sealed::Sealed for $type {}

        impl Total for $type {
            const MOST_PIXELS: u64 = $most;

            #[inline(always)]
            fn product(weight: u32, sum: u32) -> $type {
                weight as $type * sum as $type
            }

            #[inline(always)]
            fn plus(self, other: $type) -> $type {
                self + other
            }

            #[inline(always)]
            fn mean(self, area: $type) -> u8 {
                let mut rest = self + area / 2;
                let mut mean = 0;
                for bit in (0..8).rev() {
                    let part = area << bit;
                    if rest >= part {
                        rest -= part;
                        mean |= 1 << bit;
                    }
                }
                mean
            }
        }
    };
}

// 255.5 × 2²⁴ is less than 2³².
total!(u32, 1 << 24);
total!(u64, 1 << 32);
