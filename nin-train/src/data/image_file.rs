//! Loads a PNG or JPEG file as pixels in a network's input shape.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView, ImageDecoder, ImageError, ImageReader, Limits, Rgb, RgbImage};

use super::{DataError, Result, Shape, fit_into};
use crate::support::memory;
use crate::support::text::one_line;

/// Most pixels of an image, in a file or as a network reads it: 100 megapixels. A crafted file that unpacks to more is
/// refused before memory is allocated.
pub const MOST_PIXELS: u64 = 100_000_000;
const MOST_SIDE: u32 = 32_768;
const MOST_BYTES: u64 = 512 << 20;

/// Bytes of an unpacked image from which on it is processed alone: several at once, each with a copy while it is
/// cropped and rotated, would add up. A photo of 24 megapixels has 72 million.
const LARGE: u64 = 128 << 20;
static ALONE: Mutex<()> = Mutex::new(());

/// Loads one PNG or JPEG file as `rows` × `columns` × `channels` bytes, channels last, for prediction: rotated by its
/// EXIF tag, transparent parts on white, then cropped, as grey (1 channel) or RGB (3), and resized by [`fit_into`].
///
/// `invert` inverts brightness (255 − value): photos of objects on paper are dark on white, MNIST and Fashion-MNIST are
/// light on black.
///
/// # Errors
/// [`DataError::Invalid`] for other channels or a zero size; else an error that names the file: missing, not an image,
/// damaged, larger than 32,768 pixels a side, 100 megapixels or 512 MiB unpacked, or too large for the memory that is
/// left.
pub fn load_image(path: &Path, channels: u16, rows: u16, columns: u16, invert: bool) -> Result<Vec<u8>> {
    let shape = Shape { channels, rows, columns };
    check_shape(shape)?;
    let mut pixels = read(path, shape)?;
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

fn read(path: &Path, shape: Shape) -> Result<Vec<u8>> {
    let advice = "replace or remove it";
    let failed = |error: ImageError| match error {
        ImageError::IoError(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            DataError::io(path, "read")(source)
        }
        error => {
            DataError::file(path, format!("can't be read as PNG or JPEG ({})", one_line(&error.to_string())), advice)
        }
    };
    let reader = ImageReader::open(path).map_err(DataError::io(path, "open"))?;
    // The format is guessed by content: files with the other format's extension are common.
    let mut reader = reader.with_guessed_format().map_err(DataError::io(path, "read"))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(failed)?;
    // The decoder's limit does not include the image itself.
    let (width, height) = decoder.dimensions();
    let bytes = decoder.total_bytes();
    if bytes > MOST_BYTES || u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(DataError::file(path, format!("has {width}x{height} pixels, too many"), "make it smaller"));
    }
    let _alone = (bytes > LARGE).then(|| ALONE.lock().unwrap_or_else(PoisonError::into_inner));
    // The image and a copy.
    if bytes > LARGE && memory::shortage(2 * bytes).is_some() {
        let problem = format!("has {width}x{height} pixels, for which there is not enough memory");
        return Err(DataError::file(path, problem, "make it smaller"));
    }
    // A damaged tag is no reason to refuse the image.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    image.apply_orientation(orientation);
    Ok(convert(image, shape))
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
