//! Folders that divide the images: training, validation, test.

use std::path::{Path, PathBuf};

use super::scan::{Entries, holds_classes, holds_pictures};
use crate::data::{DataError, Part, Result};
use crate::support::text::visible;

/// Returns the part that a folder or a word in a table names, in any case.
pub(super) fn named(name: &str) -> Option<Part> {
    match name.trim().to_lowercase().as_str() {
        "train" | "training" => Some(Part::Training),
        "val" | "valid" | "validation" | "dev" => Some(Part::Validation),
        "test" | "testing" => Some(Part::Test),
        _ => None,
    }
}

/// The folders of the parts of a data set.
pub(super) struct Layout {
    /// By [`Part`]: training, validation, test.
    pub folders: [Option<PathBuf>; 3],
    /// Names of class folders beside them.
    pub unused: Vec<String>,
}

/// Finds the folders of the parts among a folder's entries. `None` if the entries are classes. A folder with pictures in
/// it is a class, whatever its name.
///
/// # Errors
/// Two folders for one part, or a part for validation or test without one for training.
pub(super) fn layout(folder: &Path, top: &Entries) -> Result<Option<Layout>> {
    let mut folders = [const { None }; 3];
    let mut unused = Vec::new();
    for (name, path) in top {
        let part = named(name).filter(|_| !holds_pictures(path) && holds_classes(path));
        match part {
            Some(part) => {
                if let Some(other) = folders[part as usize].replace((name, path.clone())) {
                    let (part, other, name) = (part.name(), visible(other.0), visible(name));
                    let problem = format!("has two folders of {part} images, '{other}' and '{name}'");
                    return Err(DataError::file(folder, problem, "keep one of them"));
                }
            }
            None if holds_pictures(path) => unused.push(name.clone()),
            None => {}
        }
    }
    match &folders {
        [None, None, None] => Ok(None),
        [Some(_), ..] => Ok(Some(Layout { folders: folders.map(|found| found.map(|(_, path)| path)), unused })),
        [None, validation, test] => {
            let found = validation.as_ref().or(test.as_ref()).map_or("", |(name, _)| name);
            let problem = format!("has a folder '{}', but no folder 'train'", visible(found));
            Err(DataError::file(folder, problem, "put the class folders of the training images into a folder 'train'"))
        }
    }
}
