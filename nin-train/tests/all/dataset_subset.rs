//! The bundled subset: balanced, small, and really the first images of each class.

use crate::common;

use std::path::Path;

use common::{DEBIAN, noise, numbers, options};
use nin_train::data::subset::{BUNDLED, bundled, read_subset};
use nin_train::data::{Dataset, DatasetKind, Shape, Splits, load, make_subset};

#[test]
fn it_is_balanced_and_small() {
    let splits = bundled().unwrap();
    assert!(splits.is_subset);
    assert_eq!(splits.train.shape(), Shape { channels: 1, rows: 28, columns: 28 });
    assert_eq!(splits.train.class_counts(), [600; 10]);
    assert_eq!(splits.test.class_counts(), [100; 10]);
    assert_eq!(splits.train.class_names()[9], "Ankle boot");
    assert!(BUNDLED.len() <= 4_000_000);
}

#[test]
fn it_equals_the_original_if_that_is_here() {
    if !Path::new(DEBIAN).is_dir() {
        eprintln!("skipped: {DEBIAN} is not there (Debian package dataset-fashion-mnist)");
        return;
    }
    let original = load(&options(DatasetKind::FashionMnist, Some(DEBIAN.as_ref())), &mut |_| ()).unwrap();
    let subset = bundled().unwrap();
    let check = |subset: &Dataset, whole: &Dataset, per_class: usize| {
        for class in 0..10 {
            let of_class = |set: &Dataset| (0..set.len()).filter(|&i| set.label(i) == class).collect::<Vec<_>>();
            let (ours, theirs) = (of_class(subset), of_class(whole));
            assert_eq!(ours.len(), per_class);
            for (&a, &b) in ours.iter().zip(&theirs) {
                assert_eq!(subset.image(a), whole.image(b));
            }
        }
    };
    check(&subset.train, &original.train, 600);
    check(&subset.test, &original.test, 100);
    // Only if the images above are right but these bytes differ, the compressor has changed: see data/README.md.
    assert!(make_subset(&original).unwrap() == BUNDLED, "the packed bytes differ from the bundled ones");
}

#[test]
fn making_and_reading_are_each_others_reverse() {
    let shape = Shape { channels: 1, rows: 2, columns: 3 };
    let whole = |train, test| Splits {
        train: noise(train, shape, 1),
        validation: None,
        test: noise(test, shape, 2),
        source: String::new(),
        is_subset: false,
        notice: None,
    };
    let original = whole(6_500, 1_100);
    let bytes = make_subset(&original).unwrap();
    assert_eq!(bytes, make_subset(&original).unwrap());
    let subset = read_subset(&bytes, "subset".as_ref()).unwrap();
    // The labels go round, so that the first 600 of each class are simply the first 6,000.
    assert_eq!(subset.train, original.train.select(&(0..6_000).collect::<Vec<_>>()));
    assert_eq!(subset.test, original.test.select(&(0..1_000).collect::<Vec<_>>()));
    let message = make_subset(&whole(5_999, 1_000)).unwrap_err().to_string();
    assert_eq!(message, "class 'Ankle boot' has only 599 of the 600 images the subset needs");

    let mut number = numbers(5, 1 << 30);
    for _ in 0..20 {
        let mut damaged = bytes.clone();
        damaged.truncate(number() as usize % bytes.len());
        assert!(read_subset(&damaged, "subset".as_ref()).is_err());
        let mut damaged = bytes.clone();
        damaged[10 + number() as usize % (bytes.len() - 10)] ^= 1 << (number() % 8);
        match read_subset(&damaged, "subset".as_ref()) {
            // One of deflate's few padding bits.
            Ok(same) => assert_eq!(same, subset),
            Err(error) => assert!(error.to_string().starts_with("subset: "), "{error}"),
        }
    }
}

#[test]
fn a_validation_set_is_balanced_repeatable_and_apart() {
    let train = bundled().unwrap().train;
    let (rest, validation) = train.split(0.1, 42).unwrap();
    assert_eq!((rest.class_counts(), validation.class_counts()), (vec![540; 10], vec![60; 10]));
    assert_eq!(train.split(0.1, 42).unwrap(), (rest.clone(), validation.clone()));
    assert_ne!(train.split(0.1, 43).unwrap().1, validation);
    // Every image is in exactly one part, in the original order: merging the parts gives the whole again.
    let (mut r, mut v) = (0, 0);
    for i in 0..train.len() {
        if r < rest.len() && rest.image(r) == train.image(i) {
            r += 1;
        } else {
            assert_eq!(validation.image(v), train.image(i));
            v += 1;
        }
    }
    assert_eq!((r, v), (rest.len(), validation.len()));
    for fraction in [0.0, 1.0, -1.0, f64::NAN] {
        assert!(train.split(fraction, 1).is_err());
    }
}

#[test]
fn a_data_set_that_does_not_fit_together_is_refused() {
    let shape = Shape { channels: 1, rows: 2, columns: 2 };
    let names = || vec!["a".to_owned()];
    assert!(Dataset::new(vec![0; 8], shape, vec![0, 0], names()).is_ok());
    assert!(Dataset::new(vec![0; 7], shape, vec![0, 0], names()).is_err());
    assert!(Dataset::new(vec![0; 8], shape, vec![0, 1], names()).is_err());
    assert!(Dataset::new(vec![], Shape { rows: 0, ..shape }, vec![], names()).is_err());
}
