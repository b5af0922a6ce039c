//! A cache of resized pictures, so that only the first command decodes them.
//!
//! There is one file for each data set and shape, in the folder that the caller names. It holds, for each picture, its
//! path, its stamp (size and times) and its bytes. A picture is read again if its stamp differs. A cache that is
//! missing, damaged, of another version or cannot be written is no error: the pictures are decoded.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::image_file::CONVERSION;
use crate::data::{Shape, hex};

/// The first bytes of a cache file; the last digit is the version of its form.
const MAGIC: &[u8; 8] = b"ninpics1";

/// Most bytes of one cache file: a data set with more is decoded each time.
const MOST_FILE: u64 = 1 << 30;

/// Most bytes of all cache files. The files that were not used for the longest time are removed.
const MOST_TOTAL: u64 = 2 << 30;

/// A file that was written a moment ago may be written again within the same tick of the clock, so it is not kept.
const SETTLED: Duration = Duration::from_secs(2);

/// The size of a file and the times of its last changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    bytes: u64,
    /// Seconds and nanoseconds after 1970: the change of the content.
    modified: (u64, u32),
    /// The same for the change of content or properties, which no program can set; zero where systems lack it.
    changed: (i64, i64),
}

impl Stamp {
    /// Returns the stamp of a file. `None` if the file has no times, or changed a moment ago.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let modified = metadata.modified().ok()?;
        let settled = SystemTime::now().duration_since(modified).is_ok_and(|age| age >= SETTLED);
        let modified = modified.duration_since(UNIX_EPOCH).ok().filter(|_| settled)?;
        let modified = (modified.as_secs(), modified.subsec_nanos());
        Some(Self { bytes: metadata.len(), modified, changed: changed(&metadata) })
    }
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> (i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> (i64, i64) {
    (0, 0)
}

/// The header of a cache file.
#[derive(Serialize, Deserialize)]
struct Index {
    /// The version of the code that made the bytes.
    conversion: u32,
    shape: [u16; 3],
    files: Vec<(PathBuf, Stamp)>,
}

/// The stamp of each picture of a cache, and its place among the pictures.
type Known = HashMap<PathBuf, (Stamp, usize)>;

/// The cached pictures of one data set in one shape.
pub(super) struct Cache {
    file: PathBuf,
    shape: Shape,
    known: Known,
    pixels: Vec<u8>,
}

/// A picture that may be kept: its index in the data set, its path and stamp.
pub(super) type Kept = (usize, PathBuf, Stamp);

impl Cache {
    /// Opens the cache of a data set, a folder or table, in `folder`.
    pub fn open(folder: &Path, data: &Path, shape: Shape) -> Self {
        let data = fs::canonicalize(data).unwrap_or_else(|_| data.to_owned());
        let mut hash = Sha256::new();
        hash.update(data.as_os_str().as_encoded_bytes());
        hash.update(format!(" {shape}"));
        let name = &hex(hash)[..32];
        let file = folder.join(format!("{name}.pictures"));
        let (known, pixels) = read(&file, shape).unwrap_or_default();
        if !known.is_empty() {
            // The files that were used last are removed last.
            let _ = File::options().append(true).open(&file).and_then(|file| file.set_modified(SystemTime::now()));
        }
        Self { file, shape, known, pixels }
    }

    /// Returns the bytes of a picture, if the file is as it was.
    pub fn get(&self, path: &Path, stamp: &Stamp) -> Option<&[u8]> {
        let (kept, place) = self.known.get(path)?;
        (kept == stamp).then(|| &self.pixels[place * self.shape.len()..][..self.shape.len()])
    }

    /// Replaces the cache by these pictures of several data sets, each with the bytes of its images.
    pub fn save(&self, sets: &[(&[u8], Vec<Kept>)]) {
        let count: usize = sets.iter().map(|(_, kept)| kept.len()).sum();
        if count == 0 || (count * self.shape.len()) as u64 > MOST_FILE {
            return;
        }
        // A cache that cannot be written costs time, nothing else.
        let _ = self.write(sets).and_then(|()| self.tidy());
    }

    fn write(&self, sets: &[(&[u8], Vec<Kept>)]) -> io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(folder)?;
        let Shape { channels, rows, columns } = self.shape;
        let files = sets.iter().flat_map(|(_, kept)| kept).map(|(_, path, stamp)| (path.clone(), stamp.clone()));
        let index = Index { conversion: CONVERSION, shape: [channels, rows, columns], files: files.collect() };
        let index = serde_json::to_vec(&index)?;
        // Readable by the user only: these are their pictures.
        let file = tempfile::Builder::new().prefix(".").suffix(".part").tempfile_in(folder)?;
        let mut out = Summed { out: BufWriter::new(file), hash: Sha256::new() };
        out.write_all(MAGIC)?;
        out.write_all(&(index.len() as u64).to_le_bytes())?;
        out.write_all(&index)?;
        for (images, kept) in sets {
            for (place, ..) in kept {
                out.write_all(&images[place * self.shape.len()..][..self.shape.len()])?;
            }
        }
        let Summed { mut out, hash } = out;
        out.write_all(&hash.finalize())?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.persist(&self.file)?;
        Ok(())
    }

    /// Removes the files that were not used for the longest time, until the others are small enough together.
    fn tidy(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.file.parent().unwrap_or(Path::new("")))? {
            let entry = entry?;
            let path = entry.path();
            if path.extension() == Some(OsStr::new("pictures")) && path != self.file {
                let metadata = entry.metadata()?;
                files.push((metadata.modified()?, metadata.len(), path));
            }
        }
        files.sort();
        let mut total = fs::metadata(&self.file)?.len();
        for (_, bytes, path) in files.into_iter().rev() {
            total += bytes;
            if total > MOST_TOTAL {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// Reads a cache file. `None` if it is missing, damaged, or was made by another version.
fn read(file: &Path, shape: Shape) -> Option<(Known, Vec<u8>)> {
    let file = File::open(file).ok().filter(|file| file.metadata().is_ok_and(|m| m.len() <= 2 * MOST_FILE))?;
    let mut bytes = Vec::new();
    (&file).read_to_end(&mut bytes).ok()?;
    let (content, sum) = bytes.split_last_chunk::<32>()?;
    if Sha256::digest(content)[..] != sum[..] {
        return None;
    }
    let (length, rest) = content.strip_prefix(MAGIC)?.split_first_chunk()?;
    let (index, pixels) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let index: Index = serde_json::from_slice(index).ok()?;
    let same = index.conversion == CONVERSION && index.shape == [shape.channels, shape.rows, shape.columns];
    if !same || Some(pixels.len()) != index.files.len().checked_mul(shape.len()) {
        return None;
    }
    let known = index.files.into_iter().enumerate().map(|(place, (path, stamp))| (path, (stamp, place))).collect();
    Some((known, pixels.to_vec()))
}

/// A writer that computes the sum of what it writes.
struct Summed<W> {
    out: W,
    hash: Sha256,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
