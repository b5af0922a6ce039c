//! Images of a data set as text and as PNG files.

use std::fmt::Write;
use std::io::Cursor;

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use nin_core::Shape;

use crate::data::{Dataset, Splits};
use crate::support::text::visible;

/// Characters from dark to light.
const SHADES: &[u8] = b" .:-=+*#%@";

/// Returns the lightness of a pixel, 0 to 255.
fn lightness(pixel: &[u8]) -> usize {
    match pixel {
        [r, g, b] => (299 * usize::from(*r) + 587 * usize::from(*g) + 114 * usize::from(*b)) / 1000,
        _ => pixel.iter().map(|&byte| usize::from(byte)).sum::<usize>() / pixel.len().max(1),
    }
}

/// Returns images side by side as text, one character for two rows of pixels, with the class name above each.
pub fn text(dataset: &Dataset, indices: &[usize]) -> String {
    let shape = dataset.shape();
    let (rows, columns, channels) = (usize::from(shape.rows), usize::from(shape.columns), usize::from(shape.channels));
    // Large images are subsampled to at most 40 characters per line.
    let step = columns.div_ceil(40);
    let width = columns.div_ceil(step);
    let shown: Vec<usize> = indices.iter().copied().filter(|&index| index < dataset.len()).collect();
    let mut lines = vec![String::new()];
    for &index in &shown {
        let name: String = visible(&dataset.class_names()[dataset.label(index)]).chars().take(width).collect();
        let _ = write!(lines[0], "{name:width$} ");
    }
    for y in (0..rows).step_by(2 * step) {
        let mut line = String::new();
        for &index in &shown {
            let image = dataset.image(index);
            let pixel = |y: usize, x: usize| lightness(&image[(y * columns + x) * channels..][..channels]);
            for x in (0..columns).step_by(step) {
                let light = (pixel(y, x) + pixel((y + step).min(rows - 1), x)) / 2;
                line.push(char::from(SHADES[light * (SHADES.len() - 1) / 255]));
            }
            line.push(' ');
        }
        lines.push(line);
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// Returns the indices of the first images of each class, class by class, at most `each` per class.
pub fn of_each_class(dataset: &Dataset, each: usize) -> Vec<usize> {
    let mut found = vec![Vec::new(); dataset.class_names().len()];
    for index in 0..dataset.len() {
        let class = &mut found[dataset.label(index)];
        if class.len() < each {
            class.push(index);
        }
    }
    found.concat()
}

/// Returns a PNG with a row for each class: `each` images of every part of a data set, spread evenly over the part. Where
/// a class has fewer, the place stays grey.
///
/// # Errors
///
/// A sentence if the images have neither 1 nor 3 channels, or if there are none.
pub fn sheet_of_parts(splits: &Splits, each: usize) -> Result<Vec<u8>, String> {
    let parts: Vec<&Dataset> = splits.parts().map(|(_, images)| images).collect();
    let shape = splits.train.shape();
    let (mut bytes, mut labels) = (Vec::new(), Vec::new());
    let members: Vec<_> = parts.iter().map(|images| of_classes(images)).collect();
    for class in 0..splits.train.class_names().len() {
        for (images, members) in parts.iter().zip(&members) {
            let members = &members[class];
            let count = each.min(members.len());
            (0..count).for_each(|i| bytes.extend_from_slice(images.image(members[i * members.len() / count])));
            bytes.resize(bytes.len() + (each - count) * shape.len(), 128);
            labels.resize(labels.len() + each, 0);
        }
    }
    let all: Vec<usize> = (0..labels.len()).collect();
    let images = Dataset::new(bytes, shape, labels, vec![String::new()]).map_err(|error| error.to_string())?;
    sheet(&images, &all, each * parts.len())
}

/// Returns the indices of the images of each class.
fn of_classes(images: &Dataset) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); images.class_names().len()];
    (0..images.len()).for_each(|index| members[images.label(index)].push(index));
    members
}

/// Pixels between the images of a sheet.
const GAP: usize = 2;

/// Returns a PNG of images in rows of `across`.
///
/// # Errors
///
/// A sentence if the images have neither 1 nor 3 channels, or if there are none.
pub fn sheet(dataset: &Dataset, indices: &[usize], across: usize) -> Result<Vec<u8>, String> {
    let shape = dataset.shape();
    let (rows, columns, channels) = (usize::from(shape.rows), usize::from(shape.columns), usize::from(shape.channels));
    let shown: Vec<usize> = indices.iter().copied().filter(|&index| index < dataset.len()).collect();
    if shown.is_empty() {
        return Err("there is no image to show".to_owned());
    }
    let across = across.clamp(1, shown.len());
    let side = |count: usize, length: usize| count * (length + GAP) - GAP;
    let (height, width) = (side(shown.len().div_ceil(across), rows), side(across, columns));
    let mut pixels = vec![128; height * width * channels];
    for (i, &index) in shown.iter().enumerate() {
        let (top, left) = (i / across * (rows + GAP), i % across * (columns + GAP));
        for (y, row) in dataset.image(index).chunks_exact(columns * channels).enumerate() {
            pixels[((top + y) * width + left) * channels..][..row.len()].copy_from_slice(row);
        }
    }
    png(&pixels, height, width, channels)
}

/// Returns one image of `shape` as a PNG.
///
/// # Errors
///
/// A sentence if it has neither 1 nor 3 channels.
pub fn single(image: &[u8], shape: Shape) -> Result<Vec<u8>, String> {
    png(image, usize::from(shape.rows), usize::from(shape.columns), usize::from(shape.channels))
}

/// Returns a PNG of pixels with 1 or 3 channels.
pub(crate) fn png(pixels: &[u8], height: usize, width: usize, channels: usize) -> Result<Vec<u8>, String> {
    let colour = match channels {
        1 => ExtendedColorType::L8,
        3 => ExtendedColorType::Rgb8,
        _ => return Err(format!("images of {channels} channels cannot be shown as a PNG")),
    };
    let size = |length: usize| u32::try_from(length).map_err(|_| "the sheet is too large for a PNG".to_owned());
    let mut file = Cursor::new(Vec::new());
    PngEncoder::new(&mut file)
        .write_image(pixels, size(width)?, size(height)?, colour)
        .map_err(|error| error.to_string())?;
    Ok(file.into_inner())
}

#[cfg(test)]
mod tests {
    use nin_core::Shape;

    use super::{of_each_class, sheet, single, text};
    use crate::data::Dataset;

    /// Three images of 1×4×3: black, white, and a white upper half.
    fn dataset() -> Dataset {
        let mut images = vec![0; 12];
        images.extend([255; 12]);
        images.extend([255; 6]);
        images.extend([0; 6]);
        let shape = Shape { channels: 1, rows: 4, columns: 3 };
        Dataset::new(images, shape, vec![1, 0, 1], vec!["a".into(), "long name".into()]).unwrap()
    }

    #[test]
    fn text_shows_light_and_dark() {
        assert_eq!(text(&dataset(), &[1, 0, 2, 99]), "a   lon lon\n@@@     @@@\n@@@");
    }

    #[test]
    fn classes_come_in_order() {
        assert_eq!(of_each_class(&dataset(), 1), [1, 0]);
        assert_eq!(of_each_class(&dataset(), 5), [1, 0, 2]);
    }

    #[test]
    fn a_sheet_of_parts_has_a_row_for_each_class() {
        let splits = crate::data::Splits {
            train: dataset(),
            validation: None,
            test: dataset().select(&[0]),
            source: String::new(),
            is_subset: false,
            notice: None,
        };
        let image = image::load_from_memory(&super::sheet_of_parts(&splits, 2).unwrap()).unwrap().to_luma8();
        assert_eq!(image.dimensions(), (4 * 5 - 2, 2 * 6 - 2));
        let at = |column: u32, row: u32| image.get_pixel(5 * column, 6 * row).0[0];
        // Class `a` has one white training image; the other class a black one and a half white one, and a black test image.
        assert_eq!([at(0, 0), at(1, 0), at(2, 0), at(3, 0)], [255, 128, 128, 128]);
        assert_eq!([at(0, 1), at(1, 1), at(2, 1), at(3, 1)], [0, 255, 0, 128]);
    }

    #[test]
    fn sheets_place_each_image() {
        let png = sheet(&dataset(), &[1, 0, 2], 2).unwrap();
        let image = image::load_from_memory(&png).unwrap().to_luma8();
        assert_eq!(image.dimensions(), (8, 10));
        let at = |x, y| image.get_pixel(x, y).0[0];
        assert_eq!([at(0, 0), at(3, 0), at(5, 0), at(0, 6), at(0, 9), at(7, 9)], [255, 128, 0, 255, 0, 128]);
        assert!(sheet(&dataset(), &[], 2).is_err());
        let shape = Shape { channels: 2, rows: 1, columns: 1 };
        assert!(single(&[1, 2], shape).unwrap_err().contains("2 channels"));
    }
}
