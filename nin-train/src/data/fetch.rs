//! Downloads files into the cache, with limits on time and size. Files are checked and written atomically.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::http::Client;
use super::{DataError, Result, idx};

/// What [`load`](super::load) is busy with.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A download.
    Download {
        /// The name of the file.
        file: &'a str,
        /// Bytes received so far.
        bytes: u64,
        /// Bytes of the whole file, if the server sent its length.
        total: Option<u64>,
    },
    /// The decoding of picture files.
    Pictures {
        /// Pictures that are done.
        done: usize,
        /// All pictures of the data set.
        total: usize,
    },
}

/// The address of gzip files and their expected contents.
#[derive(Clone, Debug)]
pub struct Remote {
    /// The URL of the folder, with its final slash. An `https` one is never redirected to plain `http`.
    pub base: String,
    /// The files.
    pub files: Vec<RemoteFile>,
    /// The longest wait for the DNS look-up.
    pub resolve: Duration,
    /// The longest wait for a connection, and then for the response's headers.
    pub connect: Duration,
    /// The longest wait for the next bytes.
    pub stall: Duration,
}

/// One gzip file to download.
#[derive(Clone, Debug)]
pub struct RemoteFile {
    /// Its name on the server and in the cache.
    pub name: String,
    /// Size of the unpacked file in bytes.
    pub unpacked: u64,
    /// SHA-256 of the unpacked bytes, in lower-case hexadecimal; packed bytes differ between compressors.
    pub sha256: String,
}

impl Remote {
    /// Returns Fashion-MNIST in its authors' repository, with time-outs so short that a machine without network fails
    /// within 10 seconds.
    pub fn fashion_mnist() -> Self {
        let sizes = [47_040_016, 60_008, 7_840_016, 10_008];
        let sums = [
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ];
        let files = idx::NAMES.into_iter().zip(sizes).zip(sums);
        Self {
            base: "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/".to_owned(),
            files: files
                .map(|((name, unpacked), sum)| RemoteFile {
                    name: format!("{name}.gz"),
                    unpacked,
                    sha256: sum.to_owned(),
                })
                .collect(),
            resolve: Duration::from_secs(4),
            connect: Duration::from_secs(5),
            stall: Duration::from_secs(20),
        }
    }
}

/// Downloads the files of `remote` that `folder` lacks; creates the folder if needed. Each file is checked and written
/// under a temporary name first, so that `folder` never contains a broken one.
///
/// # Errors
/// [`DataError::Download`] if a download fails or has the wrong content, or if a file is missing and this crate was
/// built without its feature `fetch`; [`DataError::Io`] if a file can't be written.
pub fn fetch_into(folder: &Path, remote: &Remote, progress: &mut dyn FnMut(Progress<'_>)) -> Result<()> {
    // This comes first: a download that can't be written would be useless.
    fs::create_dir_all(folder).map_err(DataError::io(folder, "create this folder"))?;
    let client = Client::new(&remote.base, remote.resolve, remote.connect, remote.stall);
    for file in &remote.files {
        let path = folder.join(&file.name);
        if path.is_file() {
            continue;
        }
        let url = format!("{}{}", remote.base, file.name);
        // Gzip makes no file much longer; this limit protects against a wrong server.
        let most = file.unpacked + file.unpacked / 100 + 4096;
        let bytes = client
            .download(&url, most, &mut |bytes, total| progress(Progress::Download { file: &file.name, bytes, total }))
            .and_then(|bytes| check(&bytes, file).map(|()| bytes))
            .map_err(|problem| DataError::Download { url, problem })?;
        keep(folder, &file.name, &bytes)?;
    }
    Ok(())
}

/// Checks the unpacked file's length and SHA-256.
fn check(bytes: &[u8], file: &RemoteFile) -> std::result::Result<(), String> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(12)]).escape_debug().to_string();
        return Err(format!("is not gzip: it starts with \"{shown}\""));
    }
    let mut reader = MultiGzDecoder::new(bytes).take(file.unpacked + 1);
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        match reader.read(&mut block) {
            Ok(0) => break,
            Ok(count) => {
                hash.update(&block[..count]);
                length += count as u64;
            }
            Err(error) => return Err(format!("does not unpack: {error}")),
        }
    }
    let sum: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if length != file.unpacked || sum != file.sha256 {
        return Err(format!("is not the expected file: its content has the SHA-256 {sum}, not {}", file.sha256));
    }
    Ok(())
}

/// Writes a file atomically, even if the power fails or two programs write it at once.
fn keep(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let write = || {
        let mut file = tempfile::Builder::new();
        file.prefix(".").suffix(".part");
        // The usual permissions of a new file, so that other users of the folder can read it.
        #[cfg(unix)]
        file.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = file.tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(folder.join(name))?;
        Ok(())
    };
    write().map_err(DataError::io(&folder.join(name), "write"))
}
