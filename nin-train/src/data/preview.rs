//! Examines a folder of pictures before they are loaded: their sizes, and whether they have colours.

use std::fs;
use std::path::{Path, PathBuf};

use image::{ImageDecoder, ImageReader};
use rayon::prelude::*;

use super::{Shape, is_picture, load_image, picture_size};

/// The most pictures whose sizes are read, evenly spread over all.
const SIZES: usize = 256;
/// The most pictures that are decoded to look for colours, evenly spread over all.
const COLOURS: usize = 24;
/// The most folders inside each other that are searched: split, class, and one more.
const DEPTH: usize = 3;
/// The most pictures that are listed.
const MOST: usize = 200_000;

/// The largest side of a chosen input. Most small classifiers do not need more pixels, which cost time and RAM.
const MOST_SIDE: u32 = 64;
/// The smallest side to which larger pictures are reduced.
const LEAST_SIDE: u32 = 16;
/// The largest difference between the channels of a picture that counts as grey. JPEG's rounding causes such
/// differences.
const GREY: u8 = 6;

/// The result of [`preview`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Whether all examined pictures are grey.
    pub grey: bool,
    /// The median of their heights and of their widths, in pixels.
    pub size: [u32; 2],
    /// Whether all are of that size.
    pub same_size: bool,
}

/// Examines some pictures of a folder; `None` if none can be read. Errors are left to the loading of the folder.
pub fn preview(folder: &Path) -> Option<Preview> {
    let mut files = Vec::new();
    collect(folder, DEPTH, &mut files);
    files.sort();
    let sizes: Vec<[u32; 2]> = spread(&files, SIZES).into_par_iter().filter_map(|file| size(file)).collect();
    let middle = |side: usize| {
        let mut sides: Vec<u32> = sizes.iter().map(|size| size[side]).collect();
        sides.sort_unstable();
        sides.get(sides.len() / 2).copied()
    };
    let size = [middle(0)?, middle(1)?];
    let looked: Vec<bool> = spread(&files, COLOURS).into_par_iter().filter_map(|file| is_grey(file)).collect();
    let grey = !looked.is_empty() && looked.iter().all(|grey| *grey);
    Some(Preview { grey, size, same_size: sizes.iter().all(|other| *other == size) })
}

impl Preview {
    /// Returns the shape of the network's input that suits the pictures: their own if all have one size of at most 64
    /// pixels a side; else a square as large as a typical picture's shorter side, in steps of 8 pixels from 16 to 64.
    pub fn shape(&self) -> Shape {
        let channels = if self.grey { 1 } else { 3 };
        let [rows, columns] = self.size;
        if self.same_size && rows.max(columns) <= MOST_SIDE {
            return Shape { channels, rows: rows as u16, columns: columns as u16 };
        }
        let side = (rows.min(columns) / 8 * 8).clamp(LEAST_SIDE, MOST_SIDE) as u16;
        Shape { channels, rows: side, columns: side }
    }
}

/// Adds the pictures below a folder, by their endings.
fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        if files.len() >= MOST || entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if path.is_dir() {
            if depth > 1 {
                collect(&path, depth - 1, files);
            }
        } else if depth < DEPTH && is_picture(&path) {
            // A picture beside the class folders belongs to no class.
            files.push(path);
        }
    }
}

/// Returns at most `most` of the files, evenly spread.
fn spread(files: &[PathBuf], most: usize) -> Vec<&PathBuf> {
    let count = files.len().min(most);
    (0..count).map(|i| &files[i * files.len() / count]).collect()
}

/// Returns a picture's height and width.
fn size(file: &Path) -> Option<[u32; 2]> {
    let (width, height) = picture_size(file)?;
    Some([height, width]).filter(|sides| !sides.contains(&0))
}

/// Returns whether a picture has no colours; `None` if it cannot be read.
fn is_grey(file: &Path) -> Option<bool> {
    let reader = ImageReader::open(file).ok()?.with_guessed_format().ok()?;
    if !reader.into_decoder().ok()?.color_type().has_color() {
        return Some(true);
    }
    let pixels = load_image(file, 3, 64, 64, false).ok()?;
    let same =
        |pixel: &[u8]| pixel.iter().max().zip(pixel.iter().min()).is_some_and(|(most, least)| most - least <= GREY);
    Some(pixels.chunks(3).all(same))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use image::{GrayImage, Luma, Rgb, RgbImage};

    use super::{Preview, Shape, preview};

    fn folder(classes: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        classes.iter().for_each(|class| std::fs::create_dir_all(folder.path().join(class)).unwrap());
        folder
    }

    fn colour(path: &Path, width: u32, height: u32, blue: u8) {
        RgbImage::from_fn(width, height, |x, y| Rgb([(x * 9) as u8, (y * 5) as u8, blue])).save(path).unwrap();
    }

    #[test]
    fn small_pictures_of_one_size_keep_it() {
        let folder = folder(&["train/a", "train/b", ".hidden"]);
        for class in ["a", "b"] {
            let path = folder.path().join(format!("train/{class}/1.png"));
            GrayImage::from_fn(10, 8, |x, y| Luma([(20 * x + y) as u8])).save(path).unwrap();
        }
        colour(&folder.path().join(".hidden/2.png"), 90, 90, 200);
        let found = preview(folder.path()).unwrap();
        assert_eq!(found, Preview { grey: true, size: [8, 10], same_size: true });
        assert_eq!(found.shape(), Shape { channels: 1, rows: 8, columns: 10 });
    }

    #[test]
    fn photos_of_many_sizes_become_a_square_in_colour() {
        let folder = folder(&["a", "b"]);
        for (name, width, height) in [("a/1.png", 90, 70), ("a/2.jpg", 200, 48), ("b/1.png", 61, 300)] {
            colour(&folder.path().join(name), width, height, 200);
        }
        std::fs::write(folder.path().join("b/broken.png"), b"no picture").unwrap();
        let found = preview(folder.path()).unwrap();
        assert_eq!((found.grey, found.same_size, found.size), (false, false, [70, 90]));
        assert_eq!(found.shape(), Shape { channels: 3, rows: 64, columns: 64 });
        // Grey values in a file with three channels.
        RgbImage::from_fn(50, 40, |x, y| Rgb([(x + y) as u8; 3])).save(folder.path().join("a/1.png")).unwrap();
        std::fs::remove_file(folder.path().join("a/2.jpg")).unwrap();
        std::fs::remove_file(folder.path().join("b/1.png")).unwrap();
        let found = preview(folder.path()).unwrap();
        assert_eq!((found.grey, found.shape().rows), (true, 40));
    }

    #[test]
    fn a_folder_without_pictures_has_no_preview() {
        let folder = folder(&["a"]);
        std::fs::write(folder.path().join("a/notes.txt"), b"").unwrap();
        assert_eq!(preview(folder.path()), None);
        assert_eq!(preview(&folder.path().join("missing")), None);
    }
}
