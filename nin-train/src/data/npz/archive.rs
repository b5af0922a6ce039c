//! A `.npz` archive: a zip file of `.npy` files.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::stored::{Place, Stored};
use crate::data::{DataError, Result};
use crate::support::memory;
use crate::support::text::{bytes, grouped};

/// The advice for a broken file.
const AGAIN: &str = "write it again with numpy.savez or numpy.savez_compressed";

/// DEFLATE unpacks one byte to at most 1,032; `ROOM` allows for the overhead of very short streams.
const MOST_FROM_A_BYTE: u64 = 1032;
const ROOM: u64 = 1 << 16;

/// An open archive.
pub(super) struct Archive<'a> {
    path: &'a Path,
    zip: ZipArchive<BufReader<File>>,
}

impl<'a> Archive<'a> {
    /// Opens an archive and reads its directory.
    pub fn open(path: &'a Path) -> Result<Self> {
        let file = BufReader::new(File::open(path).map_err(DataError::io(path, "open"))?);
        match ZipArchive::new(file) {
            Ok(zip) => Ok(Self { path, zip }),
            Err(error) => Err(broken(path, error)),
        }
    }

    /// Returns the archive's file.
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// Returns the names of the arrays as in NumPy, without `.npy`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.zip.file_names().map(|name| name.strip_suffix(".npy").unwrap_or(name))
    }

    /// Returns whether there is an array with this name.
    pub fn has(&self, key: &str) -> bool {
        self.names().any(|name| name == key)
    }

    /// Returns the name of the only array; `None` if there is not exactly one.
    pub fn only(&self) -> Option<String> {
        let mut names = self.names();
        names.next().filter(|_| names.next().is_none()).map(str::to_owned)
    }

    /// Returns the names of the arrays for messages; at most the first 12.
    pub fn listed(&self) -> String {
        const SHOWN: usize = 12;
        let names: Vec<String> = self.names().take(SHOWN).map(|name| name.escape_debug().to_string()).collect();
        match self.zip.len() {
            0 => "it has no arrays".to_owned(),
            more if more > SHOWN => format!("its arrays are {}, … ({} in all)", names.join(", "), grouped(more as u64)),
            _ => format!("its arrays are {}", names.join(", ")),
        }
    }

    /// Returns the error for a missing array.
    pub fn missing(&self, key: &str) -> DataError {
        DataError::file(self.path, format!("has no array '{key}': {}", self.listed()), "add it")
    }

    /// Opens one array and checks its header.
    pub fn stored<'r>(&'r mut self, key: &'r str) -> Result<Stored<'r>> {
        let (path, place) = (self.path, Place { path: self.path, key: Some(key) });
        let index = self.zip.index_for_name(&format!("{key}.npy")).or_else(|| self.zip.index_for_name(key));
        let Some(index) = index else { return Err(self.missing(key)) };
        let file = self.zip.by_index(index).map_err(|error| broken(path, error))?;
        let (length, compressed) = (file.size(), file.compressed_size());
        if length > compressed.saturating_mul(MOST_FROM_A_BYTE).saturating_add(ROOM) {
            let problem = format!(
                "declares {} bytes, which its {} compressed bytes cannot hold",
                grouped(length),
                grouped(compressed)
            );
            return Err(place.wrong(problem, AGAIN));
        }
        open(Box::new(file), length, place)
    }
}

/// Opens the array of a `.npy` file and checks its header.
pub(super) fn single(path: &Path) -> Result<Stored<'_>> {
    let file = File::open(path).map_err(DataError::io(path, "open"))?;
    let length = file.metadata().map_err(DataError::io(path, "read"))?.len();
    open(Box::new(BufReader::new(file)), length, Place { path, key: None })
}

fn open<'r>(reader: Box<dyn Read + 'r>, length: u64, place: Place<'r>) -> Result<Stored<'r>> {
    if let Some(left) = memory::shortage(length) {
        let (needed, left) = (bytes(length), bytes(left));
        return Err(
            place.wrong(format!("needs {needed} of memory, but {left} are available"), "reduce the number of images")
        );
    }
    Stored::open(reader, length, place)
}

/// Returns the error for an archive that cannot be read.
fn broken(path: &Path, error: ZipError) -> DataError {
    match error {
        ZipError::Io(error) if !matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData) => {
            DataError::io(path, "read")(error)
        }
        ZipError::UnsupportedArchive(what) => {
            DataError::file(path, format!("is a zip archive that cannot be read ({what})"), AGAIN)
        }
        _ => DataError::file(path, "is not a zip archive, or is damaged", AGAIN),
    }
}
