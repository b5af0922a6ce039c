//! Real factors as integer multipliers and shifts.

use nin_core::packing::affine::Factor;

/// Returns the multiplier and shift of a factor: `real ≈ multiplier · 2^−(31 + shift)`, with the multiplier in [2³⁰,
/// 2³¹) and the shift in 1…31. A factor below 2⁻³² becomes 0, because its product with any accumulator is below 1.
///
/// Returns `None` for a factor of ½ or more (also if rounding makes it ½), a negative one, and NaN.
pub fn multiplier(real: f64) -> Option<(i32, u32)> {
    /// 2⁻³².
    const LEAST: f64 = 1.0 / 4_294_967_296.0;
    if !(0.0..0.5).contains(&real) {
        return None;
    }
    if real < LEAST {
        return Some((0, 1));
    }
    // Both numbers come from the bits of `real`. It is not subnormal, so its mantissa has an implicit one.
    let exponent = (real.to_bits() >> 52) as i32 - 1022;
    let fraction = real * f64::powi(2.0, -exponent);
    let (multiplier, exponent) = match (fraction * f64::from(1u32 << 31)).round() as i64 {
        0x8000_0000 => (0x4000_0000, exponent + 1),
        multiplier => (multiplier as i32, exponent),
    };
    let shift = u32::try_from(-exponent).ok().filter(|shift| (1..=31).contains(shift))?;
    Some((multiplier, shift))
}

/// Returns a factor of any size as TensorFlow Lite stores it: one below 2⁻³² becomes 0. `None` if it is not above 0, or
/// 2³⁰ or more.
pub fn factor(real: f64) -> Option<Factor> {
    if !(real.is_finite() && real > 0.0) {
        return None;
    }
    let (fraction, exponent) = frexp(real);
    let mut exponent = exponent;
    let mut multiplier = (fraction * f64::from(1u32 << 31)).round() as i64;
    if multiplier == 1 << 31 {
        multiplier /= 2;
        exponent += 1;
    }
    if exponent < -31 {
        return Some(Factor { multiplier: 0, shift: 1 });
    }
    let multiplier = i32::try_from(multiplier).ok()?;
    (exponent <= 30).then_some(Factor { multiplier, shift: -exponent })
}

/// Returns `real` as a fraction from ½ to 1 and an exponent of 2.
fn frexp(real: f64) -> (f64, i32) {
    let (mut fraction, mut exponent) = (real, 0);
    while fraction >= 1.0 {
        fraction /= 2.0;
        exponent += 1;
    }
    while fraction < 0.5 {
        fraction *= 2.0;
        exponent -= 1;
    }
    (fraction, exponent)
}

#[cfg(test)]
mod tests {
    use super::multiplier;

    #[test]
    fn factors_come_back() {
        let mut real = 0.499_999;
        while real > 3e-10 {
            let (multiplier, shift) = multiplier(real).unwrap();
            assert!(multiplier >= 1 << 30, "{real}");
            let back = f64::from(multiplier) * f64::powi(2.0, -31 - shift as i32);
            assert!((back / real - 1.0).abs() < 1.0 / f64::from(1 << 30), "{real} came back as {back}");
            real *= 0.83;
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(multiplier(0.0), Some((0, 1)));
        assert_eq!(multiplier(f64::powi(2.0, -32)), Some((1 << 30, 31)));
        assert_eq!(multiplier(f64::powi(2.0, -32) * 0.999), Some((0, 1)));
        assert_eq!(multiplier(f64::powi(2.0, -32) * 1.999_999_999_999), Some((1 << 30, 30)), "rounded up");
        assert_eq!(multiplier(0.25), Some((1 << 30, 1)));
        assert_eq!(multiplier(0.25 - 1e-15), Some((1 << 30, 1)), "rounded up");
        for none in [0.5, 0.5 - 1e-15, 1.0, -1e-20, f64::INFINITY, f64::NAN] {
            assert_eq!(multiplier(none), None, "{none}");
        }
    }
}
