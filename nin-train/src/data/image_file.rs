//! Loads a picture file as pixels in a network's input shape.

use std::path::Path;

use image::{DynamicImage, GenericImageView, Rgb, RgbImage};

use super::decode::{Decoded, MOST_PIXELS, decode};
use super::{DataError, Result, Shape, fit_into};

/// The version of the code that makes bytes of a picture file. It changes when the same file gives other bytes, because
/// resized pictures are cached.
pub(crate) const CONVERSION: u32 = 2;

/// Loads one PNG, JPEG, WebP, BMP, GIF (its first frame) or TIFF file as `rows` × `columns` × `channels` bytes, rows from
/// the top, channels last: rotated by its EXIF tag, transparent parts on white, then cropped to the aspect ratio about its
/// centre, as grey (1 channel) or RGB (3, in the order red, green, blue), and resized by [`fit_into`].
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

/// Crops, converts colours and resizes.
fn convert(image: DynamicImage, to: Shape) -> Vec<u8> {
    let (width, height) = image.dimensions();
    let from = |channels| Shape { channels, rows: height as u16, columns: width as u16 };
    let mut out = vec![0; to.len()];
    // Never more than one copy at a time: what is copied is dropped.
    if image.color().has_alpha() {
        fit_into(on_white(image).as_raw(), from(3), to, &mut out);
    } else if image.color().has_color() {
        fit_into(image.into_rgb8().as_raw(), from(3), to, &mut out);
    } else {
        fit_into(image.into_luma8().as_raw(), from(1), to, &mut out);
    }
    out
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
