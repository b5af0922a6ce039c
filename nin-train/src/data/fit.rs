//! Fits an image to a network's input: crop, colour and size, with the code that reads a camera on a board
//! ([`nin_core::camera`]). Only enlarging exists on the computer alone.

use std::borrow::Cow;
use std::cell::RefCell;

use nin_core::camera::{Between, Crop, FrameReader, Grey, PixelFormat, Rgb888, Total};

use super::Shape;

/// Returns an image (rows × columns × channels bytes, channels last) in the shape `to`, as [`fit_into`] does; the image
/// itself if it has this shape.
///
/// # Panics
/// As for [`fit_into`].
pub fn fit(image: &[u8], from: Shape, to: Shape) -> Cow<'_, [u8]> {
    if from == to {
        return Cow::Borrowed(image);
    }
    let mut out = vec![0; to.len()];
    fit_into(image, from, to, &mut out);
    Cow::Owned(out)
}

/// Writes an image (rows × columns × channels bytes, channels last) in the shape `to` to `out`.
///
/// The image is cropped about its centre to the aspect ratio of `to`. RGB becomes grey and grey becomes RGB where the
/// numbers of channels differ. If the crop has at least the rows and columns of `to`, each output pixel is the mean of
/// the area that it covers; otherwise the crop is enlarged bilinearly. Results are exact, and rounded to the nearest
/// integer, halves up.
///
/// # Panics
/// If a shape is empty, if a length differs from its shape, or if the numbers of channels differ and are not 1 and 3.
pub fn fit_into(image: &[u8], from: Shape, to: Shape, out: &mut [u8]) {
    assert!(!from.is_empty() && !to.is_empty(), "an image must have pixels");
    assert_eq!(image.len(), from.len(), "the input must be rows x columns x channels bytes");
    assert_eq!(out.len(), to.len(), "the output must be rows x columns x channels bytes");
    match (from.channels, to.channels) {
        (1, 1 | 3) => fit_format::<Grey>(image, from, to, out),
        (3, 1 | 3) => fit_format::<Rgb888>(image, from, to, out),
        (channels, same) if channels == same => planes(image, from, to, out),
        (found, wanted) => panic!("{found} channels cannot become {wanted}"),
    }
}

/// Fits an image with any number of channels, each channel as if it were grey.
fn planes(image: &[u8], from: Shape, to: Shape, out: &mut [u8]) {
    let channels = usize::from(from.channels);
    let mut plane = vec![0; to.pixels()];
    for channel in 0..channels {
        let levels: Vec<u8> = image.iter().skip(channel).step_by(channels).copied().collect();
        fit_format::<Grey>(&levels, Shape { channels: 1, ..from }, Shape { channels: 1, ..to }, &mut plane);
        for (value, level) in out.iter_mut().skip(channel).step_by(channels).zip(&plane) {
            *value = *level;
        }
    }
}

/// Fits an image in one of the camera's formats.
fn fit_format<P: PixelFormat>(image: &[u8], from: Shape, to: Shape, out: &mut [u8]) {
    let lines = image.chunks_exact(P::line_bytes(from.columns.into()));
    let crop = Crop::new((from.rows, from.columns), to);
    if !crop.covers(to) {
        enlarge::<P>(lines, crop, to, out);
    } else if u64::from(crop.rows) * u64::from(crop.columns) <= u32::MOST_PIXELS {
        SMALL.with_borrow_mut(|room| reduce::<P, u32>(lines, from, to, room, out));
    } else {
        LARGE.with_borrow_mut(|room| reduce::<P, u64>(lines, from, to, room, out));
    }
}

thread_local! {
    /// Memory of a reader, kept so that a training step allocates nothing.
    static SMALL: RefCell<Room<u32>> = const { RefCell::new((Vec::new(), Vec::new())) };
    static LARGE: RefCell<Room<u64>> = const { RefCell::new((Vec::new(), Vec::new())) };
    /// The positions of an enlarged row.
    static ACROSS: RefCell<Vec<Between>> = const { RefCell::new(Vec::new()) };
}

/// The sums and the bytes of one row.
type Room<T> = (Vec<T>, Vec<u8>);

fn reduce<'i, P: PixelFormat, T: Total>(
    lines: impl Iterator<Item = &'i [u8]>,
    from: Shape,
    to: Shape,
    (totals, row): &mut Room<T>,
    out: &mut [u8],
) {
    totals.resize(to.row().max(totals.len()), T::product(0, 0));
    row.resize(to.row().max(row.len()), 0);
    let reader = FrameReader::<P, T>::with_parts((from.rows, from.columns), to, totals, row);
    let mut reader = reader.expect("the crop covers the output, and the channels were checked");
    let mut rows = out.chunks_exact_mut(to.row());
    for line in lines {
        if let Some(row) = reader.push(line).expect("the lines have the length of the image's rows") {
            rows.next().expect("as many rows as the output has").copy_from_slice(row);
        }
    }
}

fn enlarge<'i, P: PixelFormat>(lines: impl Iterator<Item = &'i [u8]>, crop: Crop, to: Shape, out: &mut [u8]) {
    let lines: Vec<&[u8]> = lines.skip(crop.top.into()).take(crop.rows.into()).collect();
    let (left, columns, rows) = (usize::from(crop.left), usize::from(crop.columns), usize::from(crop.rows));
    ACROSS.with_borrow_mut(|across| {
        across.clear();
        across.extend((0..to.columns.into()).map(|x| Between::new(x, columns, to.columns.into())));
        for (y, row) in out.chunks_exact_mut(to.row()).enumerate() {
            let down = Between::new(y, rows, to.rows.into());
            let (upper, lower) = (lines[down.first], lines[down.second]);
            for (at, pixel) in across.iter().zip(row.chunks_exact_mut(to.channels.into())) {
                let (first, second) = (left + at.first, left + at.second);
                if let [grey] = pixel {
                    let levels = [(upper, first), (upper, second), (lower, first), (lower, second)];
                    *grey = down.level(at, levels.map(|(line, x)| P::grey(line, x)));
                    continue;
                }
                let corners =
                    [P::rgb(upper, first), P::rgb(upper, second), P::rgb(lower, first), P::rgb(lower, second)];
                for (c, value) in pixel.iter_mut().enumerate() {
                    *value = down.level(at, corners.map(|colour| colour[c]));
                }
            }
        }
    });
}
