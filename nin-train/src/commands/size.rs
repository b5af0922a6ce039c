//! Sizes and shapes as people type them.

use nin_core::Shape;
use nin_train::support::text::grouped;

use super::Outcome;

/// `64K`: 65,536 bytes.
pub fn size(text: &str) -> Result<u64, String> {
    scaled(text, 1024)
}

/// `20M`: 20,000,000.
pub fn count(text: &str) -> Result<u64, String> {
    scaled(text, 1000)
}

fn scaled(text: &str, thousand: u64) -> Result<u64, String> {
    let (number, unit) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, thousand),
        None => match text.strip_suffix('M') {
            Some(number) => (number, thousand * thousand),
            None => (text, 1),
        },
    };
    let whole = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    whole.filter(|number| *number > 0).ok_or_else(|| "a whole number above 0, perhaps with K or M after it".to_owned())
}

/// An error if a network needs more RAM than its budget: firmware with this model would not compile.
pub fn check_ram(needed: usize, budget: Option<u64>, what: &str) -> Outcome {
    match budget {
        Some(budget) if needed as u64 > budget => Err(format!(
            "{what} needs {} B of RAM, and --ram-budget allows {} B: raise it, or use a smaller network",
            grouped(needed as u64),
            grouped(budget)
        )
        .into()),
        _ => Ok(()),
    }
}

/// `0.2`: a part of a whole, above 0 and below 1.
pub fn part(text: &str) -> Result<f64, String> {
    let part = text.parse().ok().filter(|part| *part > 0.0 && *part < 1.0);
    part.ok_or_else(|| "a number above 0 and below 1, like 0.2".to_owned())
}

/// `3x48x48`: channels × rows × columns, like the beginning of an architecture line.
pub fn shape(text: &str) -> Result<Shape, String> {
    let sides: Option<Vec<u16>> = text.split('x').map(|side| side.parse().ok().filter(|&side| side > 0)).collect();
    match sides.as_deref() {
        Some(&[channels, rows, columns]) => Ok(Shape { channels, rows, columns }),
        _ => Err("a shape is channels x rows x columns, like 3x48x48".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{count, shape, size};

    #[test]
    fn shapes_have_three_sides() {
        assert_eq!(shape("3x48x64").map(|shape| (shape.channels, shape.rows, shape.columns)), Ok((3, 48, 64)));
        for wrong in ["", "48x48", "3x48x48x1", "0x4x4", "3xax4", "1x70000x1"] {
            assert!(shape(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!([size("64K"), size("1M"), size("777")], [Ok(65_536), Ok(1_048_576), Ok(777)]);
        assert_eq!([count("20M"), count("5k")], [Ok(20_000_000), Ok(5_000)]);
        for wrong in ["", "K", "0", "-1", "1.5K", "64KB", "99999999999999999999", "18446744073709551615K"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
