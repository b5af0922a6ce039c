//! Picture files of all formats against what Pillow reads in them, and incomplete ones, which are refused.

use crate::common::TempDir;

use std::fs;
use std::path::{Path, PathBuf};

use nin_train::data::load_image;

const ROWS: u16 = 28;
const COLUMNS: u16 = 40;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/pictures")
}

/// Returns the pictures of the folder in the order of their names.
fn pictures() -> Vec<PathBuf> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut pictures: Vec<_> =
        files.filter(|file| !matches!(file.extension().unwrap().to_str(), Some("rgb" | "py"))).collect();
    pictures.sort();
    assert_eq!(pictures.len(), 33);
    pictures
}

fn name(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

/// Returns the largest difference and the mean difference of two pictures.
fn differences(ours: &[u8], theirs: &[u8]) -> (u8, f64) {
    assert_eq!(ours.len(), theirs.len());
    let each = || ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b));
    (each().max().unwrap(), each().map(f64::from).sum::<f64>() / ours.len() as f64)
}

/// Returns the bound for the largest difference of a value from Pillow's, and for the mean difference of all.
///
/// Formats without loss are exact. Decoders of JPEG may round each coefficient and each colour their own way, and
/// interpolate halved colours; WebP's arithmetic is defined to the bit.
fn bound(name: &str) -> (u8, f64) {
    match name {
        "jpeg-444" | "jpeg-turned" | "jpeg-grey" | "jpeg-cmyk" | "jpeg-progressive-grey" => (2, 0.05),
        name if name.starts_with("jpeg") => (4, 0.5),
        _ => (0, 0.0),
    }
}

#[test]
fn each_format_gives_the_pixels_that_pillow_reads() {
    for path in pictures() {
        let name = name(&path);
        let ours = load_image(&path, 3, ROWS, COLUMNS, false).unwrap();
        let (largest, mean) = differences(&ours, &fs::read(path.with_extension("rgb")).unwrap());
        let (most, most_mean) = bound(name);
        assert!(largest <= most && mean <= most_mean, "{name}: {largest} at most, {mean:.3} on average");
    }
    let ours = load_image(&folder().join("png-rgb.png"), 3, ROWS / 2, COLUMNS / 2, false).unwrap();
    let (largest, mean) = differences(&ours, &fs::read(folder().join("scaled.rgb")).unwrap());
    // Halves may be rounded the other way.
    assert!(largest <= 1 && mean < 0.3, "scaled: {largest} at most, {mean:.3} on average");
}

/// Writes `bytes` and returns the error of reading them.
#[track_caller]
fn refused(folder: &TempDir, name: &str, bytes: &[u8]) -> String {
    let path = folder.write(name, bytes);
    let read = load_image(&path, 3, ROWS, COLUMNS, false).map(|_| "it was read");
    let error = read.expect_err(name).to_string();
    assert!(error.starts_with(&format!("{}: ", path.display())), "{error}");
    error
}

#[test]
fn a_file_cut_at_any_tenth_is_refused() {
    let folder = TempDir::new();
    for path in pictures() {
        let bytes = fs::read(&path).unwrap();
        // The first frame or page is in the first half, and all that is read.
        let tenths = if ["gif-moving", "tiff-pages"].contains(&name(&path)) { 0..5 } else { 0..10 };
        for tenth in tenths {
            let error =
                refused(&folder, path.file_name().unwrap().to_str().unwrap(), &bytes[..bytes.len() * tenth / 10]);
            assert!(error.ends_with("; replace or remove it"), "{error}");
        }
    }
}

/// Returns where the data of the first scan begin.
fn scan(jpeg: &[u8]) -> usize {
    let at = jpeg.windows(2).position(|two| two == [0xff, 0xda]).unwrap();
    at + 2 + usize::from(jpeg[at + 2]) * 256 + usize::from(jpeg[at + 3])
}

#[test]
fn a_jpeg_says_how_far_its_data_go() {
    let folder = TempDir::new();
    for path in pictures().iter().filter(|path| name(path).starts_with("jpeg")) {
        let whole = fs::read(path).unwrap();
        let (first, name) = (scan(&whole), name(path));
        // Every length but the last two, which lack the end marker only.
        for length in first..whole.len() - 3 {
            let error = refused(&folder, "cut.jpg", &whole[..length]);
            assert!(error.contains("the JPEG ends "), "{name}: {error}");
        }
        let progressive = name.contains("progressive");
        let cut = folder.write("cut.jpg", &whole[..whole.len() - 2]);
        assert_eq!(load_image(&cut, 3, ROWS, COLUMNS, false).is_err(), progressive, "{name}");
    }
    let whole = fs::read(self::folder().join("jpeg-444.jpg")).unwrap();
    let start = scan(&whole);
    let half = start + (whole.len() - start) / 2;
    #[track_caller]
    fn told(bytes: &[u8], what: &str) {
        let error = refused(&TempDir::new(), "x.jpg", bytes);
        assert!(error.contains(what), "{error}");
    }
    // 20 blocks of 8×8 pixels.
    told(&whole[..half], "x.jpg: the JPEG ends after 35 % of its scan; replace or remove it");
    told(&whole[..start], "the JPEG ends after 0 % of its scan");
    told(&whole[..start - 20], "the JPEG ends within its header");
    // Bytes that are zero in the middle, and a marker there.
    told(&[&whole[..half], &[0; 60], &whole[half + 60..]].concat(), "the JPEG is damaged after ");
    told(&[&whole[..half], &[0xff, 0xd9], &whole[half..]].concat(), "the JPEG is damaged after ");
    let restart = fs::read(self::folder().join("jpeg-restart.jpg")).unwrap();
    let marker = restart.windows(2).rposition(|two| two == [0xff, 0xd1]).unwrap();
    told(&[&restart[..marker + 1], &[0xd2], &restart[marker + 2..]].concat(), "the JPEG is damaged after 66 %");
    // Padding before the end is no damage, nor is anything after it.
    for (pad, end) in [(&[0; 7][..], &b""[..]), (&[0xff; 3], b""), (b"", b"\xff\xd8\xff junk")] {
        let bytes = [&whole[..whole.len() - 2], pad, &[0xff, 0xd9], end].concat();
        let path = folder.write("padded.jpg", &bytes);
        load_image(&path, 3, ROWS, COLUMNS, false).unwrap();
    }
    // A header that promises much more than there is.
    let mut large = whole.clone();
    let frame = large.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    large[frame + 5..frame + 9].copy_from_slice(&[0x1f, 0x40, 0x2e, 0xe0]);
    told(&large[..start + 50], "the JPEG ends after 0 % of its scan");
}

#[test]
fn damage_in_a_larger_photo_is_found_wherever_it_is() {
    let folder = TempDir::new();
    let mut number = crate::common::numbers(5, 256);
    let noise = image::RgbImage::from_fn(300, 300, |x, y| image::Rgb([x as u8, y as u8, number() as u8]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::from(noise).write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    let bytes = bytes.into_inner();
    load_image(&folder.write("whole.jpg", &bytes), 3, ROWS, COLUMNS, false).unwrap();
    let start = scan(&bytes);
    for at in (start + 2000..bytes.len() - 2100).step_by((bytes.len() - start) / 17) {
        // Bytes that are zero, missing, or there twice.
        let zeros = [&bytes[..at], &[0; 2000], &bytes[at + 2000..]].concat();
        let missing = [&bytes[..at], &bytes[at + 2000..]].concat();
        let twice = [&bytes[..at], &bytes[at - 2000..]].concat();
        for damaged in [zeros, missing, twice] {
            let error = refused(&folder, "x.jpg", &damaged);
            assert!(error.contains("the JPEG is damaged after "), "{error}");
        }
    }
    refused(&folder, "x.jpg", &bytes[..bytes.len() * 3 / 100]);
    refused(&folder, "x.jpg", &bytes[..400]);
}

#[test]
fn files_of_other_formats_are_named() {
    let folder = TempDir::new();
    for (bytes, what) in [
        (&b"\0\0\0\x18ftypheic\0\0\0\0mif1"[..], "is a HEIC file; convert it to PNG or JPEG"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avif", "is an AVIF file; convert it to PNG or JPEG"),
        (b"%PDF-1.7", "is a PDF file"),
        (b"<!DOCTYPE html>", "is an SVG, HTML or XML file"),
        (b"", "is empty"),
        (b"hello", "is not a PNG, JPEG, WebP, BMP, GIF or TIFF file"),
    ] {
        let error = refused(&folder, "photo.jpg", bytes);
        assert!(error.contains(what), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
