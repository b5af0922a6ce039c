//! Numbers with separators and units.

/// Returns a number with its digits in groups of three: `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a count and its noun, which takes an `s` unless the count is 1: `1 image`, `1,200 images`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count as u64))
}

/// Returns a number of bytes in the unit that leaves at most four digits before the point: `16,432` as `16.0 KiB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut value = number as f64;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{number} B"),
        _ if value >= 99.95 => format!("{value:.0} {}", UNITS[unit]),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

/// Returns `part` of `whole` in percent: `91.23 %`.
pub fn percent(part: usize, whole: usize) -> String {
    match whole {
        0 => "–".to_owned(),
        _ => format!("{:.2} %", 100.0 * part as f64 / whole as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, counted, grouped, percent};

    #[test]
    fn numbers_are_grouped_in_threes() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (762_297_352, "762,297,352")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!([0, 1, 1200].map(|count| counted(count, "image")), ["0 images", "1 image", "1,200 images"]);
    }

    #[test]
    fn bytes_have_a_unit() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (16_432, "16.0 KiB"),
            (200_704, "196 KiB"),
            (7_968_664, "7.6 MiB"),
            (1 << 40, "1.0 TiB"),
        ];
        for (number, text) in cases {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn percent_of_nothing_is_no_number() {
        assert_eq!(percent(1, 8), "12.50 %");
        assert_eq!(percent(0, 0), "–");
    }
}
