//! Folders of the user's images, and single image files.

use crate::common;

use std::path::Path;

use common::{TempDir, options};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use nin_train::data::{DatasetKind, FolderOptions, LoadOptions, Result, Shape, Splits, load, load_image};

fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
    encode(image, ImageFormat::Png)
}

fn plain(colour: [u8; 3], width: u32, height: u32) -> RgbImage {
    RgbImage::from_pixel(width, height, Rgb(colour))
}

/// Returns a folder with 10 red, 5 green and 5 blue images, each of its own shade, and things to skip.
fn colours() -> TempDir {
    let folder = TempDir::new();
    for i in 0..10 {
        folder.write(&format!("red/{i}.png"), &png(plain([200 + i, 0, 0], 9, 6)));
    }
    for i in 0..5 {
        folder.write(&format!("green/{i}.JPG"), &encode(plain([0, 180 + i, 0], 8, 16), ImageFormat::Jpeg));
        // JPEG under PNG's name: seen in the wild.
        folder.write(&format!("blue/{i}.png"), &encode(plain([0, 0, 160 + i], 16, 8), ImageFormat::Jpeg));
    }
    folder.write("red/.hidden.png", b"");
    folder.write("red/notes.txt", b"");
    folder.write("blue/inner/0.png", b"");
    folder.write("README.md", b"");
    folder.write(".git/HEAD", b"");
    // What training in this very folder leaves there.
    folder.write("runs/custom/metrics.jsonl", b"");
    folder.write("first/.lock", b"");
    folder.write("first/sample.png", b"");
    folder
}

fn with(folder: &Path, shape: Shape, seed: u64) -> Result<Splits> {
    let folder_options = FolderOptions { shape, seed, ..FolderOptions::default() };
    let options = LoadOptions { folder: folder_options, ..options(DatasetKind::Folder, Some(folder)) };
    load(&options, &mut |_| ())
}

const RGB: Shape = Shape { channels: 3, rows: 4, columns: 6 };

#[test]
fn classes_are_shared_out_by_the_seed() {
    let folder = colours();
    let splits = with(&folder.0, RGB, 1).unwrap();
    assert_eq!(splits.train.class_names(), ["blue", "green", "red"]);
    assert_eq!(splits.train.class_counts(), [4, 4, 8]);
    assert_eq!(splits.test.class_counts(), [1, 1, 2]);
    assert!(splits.source.contains("16 training and 4 test images of 3 classes"), "{}", splits.source);
    assert!(splits.source.contains("; 7 other entries skipped)"), "{}", splits.source);
    assert_eq!(splits, with(&folder.0, RGB, 1).unwrap());
    assert!((2..9).any(|seed| with(&folder.0, RGB, seed).unwrap().test != splits.test));
    for set in [&splits.train, &splits.test] {
        for i in 0..set.len() {
            let strongest = (0..3).max_by_key(|&c| set.image(i)[c]).unwrap();
            assert_eq!(set.label(i), 2 - strongest);
            let file = folder.0.join(set.file(i).unwrap());
            assert_eq!(set.image(i), load_image(&file, 3, 4, 6, false).unwrap(), "{}", file.display());
        }
    }
    // All ten shades of red are there once: nothing is in both parts or lost.
    let mut reds: Vec<u8> = [&splits.train, &splits.test]
        .iter()
        .flat_map(|set| (0..set.len()).filter(|&i| set.label(i) == 2).map(|i| set.image(i)[0]))
        .collect();
    reds.sort_unstable();
    assert_eq!(reds, (200..210).collect::<Vec<u8>>());
}

#[test]
fn folders_train_and_test_are_taken_as_they_are() {
    let folder = TempDir::new();
    for (part, shade) in [("train", 10), ("test", 20)] {
        for class in ["a", "b"] {
            folder.write(&format!("{part}/{class}/x.png"), &png(plain([shade; 3], 5, 5)));
        }
    }
    let grey = Shape { channels: 1, rows: 3, columns: 3 };
    let splits = with(&folder.0, grey, 0).unwrap();
    assert_eq!((splits.train.bytes(), splits.test.bytes()), (&[10; 18][..], &[20; 18][..]));
    assert!(splits.source.ends_with("(split by its folders train and test)."), "{}", splits.source);
    folder.write("test/c/x.png", &png(plain([1; 3], 5, 5)));
    let message = with(&folder.0, grey, 0).unwrap_err().to_string();
    assert!(message.contains("has no training image of class 'c', which another part has"), "{message}");
}

#[test]
fn what_is_wrong_is_told() {
    let told = |files: &[(&str, Vec<u8>)], what: &str| {
        let folder = TempDir::new();
        files.iter().for_each(|(name, bytes)| drop(folder.write(name, bytes)));
        let message = with(&folder.0, RGB, 0).unwrap_err().to_string();
        assert!(message.contains(what), "{what:?} is not in {message:?}");
    };
    let good = || png(plain([1, 2, 3], 5, 5));
    let cut = || good()[..good().len() - 20].to_vec();
    told(&[], "has no class folder;");
    told(&[("a.png", good())], "has 1 picture, but no class folder;");
    told(&[("a/1.png", good())], "has a single class folder, 'a'");
    let table = ("labels.csv", b"file,label".to_vec());
    told(&[("a/1.png", good()), table], "'a'; name the table of labels: --data");
    told(&[("a/1.png", good()), ("b/notes.txt", vec![])], "b: this class folder has no picture");
    told(&[("a/1.png", good()), ("a/2.png", good()), ("b/1.png", good())], "class 'b' has a single image");
    let pairs = |bad: Vec<u8>| [("a/1.png", good()), ("a/2.png", bad), ("b/1.png", good()), ("b/2.png", good())];
    told(&pairs(b"GIF89a".to_vec()), "2.png: the GIF is damaged");
    told(&pairs(cut()), "2.png: the PNG is damaged");
    told(&pairs(Vec::new()), "2.png: is empty; replace or remove it, or leave such pictures out with --skip-bad");
    let folder = colours();
    for (shape, what) in [(Shape { channels: 2, ..RGB }, "not 2"), (Shape { rows: 0, ..RGB }, "have no pixels")] {
        let message = with(&folder.0, shape, 0).unwrap_err().to_string();
        assert!(message.contains(what), "{message}");
    }
}

#[test]
fn one_image_is_cut_about_its_centre_and_scaled_smoothly() {
    let folder = TempDir::new();
    // 8 wide, 4 high: the outer columns on both sides are cut off for a square.
    let wide = RgbImage::from_fn(8, 4, |x, _| Rgb(if (2..6).contains(&x) { [255, 0, 0] } else { [0, 0, 255] }));
    let path = folder.write("wide.png", &png(wide));
    assert_eq!(load_image(&path, 3, 2, 2, false).unwrap(), [255, 0, 0].repeat(4));
    assert_eq!(load_image(&path, 3, 2, 2, true).unwrap(), [0, 255, 255].repeat(4));
    let luma = load_image(&path, 1, 3, 3, false).unwrap();
    assert!(luma.len() == 9 && luma.iter().all(|&value| (50..80).contains(&value)), "{luma:?}");
    // Antialiasing: a fine chequerboard becomes grey, where picking pixels would give black or white.
    let board = GrayImage::from_fn(64, 64, |x, y| Luma([if (x + y) % 2 == 0 { 255 } else { 0 }]));
    let path = folder.write("board.png", &png(board));
    let small = load_image(&path, 1, 8, 8, false).unwrap();
    assert!(small.iter().all(|&value| value.abs_diff(127) <= 3), "{small:?}");
    // Transparent parts are white, whatever colour is stored for them.
    let clear = RgbaImage::from_fn(4, 4, |_, y| Rgba([0, 0, 0, if y < 2 { 0 } else { 255 }]));
    let path = folder.write("clear.png", &png(clear));
    let seen = load_image(&path, 1, 4, 4, false).unwrap();
    assert_eq!((seen[0], seen[15]), (255, 0));
    // 16 bits a channel.
    let deep = image::ImageBuffer::<Luma<u16>, _>::from_pixel(3, 3, Luma([0x8080_u16]));
    let path = folder.write("deep.png", &png(deep));
    assert_eq!(load_image(&path, 3, 1, 1, false).unwrap(), [128; 3]);
    // One pixel high strips and sizes above the image's are no trouble.
    let path = folder.write("strip.png", &png(plain([9, 9, 9], 300, 1)));
    assert_eq!(load_image(&path, 1, 28, 28, false).unwrap(), [9; 784]);
}

#[test]
fn a_photo_taken_sideways_is_turned_upright() {
    let folder = TempDir::new();
    // Left half black, right half white, with the EXIF tag "turn 90° clockwise": black is then on top.
    let image = GrayImage::from_fn(32, 32, |x, _| Luma([if x < 16 { 0 } else { 255 }]));
    let jpeg = encode(image, ImageFormat::Jpeg);
    let mut exif =
        b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    let mut turned = jpeg[..2].to_vec();
    turned.append(&mut exif);
    turned.extend(&jpeg[2..]);
    let path = folder.write("photo.jpg", &turned);
    let seen = load_image(&path, 1, 4, 4, false).unwrap();
    assert!(seen[..4].iter().all(|&v| v < 40) && seen[12..].iter().all(|&v| v > 215), "{seen:?}");
}

#[test]
fn bombs_and_missing_files_are_refused() {
    let folder = TempDir::new();
    // A PNG header that promises 30,000 x 30,000 RGBA pixels of 16 bits (7 GB).
    let mut bomb = png(plain([0; 3], 2, 2));
    bomb[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&30_000_u32.to_be_bytes());
    let crc = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    let path = folder.write("bomb.png", &bomb);
    let message = load_image(&path, 3, 8, 8, false).unwrap_err().to_string();
    assert!(message.contains("bomb.png") && message.contains("30000x30000 pixels, too many"), "{message}");
    let message = load_image(&folder.0.join("gone.png"), 3, 8, 8, false).unwrap_err().to_string();
    assert!(message.contains("gone.png: cannot open"), "{message}");
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
