//! The choice of held-out images: the same for the same seed on every machine.

use super::{DataError, Result};
use crate::support::text::visible;

/// Marks the images to hold out: `fraction` of each class (rounded, at least one, never all), chosen by `seed`. Classes
/// without images are skipped.
pub(crate) fn held_out(labels: &[u16], class_names: &[String], fraction: f64, seed: u64) -> Result<Vec<bool>> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(DataError::Invalid(format!("a held-out fraction must be above 0 and below 1, not {fraction}")));
    }
    let mut by_class = vec![Vec::new(); class_names.len()];
    for (i, &label) in labels.iter().enumerate() {
        by_class[usize::from(label)].push(i);
    }
    let mut held = vec![false; labels.len()];
    let mut random = SplitMix64(seed);
    for (members, name) in by_class.iter_mut().zip(class_names).filter(|(members, _)| !members.is_empty()) {
        if members.len() == 1 {
            return Err(DataError::Invalid(format!(
                "class '{}' has a single image, which can't be split; add more images",
                visible(name)
            )));
        }
        let count = ((members.len() as f64 * fraction).round() as usize).clamp(1, members.len() - 1);
        for place in 0..count {
            let other = place + random.below(members.len() - place);
            members.swap(place, other);
            held[members[place]] = true;
        }
    }
    Ok(held)
}

/// Steele, Lea and Flood's generator. It is here because a library's sequence might change in an update.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns an integer below `limit`; the bias of the multiplication is below `limit` / 2^64.
    fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::SplitMix64;

    #[test]
    fn generator_gives_the_published_sequence() {
        let mut random = SplitMix64(1_234_567);
        let expected = [6_457_827_717_110_365_317_u64, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(expected.map(|_| random.next()), expected);
    }
}
