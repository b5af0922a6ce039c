//! A folder of image files: one sub-folder for each class, or `train` and `test`, each with one sub-folder for each
//! class.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::image_file::{check_shape, load_image};
use super::split::held_out;
use super::{DataError, Dataset, Result, Shape, Splits};
use crate::support::text::{grouped, visible};

/// How to make a data set from image files.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FolderOptions {
    /// The shape to which every image is resized; 1 or 3 channels.
    pub shape: Shape,
    /// The part of each class that becomes the test set (above 0, below 1), if there are no folders `train` and `test`.
    pub test_fraction: f64,
    /// The seed of that choice; the same seed chooses the same images.
    pub seed: u64,
}

impl Default for FolderOptions {
    /// Returns 3×32×32 pixels, a test fraction of 0.2 and seed 0.
    fn default() -> Self {
        Self { shape: Shape { channels: 3, rows: 32, columns: 32 }, test_fraction: 0.2, seed: 0 }
    }
}

/// Image files by class.
struct Classes {
    names: Vec<String>,
    files: Vec<PathBuf>,
    labels: Vec<u16>,
    /// The number of ignored entries: hidden ones, files that are not PNG or JPEG by extension, folders within a class,
    /// and folders of runs.
    skipped: usize,
}

/// Loads all images below `folder`. Classes are numbered in the order of their folders' names.
///
/// # Errors
/// Fewer than two class folders, one without images, `train` and `test` with different classes, an image that can't be
/// read (named), a class with too few images to split, or options out of range.
pub fn load(folder: &Path, options: &FolderOptions) -> Result<Splits> {
    check_shape(options.shape)?;
    let (train_folder, test_folder) = (folder.join("train"), folder.join("test"));
    let shared = train_folder.is_dir() && test_folder.is_dir();
    let (train, test, skipped, how) = if shared {
        let (train, test) = (scan(&train_folder)?, scan(&test_folder)?);
        same_classes(&train_folder, &train, &test_folder, &test)?;
        let skipped = train.skipped + test.skipped;
        let train = read(folder, &train.files, train.labels, &train.names, options.shape)?;
        let test = read(folder, &test.files, test.labels, &test.names, options.shape)?;
        (train, test, skipped, "by its folders train and test".to_owned())
    } else {
        let all = scan(folder)?;
        let held = held_out(&all.labels, &all.names, options.test_fraction, options.seed)?;
        let part = |want: bool| {
            let chosen = || held.iter().enumerate().filter(move |&(_, &held)| held == want).map(|(i, _)| i);
            let files: Vec<PathBuf> = chosen().map(|i| all.files[i].clone()).collect();
            read(folder, &files, chosen().map(|i| all.labels[i]).collect(), &all.names, options.shape)
        };
        let how = format!("{} of each class held out by seed {}", options.test_fraction, options.seed);
        (part(false)?, part(true)?, all.skipped, how)
    };
    let mut source = format!(
        "{} training and {} test images of {} classes from {}, brought to {} ({how}",
        grouped(train.len() as u64),
        grouped(test.len() as u64),
        train.class_names().len(),
        folder.display(),
        options.shape
    );
    if skipped > 0 {
        source.push_str(&format!("; {} other entries skipped", grouped(skipped as u64)));
    }
    source.push_str(").");
    Ok(Splits { train, validation: None, test, source, is_subset: false, notice: None })
}

/// Returns the visible entries of a folder, sorted by name, and the number of hidden ones.
fn entries(folder: &Path) -> Result<(Vec<(OsString, PathBuf)>, usize)> {
    let mut seen = Vec::new();
    let mut hidden = 0;
    for entry in fs::read_dir(folder).map_err(DataError::io(folder, "list"))? {
        let entry = entry.map_err(DataError::io(folder, "list"))?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            hidden += 1;
        } else {
            seen.push((name, entry.path()));
        }
    }
    // The order of a directory listing differs between machines.
    seen.sort();
    Ok((seen, hidden))
}

fn scan(folder: &Path) -> Result<Classes> {
    let (top, mut skipped) = entries(folder)?;
    let (mut names, mut files, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    for (name, path) in top {
        if !path.is_dir() || holds_runs(&path) {
            skipped += 1;
            continue;
        }
        let label = u16::try_from(names.len())
            .map_err(|_| DataError::file(folder, "has more than 65,536 class folders", "give fewer"))?;
        let (inside, hidden) = entries(&path)?;
        let before = files.len();
        let found = inside.len();
        files.extend(inside.into_iter().map(|(_, file)| file).filter(|file| is_image(file) && file.is_file()));
        let images = files.len() - before;
        if images == 0 {
            let advice = "put the class's images there or remove the folder";
            return Err(DataError::file(&path, "this class folder has no PNG or JPEG file", advice));
        }
        skipped += hidden + found - images;
        labels.resize(files.len(), label);
        names.push(name.to_string_lossy().into_owned());
    }
    if names.len() < 2 {
        let problem = match names.first() {
            None => "has no class folder".to_owned(),
            Some(only) => format!("has a single class folder, '{}'", visible(only)),
        };
        return Err(DataError::file(
            folder,
            problem,
            "put each class's images into a sub-folder of its own, two or more",
        ));
    }
    Ok(Classes { names, files, labels, skipped })
}

/// Returns whether a folder was written by a run or search, or contains such folders, as `runs` does.
fn holds_runs(folder: &Path) -> bool {
    let is_run =
        |folder: &Path| [".lock", "metrics.jsonl", "trials.jsonl"].iter().any(|name| folder.join(name).is_file());
    is_run(folder) || entries(folder).is_ok_and(|(inside, _)| inside.iter().any(|(_, path)| is_run(path)))
}

pub(super) fn is_image(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    matches!(ending.as_deref(), Some("png" | "jpg" | "jpeg"))
}

fn same_classes(train_folder: &Path, train: &Classes, test_folder: &Path, test: &Classes) -> Result<()> {
    for (has, lacks, folder) in [(train, test, test_folder), (test, train, train_folder)] {
        if let Some(name) = has.names.iter().find(|name| !lacks.names.contains(name)) {
            let problem = format!("has no class folder '{}', which the other one has", visible(name));
            return Err(DataError::file(folder, problem, "give train and test the same class folders"));
        }
    }
    Ok(())
}

/// Reads the files in parallel; their names in the data set are their paths relative to `folder`.
fn read(folder: &Path, files: &[PathBuf], labels: Vec<u16>, names: &[String], shape: Shape) -> Result<Dataset> {
    let too_many = || DataError::Invalid(format!("{} images of {shape} don't fit into memory", files.len()));
    let bytes = files.len().checked_mul(shape.len()).ok_or_else(too_many)?;
    let mut images: Vec<u8> = Vec::new();
    images.try_reserve_exact(bytes).map_err(|_| too_many())?;
    images.resize(bytes, 0);
    let outcome = images.par_chunks_mut(shape.len()).zip(files).find_map_first(|(image, file)| {
        match load_image(file, shape.channels, shape.rows, shape.columns, false) {
            Ok(pixels) => {
                image.copy_from_slice(&pixels);
                None
            }
            // The first error in order, so that the message does not depend on the threads' timing.
            Err(error) => Some(error),
        }
    });
    match outcome {
        Some(error) => Err(error),
        None => {
            let called = |file: &PathBuf| file.strip_prefix(folder).unwrap_or(file).display().to_string();
            Dataset::new(images, shape, labels, names.to_vec())?.with_files(files.iter().map(called).collect())
        }
    }
}
