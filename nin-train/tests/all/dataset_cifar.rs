//! CIFAR-10's binary version.

use crate::common;

use common::{TempDir, noise, options};
use nin_train::data::{Dataset, DatasetKind, Result, Shape, Splits, load};

const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// Returns the records of a batch: labels and planes, made from channels-last images.
fn records(images: &Dataset) -> Vec<u8> {
    let mut bytes = Vec::new();
    for i in 0..images.len() {
        bytes.push(images.label(i) as u8);
        for channel in 0..3 {
            bytes.extend(images.image(i).iter().skip(channel).step_by(3));
        }
    }
    bytes
}

fn batches() -> Vec<Dataset> {
    (0..6).map(|seed| noise(4, Shape { channels: 3, rows: 32, columns: 32 }, seed)).collect()
}

fn write(folder: &TempDir, below: &str) -> Vec<Dataset> {
    let batches = batches();
    for (name, batch) in FILES.iter().zip(&batches) {
        folder.write(&format!("{below}{name}"), &records(batch));
    }
    batches
}

fn load_folder(folder: &TempDir) -> Result<Splits> {
    load(&options(DatasetKind::Cifar10, Some(&folder.0)), &mut |_| ())
}

#[test]
fn planes_become_channels_last_here_and_in_the_inner_folder() {
    for below in ["", "cifar-10-batches-bin/"] {
        let folder = TempDir::new();
        let batches = write(&folder, below);
        let splits = load_folder(&folder).unwrap();
        assert_eq!((splits.train.len(), splits.test.len()), (20, 4));
        for i in 0..20 {
            assert_eq!(splits.train.image(i), batches[i / 4].image(i % 4));
            assert_eq!(splits.train.label(i), i % 4);
        }
        assert_eq!(splits.test.images(), batches[5].images());
        assert_eq!(splits.test.class_names()[0], "airplane");
        let other: String = (0..10).map(|i| format!("class {i}\n")).collect::<String>() + "\n";
        folder.write(&format!("{below}batches.meta.txt"), other.as_bytes());
        assert_eq!(load_folder(&folder).unwrap().train.class_names()[3], "class 3");
    }
}

#[test]
fn damage_is_told() {
    let told = |name: &str, bytes: Option<Vec<u8>>, what: &str| {
        let folder = TempDir::new();
        write(&folder, "");
        match bytes {
            Some(bytes) => drop(folder.write(name, &bytes)),
            None => std::fs::remove_file(folder.0.join(name)).unwrap(),
        }
        let message = load_folder(&folder).unwrap_err().to_string();
        assert!(message.contains(what) && message.contains(name), "{what:?} is not in {message:?}");
    };
    let whole = records(&batches()[0]);
    let mut wrong = whole.clone();
    wrong[3073] = 10;
    told(FILES[0], Some(whole[..5000].to_vec()), "has 5,000 bytes, which are not whole records of 3,073 bytes");
    told(FILES[3], Some(whole[..6146].to_vec()), "has 6,146 bytes, but data_batch_1.bin has 12,292");
    told(FILES[5], Some(whole[..3073].to_vec()), "has 3,073 bytes, but data_batch_1.bin has 12,292");
    told(FILES[1], Some(Vec::new()), "has 0 bytes");
    told(FILES[2], Some(wrong), "label 10 of record 1 is not one of 0 to 9");
    told(FILES[5], None, "is missing");
    told("batches.meta.txt", Some(b"a\nb\n".to_vec()), "has 2 class names instead of 10");
}
