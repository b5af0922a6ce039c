//! The IDX format of MNIST and Fashion-MNIST: four files, gzip or plain. An image file is the magic number 00 00 08 03,
//! three counts (images, rows, columns; big-endian `u32`) and the pixels; a label file 00 00 08 01, a count, the
//! labels.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::{DataError, Dataset, Result, Shape};
use crate::support::memory;
use crate::support::text::grouped;

/// The official names of the four files without `.gz`: training images and labels, test images and labels.
pub const NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Far above every data set in this format (EMNIST has 0.6 GB), but low enough to detect a corrupt count.
const MOST_BYTES: u64 = 2 << 30;

/// More than MNIST has, and little enough to be read before anything is compared.
const LARGE: u64 = 256 << 20;

/// The source of bytes, for messages: the file, and advice to the user if it is broken.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub path: &'a Path,
    pub advice: &'a str,
}

impl Origin<'_> {
    fn broken(self, problem: impl Into<String>) -> DataError {
        DataError::file(self.path, problem, self.advice)
    }
}

/// Returns which of the four files `folder` lacks, packed and plain; empty if the data set is complete.
pub fn missing(folder: &Path) -> Vec<&'static str> {
    NAMES.into_iter().filter(|name| locate(folder, name).is_none()).collect()
}

/// Returns the file for one of [`NAMES`]: under that name or with a dot (`train-images.idx3-ubyte`), gzip or plain, or
/// inside a folder of the same name, as some unpackers leave it.
fn locate(folder: &Path, name: &str) -> Option<PathBuf> {
    let dotted = name.replace("-idx", ".idx");
    let mut names = [name, &dotted].into_iter().flat_map(|n| [format!("{n}.gz"), n.to_owned(), format!("{n}/{n}")]);
    names.find_map(|n| Some(folder.join(n)).filter(|path| path.is_file()))
}

/// Loads (training set, test set) from `folder`; pixels and labels are checked against each other and against
/// `class_names`. `advice` ends the message about a broken file.
///
/// # Errors
/// A file that is missing, unreadable, truncated or damaged, that is not IDX, or that does not fit the others.
pub fn load(folder: &Path, class_names: &[&str], advice: &str) -> Result<(Dataset, Dataset)> {
    let path = |name: &str| {
        locate(folder, name).ok_or_else(|| DataError::file(folder, format!("there is no {name}"), "put it there"))
    };
    let pair = |images: &str, labels: &str| -> Result<(PathBuf, Dataset)> {
        let (images, labels) = (path(images)?, path(labels)?);
        let origin = Origin { path: &labels, advice };
        let Pair { shape, pixels, labels: values } = read_pair(Origin { path: &images, advice }, origin)?;
        let dataset = assemble(shape, pixels, values, origin, class_names)?;
        Ok((images, dataset))
    };
    let (_, train) = pair(NAMES[0], NAMES[1])?;
    let (path, test) = pair(NAMES[2], NAMES[3])?;
    if train.shape() != test.shape() {
        let problem = format!("has images of {}, but those for training are {}", test.shape(), train.shape());
        return Err(DataError::file(&path, problem, advice));
    }
    Ok((train, test))
}

/// Opens a file. Gzip is recognised by content, not by name, and unpacked.
fn open(origin: Origin<'_>) -> Result<Box<dyn Read>> {
    let file = File::open(origin.path).map_err(DataError::io(origin.path, "open"))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let start = reader.fill_buf().map_err(DataError::io(origin.path, "read"))?;
    if start.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(MultiGzDecoder::new(reader)));
    }
    if start.is_empty() {
        return Err(origin.broken("is empty"));
    }
    if !start.starts_with(&[0, 0]) {
        let shown = String::from_utf8_lossy(&start[..start.len().min(12)]).escape_debug().to_string();
        return Err(origin.broken(format!("is neither gzip nor IDX: it starts with \"{shown}\"")));
    }
    Ok(Box::new(reader))
}

/// Images of one shape and their labels, as the two files have them.
pub(super) struct Pair {
    pub shape: Shape,
    pub pixels: Vec<u8>,
    pub labels: Vec<u8>,
}

/// Reads a file of images and one of as many labels.
pub(super) fn read_pair(images_origin: Origin<'_>, labels_origin: Origin<'_>) -> Result<Pair> {
    let (images, labels) = (&mut *open(images_origin)?, &mut *open(labels_origin)?);
    let (shape, count) = read_images_header(images, images_origin)?;
    let labelled = read_labels_header(labels, labels_origin)?;
    let length = u64::from(count) * shape.len() as u64;
    // A small gzip file may unpack to gigabytes: before that, the two headers have to agree.
    if (LARGE..=MOST_BYTES).contains(&length) {
        same_number(labelled.into(), count.into(), labels_origin)?;
    }
    let pixels = read_body(images, images_origin, 16, length)?;
    expect_end(images, images_origin)?;
    let values = read_body(labels, labels_origin, 8, labelled.into())?;
    expect_end(labels, labels_origin)?;
    same_number(values.len() as u64, count.into(), labels_origin)?;
    Ok(Pair { shape, pixels, labels: values })
}

/// Joins images and labels; checks the labels' number and range.
pub(crate) fn assemble(
    shape: Shape,
    pixels: Vec<u8>,
    labels: Vec<u8>,
    origin: Origin<'_>,
    class_names: &[&str],
) -> Result<Dataset> {
    let images = pixels.len() / shape.len();
    same_number(labels.len() as u64, images as u64, origin)?;
    if let Some(i) = labels.iter().position(|&label| usize::from(label) >= class_names.len()) {
        let (last, label) = (class_names.len().saturating_sub(1), labels[i]);
        return Err(origin.broken(format!("label {label} of image {} is not one of 0 to {last}", grouped(i as u64))));
    }
    let labels = labels.into_iter().map(u16::from).collect();
    Dataset::new(pixels, shape, labels, class_names.iter().map(|&name| name.to_owned()).collect())
}

/// An error unless there are as many labels as images.
fn same_number(labels: u64, images: u64, origin: Origin<'_>) -> Result<()> {
    if labels == images {
        return Ok(());
    }
    let (labels, images) = (grouped(labels), grouped(images));
    Err(origin.broken(format!("holds {labels} labels, but there are {images} images")))
}

/// Reads an image file's header and pixels.
pub(crate) fn read_images(reader: &mut dyn Read, origin: Origin<'_>) -> Result<(Shape, Vec<u8>)> {
    let (shape, count) = read_images_header(reader, origin)?;
    Ok((shape, read_body(reader, origin, 16, u64::from(count) * shape.len() as u64)?))
}

/// Reads an image file's header: the shape of the images and their number.
fn read_images_header(reader: &mut dyn Read, origin: Origin<'_>) -> Result<(Shape, u32)> {
    let [count, rows, columns] = read_header(reader, origin, 3, "images")?;
    let side = |value: u32| u16::try_from(value).ok().filter(|&value| value > 0);
    let (Some(rows), Some(columns), true) = (side(rows), side(columns), count > 0) else {
        return Err(
            origin.broken(format!("has a header with {count} images of {rows}x{columns} pixels, which is impossible"))
        );
    };
    Ok((Shape { channels: 1, rows, columns }, count))
}

/// Reads a label file's header and labels.
pub(crate) fn read_labels(reader: &mut dyn Read, origin: Origin<'_>) -> Result<Vec<u8>> {
    let count = read_labels_header(reader, origin)?;
    read_body(reader, origin, 8, u64::from(count))
}

fn read_labels_header(reader: &mut dyn Read, origin: Origin<'_>) -> Result<u32> {
    let [count, ..] = read_header(reader, origin, 1, "labels")?;
    Ok(count)
}

/// Checks the magic number for unsigned bytes in `dimensions` dimensions and reads the size of each.
fn read_header(reader: &mut dyn Read, origin: Origin<'_>, dimensions: u8, what: &str) -> Result<[u32; 3]> {
    let length = 4 + 4 * usize::from(dimensions);
    let mut header = Vec::new();
    let outcome = reader.take(length as u64).read_to_end(&mut header);
    if let Some(magic) = header.first_chunk::<4>().filter(|&magic| *magic != [0, 0, 8, dimensions]) {
        let [a, b, c, d] = magic;
        return Err(origin.broken(format!(
            "starts with {a:02x} {b:02x} {c:02x} {d:02x}, not with 00 00 08 {dimensions:02x}, so it holds no {what} as IDX"
        )));
    }
    judge(outcome, header.len() as u64, length as u64, origin)?;
    let mut sizes = [0; 3];
    for (size, bytes) in sizes.iter_mut().zip(header[4..].as_chunks::<4>().0) {
        *size = u32::from_be_bytes(*bytes);
    }
    Ok(sizes)
}

fn read_body(reader: &mut dyn Read, origin: Origin<'_>, header: u64, length: u64) -> Result<Vec<u8>> {
    if length > MOST_BYTES {
        return Err(origin.broken(format!("has a header with {} bytes, far too many", grouped(length))));
    }
    if let Some(left) = memory::shortage(length) {
        let (length, left) = (grouped(length), grouped(left));
        return Err(origin.broken(format!("has a header with {length} bytes, but there is memory left for {left}")));
    }
    // The count may be corrupt: memory is allocated as bytes arrive, not by the header.
    let mut body = Vec::with_capacity(length.min(64 << 20) as usize);
    let outcome = reader.take(length).read_to_end(&mut body);
    judge(outcome, header + body.len() as u64, header + length, origin)?;
    Ok(body)
}

/// Returns an error if a read failed, or gave `so_far` bytes in total (unpacked) instead of `whole`.
fn judge(outcome: io::Result<usize>, so_far: u64, whole: u64, origin: Origin<'_>) -> Result<()> {
    let ends = || origin.broken(format!("ends after {} of {} bytes", grouped(so_far), grouped(whole)));
    match outcome {
        Ok(_) if so_far == whole => Ok(()),
        Ok(_) => Err(ends()),
        Err(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof => Err(ends()),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Err(origin.broken(format!(
                "is damaged after {} of {} bytes ({error})",
                grouped(so_far),
                grouped(whole)
            ))),
            _ => Err(DataError::io(origin.path, "read")(error)),
        },
    }
}

/// Checks that no byte follows; in a gzip file this also verifies the checksum.
pub(crate) fn expect_end(reader: &mut dyn Read, origin: Origin<'_>) -> Result<()> {
    match reader.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(origin.broken("has more bytes than its header states")),
        Err(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof => Err(origin.broken("ends within its checksum")),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Err(origin.broken(format!("is damaged ({error})")))
            }
            _ => Err(DataError::io(origin.path, "read")(error)),
        },
    }
}

/// Writes the images of a data set with one channel as a plain IDX image file.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::InvalidInput`] if there is more than one channel or too many images.
pub fn write_images(dataset: &Dataset, writer: &mut dyn Write) -> io::Result<()> {
    let shape = dataset.shape();
    if shape.channels != 1 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "an IDX image file has one channel"));
    }
    writer.write_all(&[0, 0, 8, 3])?;
    for size in [count(dataset)?, shape.rows.into(), shape.columns.into()] {
        writer.write_all(&size.to_be_bytes())?;
    }
    writer.write_all(dataset.bytes())
}

/// Writes the labels of a data set as a plain IDX label file.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::InvalidInput`] if a label is above 255 or there are too many.
pub fn write_labels(dataset: &Dataset, writer: &mut dyn Write) -> io::Result<()> {
    writer.write_all(&[0, 0, 8, 1])?;
    writer.write_all(&count(dataset)?.to_be_bytes())?;
    let labels: Vec<u8> = dataset.labels().iter().map_while(|&label| u8::try_from(label).ok()).collect();
    if labels.len() != dataset.len() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "an IDX label is at most 255"));
    }
    writer.write_all(&labels)
}

fn count(dataset: &Dataset) -> io::Result<u32> {
    u32::try_from(dataset.len()).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "too many images for IDX"))
}
