//! CIFAR-10's binary version: six files of records. A record is a label byte and 3,072 bytes of pixels in three planes
//! of 32×32.

use std::fs;
use std::path::{Path, PathBuf};

use super::{DataError, Dataset, DatasetKind, Result, Shape, Splits};
use crate::support::text::grouped;

const SHAPE: Shape = Shape { channels: 3, rows: 32, columns: 32 };
const PIXELS: usize = 32 * 32;
const RECORD: usize = 1 + 3 * PIXELS;
/// The limit for one file; the official ones have 30 MB.
const MOST_BYTES: u64 = 1 << 30;

/// Most bytes of a class's name.
const MOST_NAME: usize = 1000;

const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST: &str = "test_batch.bin";

/// Returns whether `folder` or its `cifar-10-batches-bin` has all six files.
pub fn is_whole(folder: &Path) -> bool {
    let inner = inner(folder);
    TRAIN.iter().chain([&TEST]).all(|name| inner.join(name).is_file())
}

/// Returns the folder with the files: the official archive unpacks to a subfolder.
fn inner(folder: &Path) -> PathBuf {
    let unpacked = folder.join("cifar-10-batches-bin");
    if unpacked.is_dir() { unpacked } else { folder.to_owned() }
}

/// Loads the six files from `folder` or its `cifar-10-batches-bin`, with pixels converted to channels last; the class
/// names come from `batches.meta.txt` if it exists. `advice` ends the message about a broken file.
///
/// # Errors
/// A file that is missing, unreadable, not made of whole records, of another length than the first, or with a label
/// above 9; a `batches.meta.txt` without ten names of at most
/// 1,000 bytes.
pub fn load(folder: &Path, advice: &str) -> Result<Splits> {
    let folder = inner(folder);
    let names = class_names(&folder.join("batches.meta.txt"), advice)?;
    let mut whole = None;
    let mut images = Vec::new();
    let mut labels = Vec::new();
    for name in TRAIN {
        read_batch(&folder.join(name), &mut whole, &mut images, &mut labels, advice)?;
    }
    let train = Dataset::new(images, SHAPE, labels, names.clone())?;
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    read_batch(&folder.join(TEST), &mut whole, &mut images, &mut labels, advice)?;
    let test = Dataset::new(images, SHAPE, labels, names)?;
    let counts = [train.len(), test.len()].map(|count| grouped(count as u64));
    let source = format!("CIFAR-10 from {}: {} training and {} test images.", folder.display(), counts[0], counts[1]);
    Ok(Splits { train, validation: None, test, source, is_subset: false, notice: None })
}

fn class_names(path: &Path, advice: &str) -> Result<Vec<String>> {
    if !path.is_file() {
        return Ok(DatasetKind::Cifar10.class_names().iter().map(|&name| name.to_owned()).collect());
    }
    let text = fs::read_to_string(path).map_err(DataError::io(path, "read"))?;
    let names: Vec<String> = text.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if names.len() != 10 {
        return Err(DataError::file(path, format!("has {} class names instead of 10", names.len()), advice));
    }
    // The real ones have 10 bytes at most, and a model file holds 65,535 for all.
    if let Some(long) = names.iter().find(|name| name.len() > MOST_NAME) {
        let problem = format!("has a class name of {} bytes, and {MOST_NAME} is the limit", grouped(long.len() as u64));
        return Err(DataError::file(path, problem, advice));
    }
    Ok(names)
}

/// Adds the records of one file; `whole` is the length of every file in bytes, set by the first.
fn read_batch(
    path: &Path,
    whole: &mut Option<usize>,
    images: &mut Vec<u8>,
    labels: &mut Vec<u16>,
    advice: &str,
) -> Result<()> {
    let broken = |problem: String| DataError::file(path, problem, advice);
    if !path.is_file() {
        return Err(DataError::file(
            path,
            "is missing",
            "put the binary version of CIFAR-10 there, all six .bin files",
        ));
    }
    let length = fs::metadata(path).map_err(DataError::io(path, "read"))?.len();
    if length > MOST_BYTES {
        return Err(broken(format!("has {} bytes, far too many for CIFAR-10", grouped(length))));
    }
    let bytes = fs::read(path).map_err(DataError::io(path, "read"))?;
    let size = grouped(bytes.len() as u64);
    if bytes.is_empty() || bytes.len() % RECORD != 0 {
        return Err(broken(format!("has {size} bytes, which are not whole records of 3,073 bytes")));
    }
    // All six files have the same length, so a file cut between two records is detected.
    let expected = *whole.get_or_insert(bytes.len());
    if bytes.len() != expected {
        let expected = grouped(expected as u64);
        return Err(broken(format!(
            "has {size} bytes, but data_batch_1.bin has {expected}; all six files must be equal"
        )));
    }
    images.reserve(bytes.len());
    for (i, record) in bytes.chunks_exact(RECORD).enumerate() {
        if record[0] > 9 {
            return Err(broken(format!("label {} of record {} is not one of 0 to 9", record[0], grouped(i as u64))));
        }
        labels.push(record[0].into());
        let planes = &record[1..];
        images.extend((0..PIXELS).flat_map(|p| [planes[p], planes[PIXELS + p], planes[2 * PIXELS + p]]));
    }
    Ok(())
}
