//! Fetching, against a small server of our own: what arrives whole is kept, anything else leaves no trace.

use crate::common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use common::{TempDir, gzip, idx_files, noise, options};
use nin_train::data::fetch::{RemoteFile, fetch_into};
use nin_train::data::{DatasetKind, LoadOptions, Places, Progress, Remote, Shape, idx, load_from};
use sha2::{Digest, Sha256};

/// Answers each connection with what `answer` gives for the path asked for: raw bytes of HTTP, then a pause.
fn serve(answer: impl Fn(&str) -> (Vec<u8>, Duration) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                request.push(byte[0]);
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let path = request.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
            let (bytes, pause) = answer(&path);
            let _ = stream.write_all(&bytes);
            std::thread::sleep(pause);
        }
    });
    base
}

fn http(status: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn ok(body: &[u8]) -> (Vec<u8>, Duration) {
    (http("200 OK", body.len(), body), Duration::ZERO)
}

/// A remote for the four IDX files `plain`, at `base`, with short waits.
fn remote(base: String, plain: &[Vec<u8>; 4]) -> Remote {
    let files = idx::NAMES.iter().zip(plain).map(|(name, bytes)| RemoteFile {
        name: format!("{name}.gz"),
        unpacked: bytes.len() as u64,
        sha256: Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
    });
    let wait = Duration::from_millis(600);
    Remote { base, files: files.collect(), resolve: wait, connect: wait, stall: wait }
}

fn small() -> [Vec<u8>; 4] {
    let shape = Shape { channels: 1, rows: 28, columns: 28 };
    idx_files(&noise(200, shape, 1), &noise(50, shape, 2))
}

fn by_name(plain: [Vec<u8>; 4]) -> impl Fn(&str) -> Vec<u8> + Send + 'static {
    move |path| {
        let which = idx::NAMES.iter().position(|name| path == format!("{name}.gz"));
        gzip(&plain[which.expect("a file that was asked for by its name")])
    }
}

fn names_in(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(&folder.0).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Returns the file, the bytes so far and all bytes of a download.
fn download(progress: Progress<'_>) -> (String, u64, Option<u64>) {
    match progress {
        Progress::Download { file, bytes, total } => (file.to_owned(), bytes, total),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_missing_is_fetched_once_and_loaded() {
    let root = TempDir::new();
    let places = Places { local: root.0.join("l"), cache: Some(root.0.join("c/d")), system: root.0.join("s") };
    let files = by_name(small());
    let remote = remote(serve(move |path| ok(&files(path))), &small());
    let options = LoadOptions { offline: false, ..options(DatasetKind::FashionMnist, None) };
    let mut seen: Vec<(String, u64, Option<u64>)> = Vec::new();
    let splits = load_from(&options, &places, &remote, &mut |p| seen.push(download(p))).unwrap();
    assert_eq!((splits.train.len(), splits.test.len(), splits.is_subset, splits.notice), (200, 50, false, None));
    // For each file the count goes from 0 to the total.
    for name in &idx::NAMES {
        let name = format!("{name}.gz");
        let steps: Vec<_> = seen.iter().filter(|(file, ..)| *file == name).collect();
        assert!(steps[0].1 == 0 && Some(steps[steps.len() - 1].1) == steps[0].2, "{steps:?}");
        assert!(steps.is_sorted_by_key(|step| step.1));
    }
    // From now on the cache serves; after a loss only the lost file is fetched.
    load_from(&options, &places, &remote, &mut |p| panic!("{p:?} again")).unwrap();
    std::fs::remove_file(root.0.join("c/d/t10k-labels-idx1-ubyte.gz")).unwrap();
    let mut fetched = Vec::new();
    load_from(&options, &places, &remote, &mut |p| fetched.push(download(p).0)).unwrap();
    fetched.dedup();
    assert_eq!(fetched, ["t10k-labels-idx1-ubyte.gz"]);
}

#[test]
fn anything_wrong_is_told_and_leaves_no_trace() {
    let told = |answer: fn(Vec<u8>) -> (Vec<u8>, Duration), what: &str| {
        let (folder, files) = (TempDir::new(), by_name(small()));
        let remote = remote(serve(move |path| answer(files(path))), &small());
        let start = Instant::now();
        let message = fetch_into(&folder.0, &remote, &mut |_| ()).unwrap_err().to_string();
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        let prefix = format!("{}train-images-idx3-ubyte.gz: ", remote.base);
        assert!(message.starts_with(&prefix) && message.contains(what), "{what:?} is not in {message:?}");
        assert_eq!(names_in(&folder), [""; 0]);
    };
    told(|_| (http("404 Not Found", 0, b""), Duration::ZERO), "404");
    told(|_| ok(b"<html>log in to this network</html>"), "is not gzip: it starts with \"<html>log in");
    told(|file| ok(&file[..file.len() / 2]), "does not unpack");
    told(|file| (http("200 OK", file.len(), &file[..file.len() / 2]), Duration::ZERO), "broke off after");
    told(|file| (http("200 OK", file.len(), &file[..file.len() / 2]), Duration::from_secs(4)), "broke off after");
    told(|_| (Vec::new(), Duration::from_secs(4)), "timeout");
    told(|_| ok(&vec![0x1f; 1_000_000]), "is longer than the");
    told(|_| ok(&gzip(&vec![0; 1_000_000])), "is not the expected file: its content has the SHA-256 ");
    told(|_| ok(&gzip(&small()[2])), "is not the expected file");
}

#[test]
fn without_network_the_subset_is_used_soon_and_the_reason_given() {
    let root = TempDir::new();
    let places = Places { local: root.0.join("l"), cache: Some(root.0.join("c")), system: root.0.join("s") };
    let options = LoadOptions { offline: false, ..options(DatasetKind::FashionMnist, None) };
    // A port nobody listens on; the names of this domain never exist (RFC 2606).
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let no_tls = serve(|_| ok(b"no TLS here")).replace("http:", "https:");
    for base in [format!("http://127.0.0.1:{port}/"), "https://nowhere.invalid/".to_owned(), no_tls] {
        let remote = Remote { base: base.clone(), connect: Duration::from_secs(1), ..Remote::fashion_mnist() };
        let start = Instant::now();
        let splits = load_from(&options, &places, &remote, &mut |_| ()).unwrap();
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert!(splits.is_subset);
        let notice = splits.notice.unwrap();
        assert!(notice.starts_with(&format!("Fashion-MNIST could not be fetched ({base}train-images")), "{notice}");
        assert!(notice.ends_with("the bundled subset of 6,000 + 1,000 images is used instead"), "{notice}");
        eprintln!("{notice}");
    }
    // Neither can it be fetched to a place that can't be made.
    let file = root.write("file", b"");
    let places = Places { cache: Some(file.join("c")), ..places };
    let splits = load_from(&options, &places, &Remote::fashion_mnist(), &mut |_| panic!("fetched in vain")).unwrap();
    assert!(splits.notice.unwrap().contains("cannot create this folder"));
    let splits = load_from(&options, &Places { cache: None, ..places }, &Remote::fashion_mnist(), &mut |_| ()).unwrap();
    assert!(splits.notice.unwrap().contains("no cache folder"));
}
