//! Reading and writing whole files, with errors that name them.
//!
//! Files are replaced without `tempfile`. Its names are random, so each killed run would leave another partial file
//! next to its checkpoint. Links, devices, permissions and the two syncs would still have to be handled here.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::text::visible_path;

/// Why a file cannot be read or written, or is not what it should be.
#[derive(Debug)]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Box<dyn Error + Send + Sync>,
}

impl FileError {
    /// Returns a function for `map_err` that adds this file's path to an error.
    pub fn at<E: Into<Box<dyn Error + Send + Sync>>>(path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |problem| Self { path, problem: problem.into() }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", visible_path(&self.path), self.problem)
    }
}

impl Error for FileError {}

/// Reads a file.
///
/// # Errors
///
/// [`FileError`] if it does not exist or cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(FileError::at(path))
}

/// Creates a folder for output, and its parent if needed. It refuses a path in which more folders are missing, and a
/// new folder in the root of the file system, since such a path is probably mistyped.
///
/// # Errors
///
/// If the path is refused, or the system cannot create the folder.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    refuse_folder(folder)?;
    fs::create_dir_all(folder)
}

/// Checks that [`write()`] would not refuse a file's folder, before the content is computed. Creates nothing.
///
/// # Errors
///
/// [`FileError`] if the folder does not exist and [`create_folder`] would refuse it.
pub fn check_folder_of(path: &Path) -> Result<(), FileError> {
    path.parent().map_or(Ok(()), refuse_folder).map_err(FileError::at(path))
}

fn refuse_folder(folder: &Path) -> io::Result<()> {
    let missing = folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    let (count, first) = missing.fold((0, None), |(count, _), path| (count + 1, Some(path)));
    let Some(first) = first else { return Ok(()) };
    let in_root = first.parent().is_some_and(|parent| parent.has_root() && parent.parent().is_none());
    if count > 2 || in_root {
        let problem = format!("there is no folder {}; create it, or name another", visible_path(first));
        return Err(io::Error::new(io::ErrorKind::NotFound, problem));
    }
    Ok(())
}

/// Writes a file atomically: it never exists in part. Creates its folder as [`create_folder`] does.
///
/// # Errors
///
/// [`FileError`] if the folder cannot be created or the file cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    whole(path, bytes).map_err(FileError::at(path))
}

/// Writes a temporary file, syncs it to disk and renames it to `path`. A link is followed and its target replaced.
/// Anything that is not a regular file, such as `/dev/null`, is written to directly.
pub(crate) fn whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "this path has no file name"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        create_folder(folder)?;
    }
    // The temporary file is in the same folder, so that renaming is atomic. Its name is fixed, so that a file left by a
    // killed program is overwritten.
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(".partial");
    let temporary = path.with_file_name(temporary);
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        // The partial file is useless, and the first error is already reported.
        let _ = fs::remove_file(&temporary);
    })?;
    // Syncing the folder writes the renaming to disk. If the folder cannot be opened, the system does so later.
    #[cfg(unix)]
    let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_created_where_they_are_meant() {
        let there = tempfile::tempdir().unwrap();
        create_folder(&there.path().join("runs/photos")).unwrap();
        create_folder(&there.path().join("runs/photos")).unwrap();
        let far = there.path().join("a/b/c");
        let problem = create_folder(&far).unwrap_err().to_string();
        let first = there.path().join("a");
        assert_eq!(problem, format!("there is no folder {}; create it, or name another", first.display()));
        assert!(!first.exists());
        let root = Path::new("/no-such-folder-of-nin-train");
        assert_eq!(
            write(&root.join("x.nin"), b"").unwrap_err().problem.to_string(),
            "there is no folder /no-such-folder-of-nin-train; create it, or name another"
        );
        assert!(create_folder(&root.join("b")).is_err() && !root.exists());
    }
}
