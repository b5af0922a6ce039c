//! Reading and writing whole files, with errors that name them.
//!
//! Files are replaced without `tempfile`: its names are random, so each killed run would leave one more partial file
//! beside its checkpoint, and links, devices, permissions and the two syncs would have to be handled here all the same.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a file cannot be read or written, or is not what it should be.
#[derive(Debug)]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Box<dyn Error + Send + Sync>,
}

impl FileError {
    /// For `map_err` on anything that concerns this file.
    pub fn at<E: Into<Box<dyn Error + Send + Sync>>>(path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |problem| Self { path, problem: problem.into() }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl Error for FileError {}

/// Reads a file.
///
/// # Errors
///
/// [`FileError`] if it is not there or cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(FileError::at(path))
}

/// Writes a file so that it is there either whole or not at all; makes its folder if needed.
///
/// # Errors
///
/// [`FileError`] if the folder cannot be made or the file cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    whole(path, bytes).map_err(FileError::at(path))
}

/// Writes beside the file, makes sure that it is on disk, then puts it in the file's place. The file that a link leads
/// to, if there is one, and what is no file, such as `/dev/null`, is written to instead.
pub(crate) fn whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "this names no file"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder)?;
    }
    // In the same folder, so that the renaming is one step. Always the same name: what a program that was killed has
    // left is overwritten.
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(".partial");
    let temporary = path.with_file_name(temporary);
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        // It is of no use to anybody; and what went wrong is told already.
        let _ = fs::remove_file(&temporary);
    })?;
    // The renaming itself reaches the disk with its folder; where a folder cannot be opened, it does so later.
    #[cfg(unix)]
    let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    Ok(())
}
