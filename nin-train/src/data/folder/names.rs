//! Class names: their Unicode form, their order and their limits.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use crate::data::{DataError, Result};
use crate::support::text::{grouped, visible};

/// Most classes: labels have 16 bits.
const MOST_CLASSES: usize = 1 << 16;

/// Most bytes of all class names together. A model file stores them with a length of 16 bits; each name adds one byte.
const MOST_BYTES: usize = 60_000;

/// Returns a name in Unicode's composed form (NFC). Systems store the same letters in different forms.
pub(crate) fn composed(name: &str) -> String {
    name.nfc().collect()
}

/// Compares names as people number them: runs of digits by their value, all else by character. `2` precedes `10`.
pub(crate) fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (i, j) = (digits(left), digits(right));
        let order = if i > 0 && j > 0 {
            let (number, other) = (left[..i].trim_start_matches('0'), right[..j].trim_start_matches('0'));
            (left, right) = (&left[i..], &right[j..]);
            number.len().cmp(&other.len()).then_with(|| number.cmp(other))
        } else {
            let (Some(x), Some(y)) = (left.chars().next(), right.chars().next()) else {
                // `01` and `1` are equal by value; the text decides, so that the order is total.
                return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
            };
            (left, right) = (&left[x.len_utf8()..], &right[y.len_utf8()..]);
            x.cmp(&y)
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Returns class names in their order: `wanted`, if it names all of them, else the natural order. `source` is what has
/// the classes, for messages.
///
/// # Errors
/// A class that `wanted` lacks or has in addition, or too many or too long names.
pub(crate) fn ordered(
    found: impl IntoIterator<Item = String>,
    wanted: &[String],
    source: &Path,
) -> Result<Vec<String>> {
    let mut names: Vec<String> = found.into_iter().collect();
    names.sort_by(|a, b| natural(a, b));
    names.dedup();
    let bytes: usize = names.iter().map(|name| name.len() + 1).sum();
    if names.len() > MOST_CLASSES {
        let problem = format!("has {} classes; {} is the limit", grouped(names.len() as u64), grouped(1 << 16));
        return Err(DataError::file(source, problem, "merge classes"));
    }
    if bytes > MOST_BYTES {
        let (bytes, most) = (grouped(bytes as u64), grouped(MOST_BYTES as u64));
        let problem = format!("has class names of {bytes} bytes in total; {most} is the limit");
        return Err(DataError::file(source, problem, "shorten the names"));
    }
    if wanted.is_empty() {
        return Ok(names);
    }
    check_distinct(wanted)?;
    let wanted: Vec<String> = wanted.iter().map(|name| composed(name)).collect();
    if let Some(name) = wanted.iter().find(|name| !names.contains(name)) {
        let problem = format!("has no class '{}', which --classes names", visible(name));
        return Err(DataError::file(source, problem, format!("its classes are {}", listed(&names))));
    }
    if let Some(name) = names.iter().find(|name| !wanted.contains(name)) {
        let problem = format!("has the class '{}', which --classes does not name", visible(name));
        return Err(DataError::file(source, problem, "name all classes, or remove its images"));
    }
    Ok(wanted)
}

/// Checks that no class is named twice, nor two classes alike.
///
/// # Errors
/// A sentence that names the class.
pub fn check_distinct(names: &[String]) -> Result<()> {
    let mut seen = BTreeMap::new();
    for name in names {
        if name.trim().is_empty() {
            return Err(DataError::Invalid("a class has no name: give each class a name of its own".into()));
        }
        if let Some(other) = seen.insert(composed(name), name) {
            let form = if other == name { "" } else { " in two Unicode forms" };
            let name = visible(name);
            return Err(DataError::Invalid(format!("the class '{name}' is named twice{form}; name each class once")));
        }
    }
    Ok(())
}

/// Returns the first names as one text.
pub(crate) fn listed(names: &[String]) -> String {
    const MOST: usize = 12;
    let shown: Vec<_> = names.iter().take(MOST).map(|name| visible(name)).collect();
    match names.len().checked_sub(MOST) {
        Some(more) if more > 0 => format!("{} and {} more", shown.join(", "), grouped(more as u64)),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::{check_distinct, composed, natural};

    #[test]
    fn digits_are_compared_by_value() {
        let mut names = ["10", "9", "1", "img12", "img2", "a", "B", "img2b", "01", "", "é", "007x", "7x", "img"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["", "01", "1", "007x", "7x", "9", "10", "B", "a", "img", "img2", "img2b", "img12", "é"]);
        let long = ["9".repeat(50), "1".to_owned() + &"0".repeat(50)];
        assert_eq!(natural(&long[0], &long[1]), Ordering::Less);
    }

    #[test]
    fn equal_letters_in_two_forms_are_one_name() {
        assert_eq!(composed("e\u{301}"), "é");
        let names = ["é".to_owned(), "e\u{301}".to_owned()];
        assert!(check_distinct(&names).unwrap_err().to_string().contains("two Unicode forms"));
        assert!(check_distinct(&["a".into(), "b".into(), "a".into()]).is_err());
        assert!(check_distinct(&["a".into(), " ".into()]).is_err());
        assert!(check_distinct(&["a".into(), "A".into()]).is_ok());
    }
}
