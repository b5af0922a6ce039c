//! Images that belong to none of the classes.

use std::path::{Path, PathBuf};
use std::{fs, io};

use rayon::prelude::*;

use super::image_file::{check_shape, load_image};
use super::split::held_out;
use super::{DataError, Dataset, Result, Splits};
use crate::support::text::grouped;

/// The name of the class whose images belong to none of the other classes.
pub const UNKNOWN: &str = "_unknown";

/// Adds the image files in a folder and its sub-folders as the class [`UNKNOWN`], in the shape of the other images.
///
/// The share `test_fraction` of them, chosen by `seed`, becomes test images. If there are validation images, the same
/// share of the rest joins them.
///
/// # Errors
/// A folder without two images or that cannot be listed, an image that can't be read (named), or images whose shape
/// files cannot have.
pub fn add_unknown(splits: Splits, folder: &Path, test_fraction: f64, seed: u64) -> Result<Splits> {
    let shape = splits.train.shape();
    check_shape(shape)?;
    let mut files = Vec::new();
    collect(folder, &mut files).map_err(DataError::io(folder, "list"))?;
    // The order of a directory listing differs between machines.
    files.sort();
    if files.len() < 2 {
        return Err(DataError::file(
            folder,
            "has fewer than two image files",
            "put images of none of the classes there",
        ));
    }
    let read = |file: &PathBuf| load_image(file, shape.channels, shape.rows, shape.columns, false);
    let pixels: Vec<Vec<u8>> = files.par_iter().map(read).collect::<Result<_>>()?;
    let names = vec![UNKNOWN.to_owned()];
    let file_names = files.iter().map(|file| file.display().to_string()).collect();
    let images = Dataset::new(pixels.concat(), shape, vec![0; files.len()], names)?.with_files(file_names)?;
    let part = |images: &Dataset| -> Result<(Dataset, Dataset)> {
        let held = held_out(&vec![0; images.len()], images.class_names(), test_fraction, seed)?;
        let of = |want: bool| (0..images.len()).filter(|&i| held[i] == want).collect::<Vec<_>>();
        Ok((images.select(&of(false)), images.select(&of(true))))
    };
    let (train, test) = part(&images)?;
    let (train, validation) = match splits.validation {
        Some(validation) => {
            let (train, held) = part(&train)?;
            (train, Some(joined(&validation, &held)?))
        }
        None => (train, None),
    };
    Ok(Splits {
        train: joined(&splits.train, &train)?,
        validation,
        test: joined(&splits.test, &test)?,
        source: format!(
            "{} {} images of none of the classes from {}.",
            splits.source,
            grouped(files.len() as u64),
            folder.display()
        ),
        ..splits
    })
}

/// Collects the visible image files of a folder and its sub-folders.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else if super::is_picture(&path) {
            files.push(path);
        }
    }
    Ok(())
}

/// Returns the images of a data set and images of the class [`UNKNOWN`], which is the last one unless it exists.
fn joined(images: &Dataset, unknown: &Dataset) -> Result<Dataset> {
    let mut names = images.class_names().to_vec();
    let class = names.iter().position(|name| name == UNKNOWN).unwrap_or(names.len());
    if class == names.len() {
        names.push(UNKNOWN.to_owned());
    }
    let label = u16::try_from(class).map_err(|_| DataError::Invalid("there are more than 65,535 classes".into()))?;
    let mut labels: Vec<u16> = images.labels().to_vec();
    labels.resize(images.len() + unknown.len(), label);
    let all = Dataset::new([images.bytes(), unknown.bytes()].concat(), images.shape(), labels, names)?;
    // Images from other sources than files have no names of files.
    let files = || (0..images.len()).map(|i| images.file(i)).chain((0..unknown.len()).map(|i| unknown.file(i)));
    match files().map(|file| file.map(str::to_owned)).collect::<Option<Vec<String>>>() {
        Some(files) => all.with_files(files),
        None => Ok(all),
    }
}
