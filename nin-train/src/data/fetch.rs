//! Fetching files into the cache: bounded in time and size, checked, and never visible half-written.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use ureq::Agent;

use super::{DataError, Result, idx};
use crate::support::text::grouped;

/// How far the fetching of one file is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The name of the file.
    pub file: &'a str,
    /// Bytes received so far.
    pub bytes: u64,
    /// Bytes of the whole file, if the server said so.
    pub total: Option<u64>,
}

/// Where gzip files can be fetched, and what they must hold.
#[derive(Clone, Debug)]
pub struct Remote {
    /// The address that the names of the files are appended to, with its final slash. An `https` one is never
    /// redirected to plain `http`.
    pub base: String,
    /// The files.
    pub files: Vec<RemoteFile>,
    /// How long to wait for the name look-up, at most.
    pub resolve: Duration,
    /// How long to wait for a connection, at most, and then for the answer's head.
    pub connect: Duration,
    /// How long to wait for the next bytes, at most.
    pub stall: Duration,
}

/// One gzip file to fetch.
#[derive(Clone, Debug)]
pub struct RemoteFile {
    /// Its name there and in the cache.
    pub name: String,
    /// Bytes it must unpack to.
    pub unpacked: u64,
    /// SHA-256 of the unpacked bytes, in lower-case hexadecimal; packed bytes may differ from one packer to another.
    pub sha256: String,
}

impl Remote {
    /// Fashion-MNIST at its authors' repository, with waits short enough that a machine without network knows it
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

    fn agent(&self) -> Agent {
        let builder = Agent::config_builder()
            .https_only(self.base.starts_with("https:"))
            .user_agent(concat!("nin-train/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(self.resolve))
            .timeout_connect(Some(self.connect))
            .timeout_recv_response(Some(self.connect))
            .timeout_per_read(Some(self.stall))
            .timeout_per_write(Some(self.stall));
        // A proxy set for the outside world can't reach this machine's own addresses.
        let own = ["://127.0.0.1", "://localhost"].iter().any(|own| self.base.contains(own));
        let builder = if own { builder.proxy(None) } else { builder };
        builder.build().into()
    }
}

/// Fetches those files of `remote` that `folder` lacks, making the folder if needed. Each file is checked and written
/// completely under a temporary name first, so that `folder` never shows a broken one.
///
/// # Errors
/// [`DataError::Download`] if a file can't be had or is not what it should be; [`DataError::Io`] if it can't be kept.
pub fn fetch_into(folder: &Path, remote: &Remote, progress: &mut dyn FnMut(Progress<'_>)) -> Result<()> {
    // First, for it is in vain to fetch what can't be kept.
    fs::create_dir_all(folder).map_err(DataError::io(folder, "make this folder"))?;
    let agent = remote.agent();
    for file in &remote.files {
        let path = folder.join(&file.name);
        if path.is_file() {
            continue;
        }
        let url = format!("{}{}", remote.base, file.name);
        let bytes = download(&agent, &url, file, progress)?;
        check(&bytes, file).map_err(|problem| DataError::Download { url, problem })?;
        keep(folder, &file.name, &bytes)?;
    }
    Ok(())
}

fn download(agent: &Agent, url: &str, file: &RemoteFile, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Vec<u8>> {
    let failed = |problem: String| DataError::Download { url: url.to_owned(), problem };
    let response = agent.get(url).call().map_err(|error| failed(error.to_string()))?;
    let body = response.into_body();
    let total = body.content_length();
    // Gzip makes no file much longer than it was; this bounds what a wrong server can make us take.
    let most = file.unpacked + file.unpacked / 100 + 4096;
    let mut reader = body.into_reader().take(most + 1);
    let mut bytes = Vec::new();
    let mut block = vec![0; 1 << 16];
    loop {
        progress(Progress { file: &file.name, bytes: bytes.len() as u64, total });
        let count = reader.read(&mut block).map_err(|error| {
            let so_far = grouped(bytes.len() as u64);
            failed(format!("broke off after {so_far} bytes: {error}"))
        })?;
        if count == 0 {
            break;
        }
        bytes.extend_from_slice(&block[..count]);
    }
    let count = bytes.len() as u64;
    if count > most {
        return Err(failed(format!("is longer than the {} bytes it may have", grouped(most))));
    }
    match total {
        Some(total) if total != count => {
            Err(failed(format!("ended after {} of {} bytes", grouped(count), grouped(total))))
        }
        _ => Ok(bytes),
    }
}

/// Compares what the file unpacks to with what it must be.
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

/// Writes a file so that it is there either whole or not at all, even if the power fails or two programs do it at once.
fn keep(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    let temporary = folder.join(format!(".{name}.{}.part", std::process::id()));
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)
    };
    write().map_err(|error| {
        // Best effort: the error that matters is the one being returned.
        let _ = fs::remove_file(&temporary);
        DataError::io(&path, "write")(error)
    })
}
