//! A cache of teachers' logits.
//!
//! Mirrored and shifted by a pixel, an image has eighteen forms. Twenty epochs contain most of them; after that almost
//! all logits come from the cache.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// The key of an image: a hash of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u128);

impl Key {
    /// Returns the key of an image; no two different images of a run are expected to share a key.
    pub(super) fn of(image: &[f32]) -> Key {
        let digest = Sha256::digest(bytemuck::cast_slice(image));
        Key(digest.iter().take(16).fold(0, |key, byte| key << 8 | u128::from(*byte)))
    }
}

/// The size limit of the cache in bytes, with keys: room for Fashion-MNIST's images in about forty forms each.
const MOST: usize = 256 << 20;
/// Bytes of a key and its entry in a table that is half full, which is the worst case.
const KEY: usize = 2 * (size_of::<(Key, u32)>() + 1);

/// Logits by image. Logits that do not fit are not stored.
pub(super) struct Answers {
    /// The index of each image's logits.
    places: HashMap<Key, u32>,
    logits: Vec<f32>,
    classes: usize,
    /// The largest number of images.
    most: usize,
}

impl Answers {
    /// Returns an empty cache.
    pub(super) fn new(classes: usize) -> Answers {
        let most = MOST / (size_of::<f32>() * classes + KEY);
        Answers { places: HashMap::new(), logits: Vec::new(), classes, most }
    }

    /// Returns the stored logits of an image.
    pub(super) fn get(&self, key: Key) -> Option<&[f32]> {
        let place = *self.places.get(&key)? as usize;
        self.logits.get(place * self.classes..(place + 1) * self.classes)
    }

    /// Stores the logits of an image, if there is room.
    pub(super) fn keep(&mut self, key: Key, logits: &[f32]) {
        if self.places.len() >= self.most || self.places.contains_key(&key) {
            return;
        }
        // The index is below 2²³, because `most` is.
        self.places.insert(key, (self.logits.len() / self.classes) as u32);
        self.logits.extend_from_slice(logits);
    }
}

#[cfg(test)]
mod tests {
    use super::{Answers, Key};

    #[test]
    fn answers_are_found_by_the_image_until_there_is_no_room() {
        let images = [[0.0f32, 1.0], [1.0, 0.0], [0.5, 0.5]];
        let [first, second, third] = images.map(|image| Key::of(&image));
        let mut answers = Answers { most: 2, ..Answers::new(2) };
        assert_eq!(answers.get(first), None);
        answers.keep(first, &[1.0, 2.0]);
        answers.keep(second, &[3.0, 4.0]);
        answers.keep(first, &[9.0, 9.0]);
        answers.keep(third, &[5.0, 6.0]);
        assert_eq!(answers.get(Key::of(&[0.0, 1.0])), Some(&[1.0, 2.0][..]));
        assert_eq!(answers.get(second), Some(&[3.0, 4.0][..]));
        assert_eq!(answers.get(third), None, "no room");
    }
}
