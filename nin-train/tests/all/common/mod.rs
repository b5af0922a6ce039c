//! What several tests need: temporary folders, and small data sets in every form.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use nin_train::data::{Dataset, DatasetKind, FolderOptions, LoadOptions, Shape, idx};

/// Where Debian's package puts the whole data set.
pub const DEBIAN: &str = "/usr/share/datasets/fashion-mnist";

/// A folder that is removed at the end of the test.
pub struct TempDir(pub PathBuf);

impl TempDir {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("nin-train-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns a repeatable stream of numbers below `limit`.
pub fn numbers(seed: u64, limit: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    }
}

pub fn names(kind: DatasetKind) -> Vec<String> {
    kind.class_names().iter().map(|&name| name.to_owned()).collect()
}

/// Noise with labels 0, 1, ... 9, 0, ...
pub fn noise(count: usize, shape: Shape, seed: u64) -> Dataset {
    let mut number = numbers(seed, 256);
    let images = (0..count * shape.len()).map(|_| number() as u8).collect();
    let labels = (0..count).map(|i| (i % 10) as u16).collect();
    Dataset::new(images, shape, labels, names(DatasetKind::FashionMnist)).unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns the four IDX files of a training and a test set, plain, in the order of their names.
pub fn idx_files(train: &Dataset, test: &Dataset) -> [Vec<u8>; 4] {
    let mut files: [Vec<u8>; 4] = Default::default();
    idx::write_images(train, &mut files[0]).unwrap();
    idx::write_labels(train, &mut files[1]).unwrap();
    idx::write_images(test, &mut files[2]).unwrap();
    idx::write_labels(test, &mut files[3]).unwrap();
    files
}

pub fn options(kind: DatasetKind, data: Option<&Path>) -> LoadOptions {
    let (data, folder) = (data.map(Path::to_owned), FolderOptions::default());
    LoadOptions { kind, data, offline: true, folder, classes: Vec::new(), cache: None }
}
