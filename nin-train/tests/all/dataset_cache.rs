//! The cache of resized pictures: read again if and only if a file changed.

use crate::common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::{TempDir, options};
use image::{ImageFormat, Rgb, RgbImage};
use nin_train::data::{DatasetKind, Progress, Shape, Splits, load};

const SHAPE: Shape = Shape { channels: 1, rows: 2, columns: 2 };

fn picture(shade: u8) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    RgbImage::from_pixel(3, 3, Rgb([shade; 3])).write_to(&mut bytes, ImageFormat::Bmp).unwrap();
    bytes.into_inner()
}

/// Sets a file's time of change to `seconds` ago.
fn age(path: &Path, seconds: u64) {
    let time = SystemTime::now() - Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// Four pictures of shades 10, 20 (class a), 30 and 40 (class b), a minute old.
fn photos() -> TempDir {
    let folder = TempDir::new();
    for (name, shade) in [("a/1.bmp", 10), ("a/2.bmp", 20), ("b/1.bmp", 30), ("b/2.bmp", 40)] {
        age(&folder.write(name, &picture(shade)), 60);
    }
    folder
}

fn loaded(photos: &Path, cache: &Path, shape: Shape) -> Splits {
    let mut options = options(DatasetKind::Folder, Some(photos));
    options.folder.shape = shape;
    options.cache = Some(cache.to_owned());
    load(&options, &mut |_| ()).unwrap()
}

/// Returns the shades of all images, in order.
fn shades(splits: &Splits) -> Vec<u8> {
    let mut shades: Vec<u8> =
        [&splits.train, &splits.test].iter().flat_map(|set| (0..set.len()).map(|i| set.image(i)[0])).collect();
    shades.sort_unstable();
    shades
}

fn cache_files(cache: &Path) -> Vec<PathBuf> {
    fs::read_dir(cache).map_or_else(|_| Vec::new(), |files| files.map(|file| file.unwrap().path()).collect())
}

/// Changes the cached bytes of every picture to this value, so that it shows whether they are used.
fn forge(file: &Path, value: u8) {
    use sha2::{Digest, Sha256};
    let mut bytes = fs::read(file).unwrap();
    let end = bytes.len() - 32;
    bytes[end - 4 * SHAPE.len()..end].fill(value);
    let sum = Sha256::digest(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum);
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_second_load_takes_the_cached_bytes() {
    let (photos, cache) = (photos(), TempDir::new());
    let first = loaded(&photos.0, &cache.0, SHAPE);
    assert_eq!(shades(&first), [10, 20, 30, 40]);
    let files = cache_files(&cache.0);
    assert_eq!(files.len(), 1);
    assert_eq!(loaded(&photos.0, &cache.0, SHAPE), first);
    forge(&files[0], 99);
    assert_eq!(shades(&loaded(&photos.0, &cache.0, SHAPE)), [99; 4]);
    // Each shape has its own.
    let other = loaded(&photos.0, &cache.0, Shape { channels: 3, ..SHAPE });
    assert_eq!(shades(&other), [10, 20, 30, 40]);
    assert_eq!(cache_files(&cache.0).len(), 2);
}

#[test]
fn a_changed_file_is_read_again() {
    let (photos, cache) = (photos(), TempDir::new());
    loaded(&photos.0, &cache.0, SHAPE);
    let file = &cache_files(&cache.0)[0];
    let path = photos.0.join("a/2.bmp");
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    // Another time of change.
    forge(file, 99);
    fs::write(&path, picture(21)).unwrap();
    age(&path, 30);
    assert_eq!(shades(&loaded(&photos.0, &cache.0, SHAPE)), [21, 99, 99, 99]);
    // Now the cache has it, and the others as they were.
    assert_eq!(shades(&loaded(&photos.0, &cache.0, SHAPE)), [21, 99, 99, 99]);
    // The same size, and the old time set again, as copying programs do: the system's own time of change tells.
    if cfg!(unix) {
        fs::write(&path, picture(22)).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(before).unwrap();
        assert_eq!(shades(&loaded(&photos.0, &cache.0, SHAPE)), [22, 99, 99, 99]);
    }
    // Files of a moment ago are read each time.
    fs::write(&path, picture(23)).unwrap();
    assert_eq!(shades(&loaded(&photos.0, &cache.0, SHAPE)), [23, 99, 99, 99]);
    fs::write(&path, picture(24)).unwrap();
    assert_eq!(shades(&loaded(&photos.0, &cache.0, SHAPE)), [24, 99, 99, 99]);
    // A file that is gone, and a new one.
    fs::remove_file(photos.0.join("b/1.bmp")).unwrap();
    age(&photos.write("b/3.bmp", &picture(50)), 60);
    assert_eq!(shades(&loaded(&photos.0, &cache.0, SHAPE)), [24, 50, 99, 99]);
}

#[test]
fn a_damaged_cache_is_replaced() {
    let (photos, cache) = (photos(), TempDir::new());
    loaded(&photos.0, &cache.0, SHAPE);
    let file = &cache_files(&cache.0)[0];
    let whole = fs::read(file).unwrap();
    for length in [0, 7, 20, whole.len() / 2, whole.len() - 1] {
        fs::write(file, &whole[..length]).unwrap();
        assert_eq!(shades(&loaded(&photos.0, &cache.0, SHAPE)), [10, 20, 30, 40]);
        assert_eq!(fs::read(file).unwrap(), whole, "written again");
    }
    let mut changed = whole.clone();
    changed[whole.len() - 40] ^= 1;
    fs::write(file, &changed).unwrap();
    assert_eq!(shades(&loaded(&photos.0, &cache.0, SHAPE)), [10, 20, 30, 40]);
    // A folder that cannot be made is no error.
    let blocked = photos.write("blocked", b"");
    assert_eq!(shades(&loaded(&photos.0, &blocked.join("cache"), SHAPE)), [10, 20, 30, 40]);
}

#[test]
fn progress_counts_all_pictures() {
    let photos = photos();
    let mut options = options(DatasetKind::Folder, Some(&photos.0));
    options.folder.shape = SHAPE;
    let mut seen = Vec::new();
    let mut note = |progress: Progress<'_>| match progress {
        Progress::Pictures { done, total } => seen.push((done, total)),
        other => panic!("{other:?}"),
    };
    load(&options, &mut note).unwrap();
    assert_eq!(seen.last(), Some(&(4, 4)));
    assert!(seen.is_sorted());
}
