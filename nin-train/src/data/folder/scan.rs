//! The classes of a folder and their files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::names::composed;
use super::pictures_of;
use super::skipped::Skipped;
use crate::data::{DataError, Result, is_picture};
use crate::support::text::{visible, visible_path};

/// Picture files, each with the name of its class.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Class and file, sorted by the names of folders and files.
    pub files: Vec<(String, PathBuf)>,
    pub skipped: Skipped,
}

/// The entries of a folder: a name, and the path.
pub(super) type Entries = Vec<(String, PathBuf)>;

/// Returns the visible entries of a folder, sorted by name, and the number of hidden ones. Names that are not UTF-8 have
/// a replacement character.
pub(super) fn entries(folder: &Path) -> Result<(Entries, usize)> {
    let mut seen = Vec::new();
    let mut hidden = 0;
    for entry in fs::read_dir(folder).map_err(DataError::io(folder, "list"))? {
        let entry = entry.map_err(DataError::io(folder, "list"))?;
        let name = entry.file_name();
        // macOS puts `__MACOSX` into archives; it has no pictures, but files that are called like them.
        if name.as_encoded_bytes().starts_with(b".") || name == "__MACOSX" {
            hidden += 1;
        } else {
            seen.push(entry.path());
        }
    }
    // The order of a directory listing differs between machines.
    seen.sort();
    let named = |path: PathBuf| (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), path);
    Ok((seen.into_iter().map(named).collect(), hidden))
}

/// Returns the pictures of a folder's class folders.
///
/// # Errors
/// A class folder without pictures, with a name that is not UTF-8 or that another one has in a different Unicode form.
pub(super) fn classes(top: Entries) -> Result<Found> {
    let mut found = Found::default();
    let mut known: BTreeMap<String, PathBuf> = BTreeMap::new();
    for (name, path) in top {
        if !path.is_dir() || holds_runs(&path) {
            found.skipped.entry(&path);
            continue;
        }
        if path.file_name().and_then(|name| name.to_str()).is_none() {
            let advice = "rename it: a folder's name is the name of its class";
            return Err(DataError::file(&path, "the name of this class folder is not UTF-8", advice));
        }
        let name = composed(&name);
        let (inside, hidden) = entries(&path)?;
        found.skipped.others(hidden);
        let mut skipped = Skipped::default();
        let before = found.files.len();
        for (_, file) in &inside {
            match is_picture(file) && file.is_file() {
                true => found.files.push((name.clone(), file.clone())),
                false => skipped.entry(file),
            }
        }
        if found.files.len() == before {
            return Err(empty(&path, &inside, &skipped));
        }
        found.skipped.add(skipped);
        if let Some(other) = known.insert(name.clone(), path.clone()) {
            let problem = format!("has the same letters as {} in another Unicode form", visible_path(&other));
            return Err(DataError::file(&path, problem, "merge the two folders"));
        }
    }
    Ok(found)
}

/// Returns the error for a class folder without pictures.
fn empty(path: &Path, inside: &Entries, skipped: &Skipped) -> DataError {
    if path.file_name().is_some_and(|name| name == "cifar-10-batches-py") {
        let advice = "get the binary version of CIFAR-10 (cifar-10-binary.tar.gz), whose files end in .bin";
        return DataError::file(path, "holds CIFAR-10 as Python objects, which are not read", advice);
    }
    if let Some(sentence) = skipped.pictures() {
        return DataError::file(path, "this class folder has no picture that is read", sentence);
    }
    if let Some((name, _)) = inside.iter().find(|(_, path)| holds_pictures(path)) {
        let problem = format!("this class folder has its pictures in folders such as '{}'", visible(name));
        return DataError::file(path, problem, "put the class's pictures directly into its folder");
    }
    let advice = "put the class's pictures there or remove the folder";
    DataError::file(path, "this class folder has no picture", advice)
}

/// Returns whether a folder contains pictures directly.
pub(super) fn holds_pictures(folder: &Path) -> bool {
    folder.is_dir() && entries(folder).is_ok_and(|(inside, _)| inside.iter().any(|(_, path)| is_picture(path)))
}

/// Returns whether a folder has sub-folders with pictures, as classes are.
pub(super) fn holds_classes(folder: &Path) -> bool {
    folder.is_dir() && entries(folder).is_ok_and(|(inside, _)| inside.iter().any(|(_, path)| holds_pictures(path)))
}

/// Returns whether a folder was written by a run or search, or contains such folders, as `runs` does.
fn holds_runs(folder: &Path) -> bool {
    let is_run =
        |folder: &Path| [".lock", "metrics.jsonl", "trials.jsonl"].iter().any(|name| folder.join(name).is_file());
    is_run(folder) || entries(folder).is_ok_and(|(inside, _)| inside.iter().any(|(_, path)| is_run(path)))
}

/// Returns the error for a folder with fewer than two classes, with advice that fits what is there.
pub(super) fn too_few(folder: &Path, found: &Found, top: &Entries) -> DataError {
    let advice = "put each class's pictures into a sub-folder of its own, two or more";
    let with = |endings: &[&str]| {
        top.iter().find(|(_, path)| {
            path.is_file()
                && path.extension().is_some_and(|found| endings.iter().any(|ending| found.eq_ignore_ascii_case(ending)))
        })
    };
    if let Some((only, _)) = found.files.first() {
        let problem = format!("has a single class folder, '{}'", visible(only));
        // A table beside one folder of pictures has their labels.
        let table =
            with(&["csv", "tsv"]).map(|(_, path)| format!("name the table of labels: --data {}", visible_path(path)));
        return DataError::file(folder, problem, table.unwrap_or_else(|| advice.to_owned()));
    }
    let has = |path: &Path| {
        format!("has no class folder, but {}", visible_path(path.file_name().unwrap_or_default().as_ref()))
    };
    if let Some((_, path)) = with(&["csv", "tsv", "npz"]) {
        return DataError::file(folder, has(path), format!("name that file: --data {}", visible_path(path)));
    }
    if let Some((_, path)) = with(&["parquet", "arrow", "tfrecord", "tfrecords", "h5", "hdf5", "mat", "pkl", "lmdb"]) {
        return DataError::file(folder, has(path), NOT_READ);
    }
    if let Some((_, path)) = with(&["zip", "tar", "gz", "tgz", "xz", "bz2", "7z", "rar"]) {
        return DataError::file(folder, has(path), "unpack it first");
    }
    if top.iter().any(|(name, path)| name == "data_batch_1" && path.is_file()) {
        let advice = "get the binary version of CIFAR-10 (cifar-10-binary.tar.gz), whose files end in .bin";
        return DataError::file(folder, "holds CIFAR-10 as Python objects, which are not read", advice);
    }
    let pictures = top.iter().filter(|(_, path)| is_picture(path)).count();
    let problem = match pictures {
        0 => "has no class folder".to_owned(),
        count => format!("has {}, but no class folder", pictures_of(count)),
    };
    DataError::file(folder, problem, advice)
}

/// Advice about containers of data that are not read.
pub(in crate::data) const NOT_READ: &str = "write its pictures into a folder for each class, or as arrays with \
                                   numpy.savez(\"set.npz\", x_train=…, y_train=…, x_test=…, y_test=…)";
