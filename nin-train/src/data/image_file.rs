//! Loads a picture file as pixels in a network's input shape.

use std::path::Path;

use image::imageops::{self, FilterType};
use image::{DynamicImage, GenericImageView, Rgb, RgbImage};

use super::decode::{Decoded, MOST_PIXELS, decode};
use super::{DataError, Result, Shape};

/// The version of the code that makes bytes of a picture file. It changes when the same file gives other bytes, because
/// resized pictures are cached.
pub(crate) const CONVERSION: u32 = 1;

/// Loads one PNG, JPEG, WebP, BMP, GIF (its first frame) or TIFF file as `rows` × `columns` × `channels` bytes, rows from
/// the top, channels last: rotated by its EXIF tag, transparent parts on white, cropped to the aspect ratio about its
/// centre, scaled with antialiasing, as luma (1 channel) or RGB (3, in the order red, green, blue).
///
/// `invert` inverts brightness (255 − value): photos of objects on paper are dark on white, MNIST and Fashion-MNIST are
/// light on black.
///
/// # Errors
/// [`DataError::Invalid`] for other channels or a zero size; else an error that names the file: missing, not an image,
/// damaged or incomplete, larger than 32,768 pixels a side, 100 megapixels or 512 MiB unpacked, or too large for the
/// memory that is left.
pub fn load_image(path: &Path, channels: u16, rows: u16, columns: u16, invert: bool) -> Result<Vec<u8>> {
    let shape = Shape { channels, rows, columns };
    check_shape(shape)?;
    let Decoded { image, alone: _alone } = decode(path)?;
    let mut pixels = convert(image, shape);
    if invert {
        pixels.iter_mut().for_each(|value| *value = 255 - *value);
    }
    Ok(pixels)
}

/// Checks whether images can be made in this shape.
pub(crate) fn check_shape(shape: Shape) -> Result<()> {
    match shape.channels {
        1 | 3 if shape.pixels() as u64 > MOST_PIXELS => {
            Err(DataError::Invalid(format!("images of {shape} are too large: 100 megapixels is the limit")))
        }
        1 | 3 if !shape.is_empty() => Ok(()),
        1 | 3 => Err(DataError::Invalid(format!("images of {shape} have no pixels"))),
        n => Err(DataError::Invalid(format!("image files can be read with 1 channel (grey) or 3 (RGB), not {n}"))),
    }
}

/// Crops, converts colours and scales. Cropping first gives the same result as scaling the shorter side first, with
/// less work.
fn convert(mut image: DynamicImage, shape: Shape) -> Vec<u8> {
    let (rows, columns) = (u32::from(shape.rows), u32::from(shape.columns));
    let (width, height) = image.dimensions();
    let part = |side: u32, other: u32, wanted: u32, wanted_other: u32| {
        let exact = (u64::from(other) * u64::from(wanted) + u64::from(wanted_other) / 2) / u64::from(wanted_other);
        exact.clamp(1, u64::from(side)) as u32
    };
    let (w, h) = (part(width, height, columns, rows), part(height, width, rows, columns));
    // Never more than one copy at a time: what is copied is dropped.
    if (w, h) != (width, height) {
        image = image.crop_imm((width - w) / 2, (height - h) / 2, w, h);
    }
    let image = if image.color().has_alpha() { DynamicImage::ImageRgb8(on_white(image)) } else { image };
    if shape.channels == 1 {
        imageops::resize(&image.into_luma8(), columns, rows, FilterType::Triangle).into_raw()
    } else {
        imageops::resize(&image.into_rgb8(), columns, rows, FilterType::Triangle).into_raw()
    }
}

/// Blends an image with white, as a web page does; the colours stored under transparent parts are arbitrary, often
/// black.
fn on_white(image: DynamicImage) -> RgbImage {
    let source = image.into_rgba8();
    RgbImage::from_fn(source.width(), source.height(), |x, y| {
        let [r, g, b, alpha] = source.get_pixel(x, y).0.map(u32::from);
        Rgb([r, g, b].map(|value| ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8))
    })
}
