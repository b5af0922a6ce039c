//! Decodes picture files whole or not at all.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::{DataError, Result, jpeg};
use crate::support::memory;
use crate::support::text::one_line;

/// Most pixels of an image, in a file or as a network reads it: 100 megapixels. A crafted file that unpacks to more is
/// refused before memory is allocated.
pub const MOST_PIXELS: u64 = 100_000_000;

const MOST_SIDE: u32 = 32_768;
const MOST_BYTES: u64 = 512 << 20;

/// Bytes of an unpacked image from which on it is processed alone: several at once, each with a copy while it is cropped
/// and rotated, would add up. A photo of 24 megapixels has 72 million.
const LARGE: u64 = 128 << 20;
static ALONE: Mutex<()> = Mutex::new(());

/// Extensions of the files that are read, in lower case.
const ENDINGS: [&str; 10] = ["png", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "gif", "tif", "tiff"];

/// The formats that are read, for messages.
pub(crate) const FORMATS: &str = "PNG, JPEG, WebP, BMP, GIF or TIFF";

/// What to do about a picture that cannot be read.
const ADVICE: &str = "replace or remove it";

/// A decoded picture, upright.
pub(super) struct Decoded {
    pub image: DynamicImage,
    /// Held as long as a very large picture is processed.
    pub alone: Option<MutexGuard<'static, ()>>,
}

/// Returns whether a path has the extension of a format that is read.
pub(crate) fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// Decodes a picture file, the first frame or page of several, and rotates it by its EXIF tag. The format is found by
/// content, because files with another format's extension are common.
///
/// # Errors
/// An error that names the file: missing, in another format, damaged or incomplete, or too large.
pub(super) fn decode(path: &Path) -> Result<Decoded> {
    let bytes = read(path)?;
    let format = image::guess_format(&bytes).ok().filter(|format| name(*format).is_some());
    let Some((format, name)) = format.and_then(|format| Some((format, name(format)?))) else {
        return Err(unknown(path, &bytes));
    };
    let damaged = |problem: String| DataError::file(path, format!("the {name} {problem}"), ADVICE);
    let failed = |error: ImageError| match error {
        ImageError::Limits(_) => DataError::file(path, "has too many pixels", "make it smaller"),
        ImageError::Unsupported(error) => {
            let problem = format!("has a form that is not read ({})", one_line(&error.to_string()));
            DataError::file(path, format!("the {name} {problem}"), "save it as PNG")
        }
        error => damaged(format!("is damaged ({})", one_line(&error.to_string()))),
    };
    let whole = match format {
        ImageFormat::Jpeg => jpeg::with_tables(&bytes),
        _ => Cow::Borrowed(&bytes[..]),
    };
    match format {
        ImageFormat::Jpeg => jpeg::check(&whole, MOST_PIXELS).map_err(damaged)?,
        ImageFormat::WebP => whole_container(&whole).map_err(damaged)?,
        _ => {}
    }
    let mut reader = ImageReader::with_format(Cursor::new(&whole[..]), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(failed)?;
    // The decoder's limit does not include the image itself.
    let (width, height) = decoder.dimensions();
    let unpacked = decoder.total_bytes();
    if unpacked > MOST_BYTES || u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(DataError::file(path, format!("has {width}x{height} pixels, too many"), "make it smaller"));
    }
    let alone = (unpacked > LARGE).then(|| ALONE.lock().unwrap_or_else(PoisonError::into_inner));
    // The image and a copy.
    if unpacked > LARGE && memory::shortage(2 * unpacked).is_some() {
        let problem = format!("has {width}x{height} pixels, for which there is not enough memory");
        return Err(DataError::file(path, problem, "make it smaller"));
    }
    // A damaged tag is no reason to refuse the image.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    image.apply_orientation(orientation);
    Ok(Decoded { image, alone })
}

/// Returns the columns and rows of a picture file, from its header. `None` if it cannot be read.
pub fn picture_size(path: &Path) -> Option<(u32, u32)> {
    ImageReader::open(path).ok()?.with_guessed_format().ok()?.into_dimensions().ok()
}

/// Reads a file of at most [`MOST_BYTES`].
fn read(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(DataError::io(path, "open"))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(DataError::io(path, "read"))?;
    match bytes.len() as u64 {
        0 => Err(DataError::file(path, "is empty", ADVICE)),
        length if length > MOST_BYTES => {
            Err(DataError::file(path, "has more than 512 MiB", "make the picture smaller"))
        }
        _ => Ok(bytes),
    }
}

/// Returns the name of a format that is read.
fn name(format: ImageFormat) -> Option<&'static str> {
    match format {
        ImageFormat::Png => Some("PNG"),
        ImageFormat::Jpeg => Some("JPEG"),
        ImageFormat::WebP => Some("WebP"),
        ImageFormat::Bmp => Some("BMP"),
        ImageFormat::Gif => Some("GIF"),
        ImageFormat::Tiff => Some("TIFF"),
        _ => None,
    }
}

/// Returns the error for content that is in no format that is read.
fn unknown(path: &Path, bytes: &[u8]) -> DataError {
    let other = match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] if brand.starts_with(b"avi") => Some("an AVIF"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', ..] => Some("a HEIC"),
        [0xff, 0x0a, ..] | [0, 0, 0, 0x0c, b'J', b'X', b'L', ..] => Some("a JPEG XL"),
        [0, 0, 0, 0x0c, b'j', b'P', ..] => Some("a JPEG 2000"),
        [b'8', b'B', b'P', b'S', ..] => Some("a Photoshop"),
        [b'%', b'P', b'D', b'F', ..] => Some("a PDF"),
        [b'<', ..] => Some("an SVG, HTML or XML"),
        _ => None,
    };
    match other {
        Some(other) => DataError::file(path, format!("is {other} file"), "convert it to PNG or JPEG"),
        None => DataError::file(path, format!("is not a {FORMATS} file"), ADVICE),
    }
}

/// Checks that a WebP file is as long as it declares.
fn whole_container(bytes: &[u8]) -> std::result::Result<(), String> {
    let declared = bytes.get(4..8).and_then(|length| length.first_chunk()).map(|length| u32::from_le_bytes(*length));
    let declared = declared.map_or(u64::MAX, |length| u64::from(length) + 8);
    match (bytes.len() as u64) < declared {
        true => Err(format!("ends after {} % of its bytes", 100 * bytes.len() as u64 / declared)),
        false => Ok(()),
    }
}
