//! Files that were cut, continued or changed, at any byte, with the old checksum and with a valid one.

use nin_core::model::{AFFINE_VERSION, HEADER, MAGIC};
use nin_core::{Model, ModelError};
use nin_tests::model_file::{Aligned, LANES, ModelFile, WEIGHT_TYPES, seal};
use nin_tests::random::{self};
use proptest::prelude::*;

use super::{Content, decided, small, survive};

#[test]
fn any_truncation_is_an_error() {
    let bytes = small().write();
    for length in 0..bytes.len() {
        let cut = &bytes[..length];
        let expected = if length < HEADER + 4 { HEADER as u32 + 4 } else { bytes.len() as u32 };
        assert_eq!(survive(cut), Err(ModelError::Truncated { expected, found: length }));
        // A cut that moves the end of the file is refused too.
        if length >= 4 {
            let mut sealed = cut.to_vec();
            seal(&mut sealed);
            assert!(survive(&sealed).is_err(), "the first {length} bytes, sealed");
        }
    }
}

#[test]
fn anything_after_the_end_is_an_error() {
    let bytes = small().write();
    for more in [1, 4, 16, 1000] {
        let mut longer = bytes.clone();
        longer.resize(bytes.len() + more, 0);
        let (expected, found) = (bytes.len() as u32, longer.len());
        assert_eq!(survive(&longer), Err(ModelError::TrailingBytes { expected, found }));
    }
}

/// Every byte of the file, changed to every other value.
#[test]
fn any_changed_byte_is_an_error() {
    let bytes = small().write();
    for at in 0..bytes.len() {
        for flip in 1..=255 {
            let mut wrong = bytes.clone();
            wrong[at] ^= flip;
            let error = survive(&wrong).expect_err("a changed byte");
            let matches = match at {
                0..8 => error == ModelError::Magic,
                // These versions exist.
                8 if matches!(wrong[8], 2 | 3) => matches!(error, ModelError::Checksum { .. }),
                8..10 => matches!(error, ModelError::Version(_)),
                12..16 => matches!(error, ModelError::Truncated { .. } | ModelError::TrailingBytes { .. }),
                _ => matches!(error, ModelError::Checksum { .. }),
            };
            assert!(matches, "byte {at} ^ {flip}: {error:?}");
        }
    }
}

/// Every byte changed to every other value, under a valid checksum.
#[test]
fn a_changed_byte_under_a_right_checksum_never_lies() {
    changed_bytes_never_lie(&small());
    changed_bytes_never_lie(&decided());
}

fn changed_bytes_never_lie(file: &ModelFile) {
    let bytes = file.aligned();
    let before = Model::read(&bytes).unwrap();
    let weights_at = bytes.len() - 4 - before.weights().len();
    for at in 0..bytes.len() - 4 {
        for flip in 1..=255u8 {
            let mut changed = bytes.to_vec();
            changed[at] ^= flip;
            seal(&mut changed);
            let answer = survive(&changed);
            let changed = Aligned::new(&changed);
            let Ok(model) = Model::read(&changed) else {
                answer.expect_err("an error is the same each time");
                continue;
            };
            // It reads: then the change must appear in what was read.
            assert_ne!(Content::of(&model), Content::of(&before), "byte {at} ^ {flip}");
            assert_eq!(model.plan().weight_bytes(model.weight_type(), model.lanes()), model.weights().len());
            if at >= weights_at {
                assert_eq!(model.plan(), before.plan());
            }
        }
    }
}

/// Random bytes after more and more of a valid file's beginning, under a valid checksum.
fn forged() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    (bytes, 0..6usize, any::<bool>()).prop_map(|(mut bytes, depth, small_numbers)| {
        if small_numbers {
            // Small numbers are valid more often.
            bytes.iter_mut().for_each(|byte| *byte &= 0x11);
        }
        let length = bytes.len();
        let fields: [(usize, &[u8]); 5] = [
            (0, &MAGIC),
            (8, &(1 + length as u16 / 2 % AFFINE_VERSION).to_le_bytes()),
            (12, &(length as u32).to_le_bytes()),
            (10, &[1 + (length % 2) as u8, LANES[length % 3] as u8]),
            (20, &[64, 0, 0, 0]),
        ];
        for (at, field) in fields.into_iter().take(depth) {
            if at + field.len() <= length {
                bytes[at..at + field.len()].copy_from_slice(field);
            }
        }
        if depth > 0 && length >= 4 {
            seal(&mut bytes);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(random::config(20_000))]

    #[test]
    fn random_bytes_are_an_error(bytes in forged()) {
        prop_assert!(survive(&bytes).is_err());
    }
}

proptest! {
    #![proptest_config(random::config(1_000))]

    /// Several bytes of a random network's file at once: an error, or under a valid checksum a model that runs.
    #[test]
    fn several_changed_bytes(
        case in random::case(),
        lanes in prop::sample::select(LANES.to_vec()),
        weight_type in prop::sample::select(WEIGHT_TYPES.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..5),
        in_head in any::<bool>(),
    ) {
        let right = ModelFile::of(&case, weight_type, lanes).write();
        prop_assert_eq!(survive(&right), Ok(()));
        let mut wrong = right.clone();
        let head = if in_head { right.len().min(128) } else { right.len() };
        for (at, flip) in changes {
            wrong[at.index(head)] ^= flip;
        }
        if wrong != right {
            prop_assert!(survive(&wrong).is_err());
            seal(&mut wrong);
            let _ = survive(&wrong);
        }
    }
}
