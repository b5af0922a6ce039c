//! Sizes as people type them.

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

#[cfg(test)]
mod tests {
    use super::{count, size};

    #[test]
    fn sizes_have_units() {
        assert_eq!([size("64K"), size("1M"), size("777")], [Ok(65_536), Ok(1_048_576), Ok(777)]);
        assert_eq!([count("20M"), count("5k")], [Ok(20_000_000), Ok(5_000)]);
        for wrong in ["", "K", "0", "-1", "1.5K", "64KB", "99999999999999999999", "18446744073709551615K"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
