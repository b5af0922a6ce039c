//! IDX files: what was written is read, in each form; each kind of damage is told with the file's name.

use crate::common;

use common::{DEBIAN, TempDir, gzip, idx_files, noise, numbers, options};
use nin_train::data::{Dataset, DatasetKind, LoadOptions, Places, Remote, Result, Shape, Splits, idx, load, load_from};

const SHAPE: Shape = Shape { channels: 1, rows: 7, columns: 5 };

fn pair() -> (Dataset, Dataset) {
    (noise(40, SHAPE, 1), noise(20, SHAPE, 2))
}

fn load_folder(folder: &TempDir) -> Result<Splits> {
    load(&options(DatasetKind::FashionMnist, Some(&folder.0)), &mut |_| ())
}

#[test]
fn every_form_of_the_files_is_read() {
    let (train, test) = pair();
    let dotted = |name: &str| name.replace("-idx", ".idx");
    let nested = |name: &str| format!("{name}/{name}");
    let plain = |name: &str| name.to_owned();
    type Naming<'a> = &'a dyn Fn(&str) -> String;
    let forms: [(Naming<'_>, bool); 5] = [
        (&plain, false),
        (&|name| format!("{name}.gz"), true),
        (&dotted, false),
        (&nested, false),
        (&plain, true), // gzip under a plain name
    ];
    for (name, packed) in forms {
        let folder = TempDir::new();
        for (official, bytes) in idx::NAMES.iter().zip(idx_files(&train, &test)) {
            folder.write(&name(official), &if packed { gzip(&bytes) } else { bytes });
        }
        let splits = load_folder(&folder).unwrap();
        assert_eq!((&splits.train, &splits.test), (&train, &test), "{}", name(idx::NAMES[0]));
        assert!(!splits.is_subset && splits.notice.is_none());
        assert!(splits.source.contains("40 training and 20 test"), "{}", splits.source);
        let image = 3 * SHAPE.len();
        assert_eq!(splits.train.image(3), &train.bytes()[image..image + SHAPE.len()]);
        assert_eq!(splits.test.label(13), 3);
    }
}

#[test]
fn mnist_has_digits_as_names() {
    let (train, test) = pair();
    let folder = TempDir::new();
    for (name, bytes) in idx::NAMES.iter().zip(idx_files(&train, &test)) {
        folder.write(name, &bytes);
    }
    let splits = load(&options(DatasetKind::Mnist, Some(&folder.0)), &mut |_| ()).unwrap();
    assert_eq!(splits.train.class_names()[7], "7");
    assert!(splits.source.starts_with("MNIST from"));
}

/// Loads with file `which` replaced and returns the message, which must name that file and end with advice.
fn message(which: usize, gz: bool, change: impl Fn(&mut Vec<u8>)) -> String {
    let (train, test) = pair();
    let folder = TempDir::new();
    let mut path = None;
    for (i, (name, bytes)) in idx::NAMES.iter().zip(idx_files(&train, &test)).enumerate() {
        let mut bytes = if gz { gzip(&bytes) } else { bytes };
        if i == which {
            change(&mut bytes);
        }
        let written = folder.write(&if gz { format!("{name}.gz") } else { (*name).to_owned() }, &bytes);
        if i == which {
            path = Some(written);
        }
    }
    let message = load_folder(&folder).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{}: ", path.unwrap().display())), "{message}");
    assert!(message.ends_with("; replace it with an intact copy"), "{message}");
    message
}

#[test]
fn each_kind_of_damage_is_told() {
    let told = |which, gz, change: &dyn Fn(&mut Vec<u8>), what: &str| {
        let message = message(which, gz, change);
        assert!(message.contains(what), "{what:?} is not in {message:?}");
    };
    told(0, false, &|b| b.truncate(1234), "ends after 1,234 of 1,416 bytes");
    told(0, false, &|b| b.truncate(3), "ends after 3 of 16 bytes");
    told(1, false, &|b| b.truncate(47), "ends after 47 of 48 bytes");
    told(2, false, &Vec::clear, "is empty");
    told(0, false, &|b| b[3] = 1, "starts with 00 00 08 01, not with 00 00 08 03");
    told(1, false, &|b| b[3] = 3, "holds no labels as IDX");
    told(0, false, &|b| b[4] = 0xff, "far too many");
    told(0, false, &|b| b[7] += 1, "ends after 1,416 of 1,451 bytes");
    told(0, false, &|b| b[7] -= 1, "has more bytes than its header states");
    told(0, false, &|b| b[4..8].fill(0), "has a header with 0 images");
    told(0, false, &|b| b[8] = 1, "which is impossible"); // more rows than 65,535
    told(3, false, &|b| b.push(0), "has more bytes than its header states");
    told(
        1,
        false,
        &|b| {
            b[7] -= 1;
            b.pop();
        },
        "holds 39 labels, but there are 40 images",
    );
    told(3, false, &|b| b[8 + 5] = 10, "label 10 of image 5 is not one of 0 to 9");
    told(
        2,
        false,
        &|b| {
            b[11] = 5;
            b[15] = 7;
        },
        "has images of 1x5x7, but those for training are 1x7x5",
    );
    told(
        0,
        true,
        &|b| *b = b"<html>Not found</html>".to_vec(),
        "is neither gzip nor IDX: it starts with \"<html>Not fo\"",
    );
    told(
        0,
        true,
        &|b| {
            let at = b.len() - 6;
            b[at] ^= 1;
        },
        "is damaged",
    );
    told(
        0,
        true,
        &|b| {
            let at = b.len() - 3;
            b.truncate(at);
        },
        "ends within its checksum",
    );
    told(
        0,
        true,
        &|b| {
            let at = b.len() / 2;
            b.truncate(at);
        },
        "ends after ",
    );
    told(0, true, &|b| b[2] = 0x77, "is damaged after 0 of 16 bytes");
}

#[test]
fn files_cut_or_changed_anywhere_never_load_unnoticed() {
    let mut number = numbers(3, 1 << 30);
    for round in 0..60 {
        let at = number() as usize;
        // Cutting: always an error, plain or packed.
        message(round % 4, round % 2 == 0, |bytes| bytes.truncate(1 + at % (bytes.len() - 1)));
    }
    // A flipped bit in gzip's content is an error by its check sum, or one of deflate's few padding bits.
    let (train, test) = pair();
    let mut errors = 0;
    for round in 0..60 {
        let folder = TempDir::new();
        for (i, (name, bytes)) in idx::NAMES.iter().zip(idx_files(&train, &test)).enumerate() {
            let mut bytes = gzip(&bytes);
            if i == round % 4 {
                let at = 10 + number() as usize % (bytes.len() - 10);
                bytes[at] ^= 1 << (number() % 8);
            }
            folder.write(name, &bytes);
        }
        match load_folder(&folder) {
            Ok(splits) => assert_eq!((&splits.train, &splits.test), (&train, &test)),
            Err(error) => {
                errors += 1;
                assert!(error.to_string().contains(idx::NAMES[round % 4]), "{error}");
            }
        }
    }
    assert!(errors > 40, "only {errors} of 60");
}

#[test]
fn a_folder_asked_for_is_never_replaced_by_another() {
    let gone = load(&options(DatasetKind::FashionMnist, Some("no/such/folder".as_ref())), &mut |_| ());
    assert_eq!(
        gone.unwrap_err().to_string(),
        "no/such/folder: there is no such folder; check the path given with --data"
    );
    let folder = TempDir::new();
    folder.write("train-images-idx3-ubyte.gz", b"anything");
    let message = load_folder(&folder).unwrap_err().to_string();
    assert!(message.contains("there is no train-labels-idx1-ubyte, no t10k-images-idx3-ubyte, no t10k"), "{message}");
}

/// Places in a temporary folder, so that the tests don't depend on what is on the computer.
fn places(root: &TempDir) -> Places {
    Places { local: root.0.join("local"), cache: Some(root.0.join("cache")), system: root.0.join("system") }
}

fn search(root: &TempDir, kind: DatasetKind) -> Result<Splits> {
    let options: LoadOptions = options(kind, None);
    load_from(&options, &places(root), &Remote::fashion_mnist(), &mut |_| panic!("offline"))
}

#[test]
fn places_are_searched_in_order_and_parts_passed_over() {
    let root = TempDir::new();
    let splits = search(&root, DatasetKind::FashionMnist).unwrap();
    assert!(splits.is_subset);
    let notice = splits.notice.unwrap();
    assert!(notice.contains("because of --offline; the bundled subset"), "{notice}");
    assert!(!notice.contains('\n'));
    let usual = Places::usual(DatasetKind::FashionMnist);
    assert_eq!(usual.in_order().next().unwrap(), std::path::Path::new("data/fashion-mnist"));
    assert_eq!(usual.in_order().last().unwrap(), std::path::Path::new(DEBIAN));

    for (place, count) in [("system", 10), ("cache", 20), ("local", 30)] {
        let (train, test) = (noise(count, SHAPE, 4), noise(10, SHAPE, 5));
        for (name, bytes) in idx::NAMES.iter().zip(idx_files(&train, &test)) {
            root.write(&format!("{place}/{name}"), &bytes);
        }
        let splits = search(&root, DatasetKind::FashionMnist).unwrap();
        assert_eq!((splits.train.len(), splits.notice, splits.is_subset), (count, None, false));
    }
    // A broken file is an error that tells how to heal it, and doing so heals it.
    let labels = root.write("local/train-labels-idx1-ubyte", b"");
    let message = search(&root, DatasetKind::FashionMnist).unwrap_err().to_string();
    assert!(message.ends_with("is empty; delete it and run again to download it"), "{message}");
    std::fs::remove_file(labels).unwrap();
    let splits = search(&root, DatasetKind::FashionMnist).unwrap();
    assert_eq!(splits.train.len(), 20);
    assert!(splits.notice.unwrap().contains("was skipped, because it has no train-labels-idx1-ubyte"));
}

#[test]
fn what_is_not_fetched_is_said_to_be_needed() {
    let root = TempDir::new();
    for kind in [DatasetKind::Mnist, DatasetKind::Cifar10] {
        let message = search(&root, kind).unwrap_err().to_string();
        assert!(message.contains("it is not downloaded") && message.contains("--data DIR"), "{message}");
    }
    let message = search(&root, DatasetKind::Folder).unwrap_err().to_string();
    assert!(message.contains("needs --data DIR"), "{message}");
    assert!("imagenet".parse::<DatasetKind>().unwrap_err().to_string().contains("'imagenet'"));
    for kind in DatasetKind::ALL {
        assert_eq!(kind.to_string().parse::<DatasetKind>().unwrap(), kind);
    }
}

/// Writes the four files under EMNIST's names, with these labels in both parts.
fn emnist(labels: &[u8], prefix: &str, ending: [&str; 2]) -> TempDir {
    let shape = Shape { channels: 1, rows: 3, columns: 4 };
    let names = (0..256).map(|class| class.to_string()).collect();
    let pixels = (0..labels.len() * shape.len()).map(|i| i as u8).collect();
    let set = Dataset::new(pixels, shape, labels.iter().map(|&label| label.into()).collect(), names).unwrap();
    let folder = TempDir::new();
    for (file, name) in idx_files(&set, &set).iter().zip(["images-idx3", "labels-idx1", "images-idx3", "labels-idx1"]) {
        let part = if folder.0.join(format!("{prefix}{}-{name}-ubyte", ending[0])).exists() { 1 } else { 0 };
        folder.write(&format!("{prefix}{}-{name}-ubyte", ending[part]), file);
    }
    folder
}

#[test]
fn sets_of_any_size_and_number_of_classes_are_read() {
    let own = |folder: &TempDir, classes: &[&str]| {
        let classes = classes.iter().map(|&class| class.to_owned()).collect();
        load(&LoadOptions { classes, ..options(DatasetKind::Idx, Some(&folder.0)) }, &mut |_| ())
    };
    let names = |splits: &Splits| splits.train.class_names().join("");
    // EMNIST's letters are numbered from 1.
    let letters: Vec<u8> = (1..=26).collect();
    let folder = emnist(&letters, "emnist-letters-", ["train", "test"]);
    assert!(nin_train::data::is_idx_folder(&folder.0));
    let splits = own(&folder, &[]).unwrap();
    assert_eq!((splits.train.class_names().len(), splits.train.label(0), splits.test.label(25)), (26, 0, 25));
    assert!(names(&splits).starts_with("1234") && names(&splits).ends_with("2526"));
    assert!(splits.source.ends_with("of 26 classes, called by their numbers (--classes names them)."));
    let alphabet: Vec<String> = ('a'..='z').map(String::from).collect();
    let alphabet: Vec<&str> = alphabet.iter().map(String::as_str).collect();
    let splits = own(&folder, &alphabet).unwrap();
    assert_eq!((names(&splits), splits.train.label(2)), ("abcdefghijklmnopqrstuvwxyz".into(), 2));
    assert!(splits.source.ends_with("of 26 classes."), "{}", splits.source);
    let message = own(&folder, &["a", "b"]).unwrap_err().to_string();
    assert!(message.contains("has labels from 1 to 26, but --classes has 2 names, the last 'b'"), "{message}");

    // Digits are not taken for clothes, nor the other way round.
    let mnist = [5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7, 8];
    let splits = own(&emnist(&mnist, "", ["train", "t10k"]), &[]).unwrap();
    assert_eq!(names(&splits), "0123456789");
    assert!(splits.source.starts_with("MNIST from"), "{}", splits.source);
    let fashion = [9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9, 1];
    let splits = own(&emnist(&fashion, "", ["train", "t10k"]), &[]).unwrap();
    assert_eq!(splits.train.class_names()[9], "Ankle boot");
    let splits = own(&emnist(&[0, 1, 2], "", ["train", "t10k"]), &[]).unwrap();
    assert_eq!(names(&splits), "012");

    // Without test images, a part is held out; two sets in one folder are refused.
    let folder = emnist(&[0, 1, 0, 1, 0, 1], "", ["train", "t10k"]);
    for name in ["images-idx3", "labels-idx1"] {
        std::fs::remove_file(folder.0.join(format!("t10k-{name}-ubyte"))).unwrap();
    }
    let splits = own(&folder, &["x", "y"]).unwrap();
    assert_eq!((splits.train.len(), splits.test.len()), (4, 2));
    folder.write("other-train-images-idx3-ubyte", b"");
    let message = own(&folder, &[]).unwrap_err().to_string();
    assert!(message.contains("has two files of one kind, "), "{message}");
}
