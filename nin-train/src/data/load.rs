//! Finds a data set in the usual places, or downloads it.

use std::path::{Path, PathBuf};

use super::{
    DataError, DatasetKind, FolderOptions, Places, Progress, Remote, Result, Splits, cifar, fetch, folder, idx,
    idx_folder, npz, subset,
};
use crate::support::text::{grouped, visible};

/// The options of [`load`].
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The kind of the data set.
    pub kind: DatasetKind,
    /// The folder, `.npz` file or table of files and labels given with `--data`. If it is given, only this is read, and
    /// any fault in it is an error. A `.npz` file without class names has those of `kind`, if that has any.
    pub data: Option<PathBuf>,
    /// Never download anything.
    pub offline: bool,
    /// Size and split of the images in a folder, and split of those in a `.npz` file; other kinds ignore it.
    pub folder: FolderOptions,
    /// The order of the classes of picture files, or the names of the classes of IDX files and `.npz` files; empty for
    /// the natural order of their names, or the names that the data set has.
    pub classes: Vec<String>,
    /// A folder where resized picture files are kept, so that they are decoded only once; `None` to keep nothing.
    pub cache: Option<PathBuf>,
}

impl Default for LoadOptions {
    /// Returns the options for Fashion-MNIST from the usual places.
    fn default() -> Self {
        Self {
            kind: DatasetKind::FashionMnist,
            data: None,
            offline: false,
            folder: FolderOptions::default(),
            classes: Vec::new(),
            cache: None,
        }
    }
}

/// Loads a data set from the given folder or from the usual [`Places`]. Fashion-MNIST is downloaded if it is in none of
/// them. If that fails too, its bundled subset is returned, and [`Splits::notice`] states the reason.
///
/// `progress` is called during downloads, on the calling thread.
///
/// # Errors
/// A given folder that is missing or broken; a broken file in any folder that has the whole data set; a data set other
/// than Fashion-MNIST that is not found. Each error names the path, what is wrong and what to do.
pub fn load(options: &LoadOptions, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Splits> {
    load_from(options, &Places::usual(options.kind), &Remote::fashion_mnist(), progress)
}

/// Loads a data set as [`load`] does, with the caller's places and download address.
///
/// # Errors
/// As [`load`].
pub fn load_from(
    options: &LoadOptions,
    places: &Places,
    remote: &Remote,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Splits> {
    let kind = options.kind;
    folder::check_distinct(&options.classes)?;
    if kind == DatasetKind::Subset {
        named_already(options, "the bundled subset")?;
        return match options.data {
            None => subset::bundled(),
            Some(_) => Err(DataError::Invalid("the bundled subset needs no folder: omit --data".into())),
        };
    }
    if let Some(path) = &options.data {
        return if path.is_dir() { read_folder(path, options, progress) } else { read_file(path, options, progress) };
    }
    match kind {
        DatasetKind::Folder => {
            return Err(DataError::Invalid("the data set 'folder' needs --data DIR, the folder of the images".into()));
        }
        DatasetKind::Npz => {
            return Err(DataError::Invalid("the data set 'npz' needs --data FILE.npz, the file of the images".into()));
        }
        DatasetKind::Idx => {
            return Err(DataError::Invalid("the data set 'idx' needs --data DIR, the folder of its files".into()));
        }
        _ => named_already(options, kind.name())?,
    }
    search(options, places, remote, progress)
}

/// An error if classes are given for a data set that names its own.
fn named_already(options: &LoadOptions, what: &str) -> Result<()> {
    match options.classes.is_empty() {
        true => Ok(()),
        false => Err(DataError::Invalid(format!("the classes of {what} have names: omit --classes"))),
    }
}

/// Loads the data set in a folder that the user named.
fn read_folder(path: &Path, options: &LoadOptions, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Splits> {
    let kind = options.kind;
    match kind {
        DatasetKind::Folder => {
            folder::load(path, &options.folder, &options.classes, options.cache.as_deref(), progress)
        }
        DatasetKind::Idx => idx_folder::load(path, &options.classes, &options.folder),
        DatasetKind::Npz => Err(DataError::file(path, "is a folder", "name an .npz file with --data")),
        DatasetKind::Cifar10 => {
            named_already(options, "CIFAR-10")?;
            cifar::load(path, "replace it with an intact copy")
        }
        DatasetKind::FashionMnist | DatasetKind::Subset | DatasetKind::Mnist => {
            let missing = idx::missing(path);
            if !missing.is_empty() {
                let problem = format!("there is no {} (or .gz of it) in this folder", missing.join(", no "));
                return Err(DataError::file(path, problem, "put the four IDX files of the data set there"));
            }
            match options.classes.is_empty() {
                true => read_idx(kind, path, "replace it with an intact copy"),
                false => idx_folder::load(path, &options.classes, &options.folder),
            }
        }
    }
}

/// Loads the data set in a file that the user named.
fn read_file(path: &Path, options: &LoadOptions, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Splits> {
    let kind = options.kind;
    if kind == DatasetKind::Npz || npz::is_npz(path) {
        let FolderOptions { test_fraction, seed, .. } = options.folder;
        let names = options.classes.iter().map(String::as_str);
        let names: Vec<&str> =
            names.chain(kind.class_names().iter().copied().filter(|_| options.classes.is_empty())).collect();
        return npz::load(path, test_fraction, seed, &names);
    }
    if path.is_file() && folder::is_table(path) {
        return folder::load(path, &options.folder, &options.classes, options.cache.as_deref(), progress);
    }
    if !path.is_file() {
        return Err(DataError::file(path, "there is no such folder", "check the path given with --data"));
    }
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let advice = match &*ending {
        "zip" | "tar" | "gz" | "tgz" | "xz" | "bz2" | "7z" | "rar" => "unpack it, and name the folder",
        _ => folder::NOT_READ,
    };
    let problem = format!("is a file of a kind that is not read (.{})", visible(&ending));
    Err(DataError::file(path, problem, advice))
}

/// Searches the usual places. It skips a folder without the whole data set; a broken file is an error.
fn search(
    options: &LoadOptions,
    places: &Places,
    remote: &Remote,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Splits> {
    let kind = options.kind;
    let mut remarks = Vec::new();
    for folder in places.in_order() {
        if kind == DatasetKind::Cifar10 {
            if cifar::is_whole(folder) {
                return cifar::load(folder, "replace it with an intact copy");
            }
            continue;
        }
        let missing = idx::missing(folder);
        if missing.is_empty() {
            let system = folder == places.system;
            let advice = match kind {
                _ if system => "reinstall its package",
                DatasetKind::FashionMnist => "delete it and run again to download it",
                _ => "replace it with an intact copy",
            };
            let mut splits = read_idx(kind, folder, advice)?;
            splits.notice = one_line(&remarks);
            return Ok(splits);
        }
        // The cache lacks some files if a download was interrupted. The download below completes it, so it needs no
        // remark.
        if missing.len() < 4 && places.cache.as_deref() != Some(folder) {
            remarks.push(format!("{} was skipped, because it has no {}", folder.display(), missing.join(", no ")));
        }
    }
    if kind != DatasetKind::FashionMnist {
        remarks.insert(0, format!("{kind} is in none of {}", places.listed()));
        let what = if kind == DatasetKind::Cifar10 { "its binary version" } else { "its four IDX files" };
        remarks.push(format!("it is not downloaded: put {what} into one of them, or pass --data DIR"));
        return Err(DataError::Missing(remarks.join("; ")));
    }
    let why = if options.offline {
        format!("Fashion-MNIST is in none of {} and was not downloaded, because of --offline", places.listed())
    } else if let Some(cache) = &places.cache {
        match fetch::fetch_into(cache, remote, progress) {
            Ok(()) => {
                let mut splits = read_idx(kind, cache, "delete it and run again to download it")?;
                splits.notice = one_line(&remarks);
                return Ok(splits);
            }
            Err(error) => format!("Fashion-MNIST could not be fetched ({error})"),
        }
    } else {
        "Fashion-MNIST could not be fetched: there is no cache folder (set HOME or XDG_CACHE_HOME)".to_owned()
    };
    let mut splits = subset::bundled()?;
    remarks.push(format!("{why}; the bundled subset of 6,000 + 1,000 images is used instead"));
    splits.notice = one_line(&remarks);
    Ok(splits)
}

fn read_idx(kind: DatasetKind, folder: &Path, advice: &str) -> Result<Splits> {
    let title = if kind == DatasetKind::Mnist { "MNIST" } else { "Fashion-MNIST" };
    let (train, test) = idx::load(folder, kind.class_names(), advice)?;
    let source = format!(
        "{title} from {}: {} training and {} test images.",
        folder.display(),
        grouped(train.len() as u64),
        grouped(test.len() as u64)
    );
    Ok(Splits { train, validation: None, test, source, is_subset: false, notice: None })
}

/// Joins remarks into one line; a message of the operating system may contain line breaks.
fn one_line(remarks: &[String]) -> Option<String> {
    (!remarks.is_empty()).then(|| remarks.join("; ").replace(['\r', '\n'], " "))
}
