//! The user's own IDX files: any names, sizes and number of classes, as EMNIST has them.

use std::fs;
use std::path::{Path, PathBuf};

use super::folder::check_distinct;
use super::idx::{self, Origin, Pair};
use super::{DataError, Dataset, DatasetKind, FolderOptions, Result, Splits};
use crate::support::text::{grouped, visible, visible_path};

/// What to do about a broken file.
const ADVICE: &str = "replace it with an intact copy";

/// The first training labels of MNIST and Fashion-MNIST, by which these sets are recognised.
const KNOWN: [(DatasetKind, &str, [u8; 16]); 2] = [
    (DatasetKind::FashionMnist, "Fashion-MNIST", [9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9]),
    (DatasetKind::Mnist, "MNIST", [5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7]),
];

/// The files of images and labels, for training and test.
type Files = [Option<PathBuf>; 4];

/// Returns whether a folder has files that are called as IDX files are.
pub fn is_idx_folder(folder: &Path) -> bool {
    find(folder).map_or(true, |files| files.iter().any(Option::is_some))
}

/// Finds the files by their names: `idx3` for images, `idx1` for labels; `train`, or `test` or `t10k`.
///
/// # Errors
/// Two files for one role.
fn find(folder: &Path) -> Result<Files> {
    let mut files: Files = [const { None }; 4];
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).map_err(DataError::io(folder, "list"))?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        // Some unpackers leave a folder of the file's name around it.
        let inner = path.join(path.file_name().unwrap_or_default());
        let path = if path.is_dir() { inner } else { path };
        let part = match () {
            () if name.contains("train") => 0,
            () if name.contains("t10k") || name.contains("test") => 2,
            () => continue,
        };
        let role = match () {
            () if name.starts_with('.') || !path.is_file() => continue,
            () if name.contains("idx3") => part,
            () if name.contains("idx1") => part + 1,
            () => continue,
        };
        if let Some(other) = &files[role] {
            // The same file packed and plain is one; the packed one is read, as for MNIST.
            let plain = |path: &Path| path.to_string_lossy().trim_end_matches(".gz").to_owned();
            if plain(other) == plain(&path) {
                continue;
            }
            let names = [other, &path].map(|path| visible_path(path.file_name().unwrap_or_default().as_ref()));
            let problem = format!("has two files of one kind, {} and {}", names[0], names[1]);
            return Err(DataError::file(folder, problem, "put each set of four files into a folder of its own"));
        }
        files[role] = Some(path);
    }
    Ok(files)
}

/// Loads the IDX files of a folder. Without test files, a part of the training images is held out. The class names are
/// `classes`; if it is empty, those of MNIST or Fashion-MNIST if the files are theirs, else numbers. Labels may start
/// at 0 or 1.
///
/// # Errors
/// A file that is missing or broken, test images of another shape, or labels beyond the names.
pub fn load(folder: &Path, classes: &[String], options: &FolderOptions) -> Result<Splits> {
    check_distinct(classes)?;
    let [images, labels, test_images, test_labels] = find(folder)?;
    let lacks = |what: &str, name: &str| {
        DataError::file(folder, format!("has no file of {what}"), format!("put it there, with a name like {name}"))
    };
    let pair = |images: Option<PathBuf>, labels: Option<PathBuf>, part: &str, name: &str| {
        let images = images.ok_or_else(|| lacks(&format!("{part} images"), &format!("{name}-images-idx3-ubyte.gz")))?;
        let labels = labels.ok_or_else(|| lacks(&format!("{part} labels"), &format!("{name}-labels-idx1-ubyte.gz")))?;
        let origin = |path| Origin { path, advice: ADVICE };
        idx::read_pair(origin(&images), origin(&labels)).map(|pair| (images.clone(), labels.clone(), pair))
    };
    let (_, labels, train) = pair(images, labels, "training", "train")?;
    let test = match (test_images, test_labels) {
        (None, None) => None,
        (images, labels) => Some(pair(images, labels, "test", "t10k")?),
    };
    let all = || train.labels.iter().chain(test.iter().flat_map(|(_, _, test)| &test.labels)).copied();
    let (least, most) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
    let known = KNOWN.iter().find(|(_, _, first)| classes.is_empty() && most < 10 && train.labels.starts_with(first));
    let mut called = String::new();
    let mut title = "Images";
    // Labels that count from 1 are moved down.
    let first = u8::from(least > 0);
    let names: Vec<String> = if let Some((kind, name, _)) = known {
        title = name;
        kind.class_names().iter().map(|&name| name.to_owned()).collect()
    } else if classes.is_empty() {
        called = ", called by their numbers (--classes names them)".to_owned();
        (first..=most).map(|class| class.to_string()).collect()
    } else {
        classes.to_vec()
    };
    let first = if known.is_some() || usize::from(most) < names.len() && !classes.is_empty() { 0 } else { first };
    if usize::from(most - first) >= names.len() {
        let (count, last) = (names.len(), visible(names.last().map_or("", String::as_str)).into_owned());
        let problem = format!("has labels from {least} to {most}, but --classes has {count} names, the last '{last}'");
        return Err(DataError::file(&labels, problem, "give each label a name"));
    }
    if names.len() < 2 {
        return Err(DataError::file(&labels, "has images of a single class", "add another class"));
    }
    let dataset = |Pair { shape, pixels, labels }: Pair| {
        let labels = labels.into_iter().map(|label| u16::from(label - first)).collect();
        Dataset::new(pixels, shape, labels, names.clone())
    };
    let train = dataset(train)?;
    let (train, test, how) = match test {
        Some((path, _, test)) => {
            let test = dataset(test)?;
            if test.shape() != train.shape() {
                let problem = format!("has images of {}, but those for training are {}", test.shape(), train.shape());
                return Err(DataError::file(&path, problem, ADVICE));
            }
            (train, test, String::new())
        }
        None => {
            let (train, test) = train.split(options.test_fraction, options.seed)?;
            (train, test, format!(" ({} of each class held out by seed {})", options.test_fraction, options.seed))
        }
    };
    let source = format!(
        "{title} from {}: {} training and {} test images of {} classes{called}{how}.",
        folder.display(),
        grouped(train.len() as u64),
        grouped(test.len() as u64),
        names.len()
    );
    Ok(Splits { train, validation: None, test, source, is_subset: false, notice: None })
}
