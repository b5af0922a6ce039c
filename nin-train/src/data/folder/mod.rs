//! The user's picture files: a folder with one sub-folder for each class, perhaps inside folders for training,
//! validation and test, or a table of files and labels.

mod cache;
mod names;
mod parts;
mod read;
mod scan;
mod skipped;
mod table;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::image_file::check_shape;
use super::split::held_out;
use super::{DataError, Part, Progress, Result, Shape, Splits};
use crate::support::text::{grouped, visible, visible_path};
use cache::Cache;
use read::Pictures;
use scan::{Found, classes, entries};
use skipped::Skipped;

pub use names::check_distinct;
pub(super) use names::listed;
pub(super) use scan::NOT_READ;
pub use table::is_table;

/// The default of [`FolderOptions::test_fraction`].
const TEST_FRACTION: f64 = 0.2;

/// How to make a data set from picture files.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FolderOptions {
    /// The shape to which every image is resized; 1 or 3 channels.
    pub shape: Shape,
    /// The part of each class that becomes the test set (above 0, below 1), if the data set has no test images.
    pub test_fraction: f64,
    /// The seed of that choice; the same seed chooses the same images.
    pub seed: u64,
    /// Whether pictures that cannot be read are left out and listed in [`Splits::notice`]. Otherwise they are an error.
    pub skip_bad: bool,
}

impl Default for FolderOptions {
    /// Returns 3×32×32 pixels, a test fraction of 0.2, seed 0, and no bad pictures.
    fn default() -> Self {
        let shape = Shape { channels: 3, rows: 32, columns: 32 };
        Self { shape, test_fraction: TEST_FRACTION, seed: 0, skip_bad: false }
    }
}

/// Picture files and their classes.
#[derive(Debug, Default)]
struct Files {
    paths: Vec<PathBuf>,
    labels: Vec<u16>,
}

/// Picture files by part, before they are read.
struct Listing {
    /// Class and file of each picture, by [`Part`].
    parts: [Vec<(String, PathBuf)>; 3],
    skipped: Skipped,
    /// A text that states how the parts were determined.
    how: Option<String>,
    /// Notes for the user.
    remarks: Vec<String>,
}

/// Loads all pictures of a folder or table. Classes are numbered in the order of `classes`, which must name all of
/// them, or in the natural order of their names if it is empty. `cache` is a folder where resized pictures are kept, so
/// that they are decoded only once. `progress` is called on this thread while pictures are read.
///
/// # Errors
/// Fewer than two classes, one without pictures, parts with different classes, pictures that cannot be read (named, the
/// first twenty of them), a class with too few images to split, class names that are equal or not UTF-8, or options out
/// of range.
pub fn load(
    path: &Path,
    options: &FolderOptions,
    classes: &[String],
    cache: Option<&Path>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Splits> {
    check_shape(options.shape)?;
    let is_table = path.is_file();
    let Listing { parts, skipped, how, mut remarks } = if is_table { from_table(path)? } else { from_folder(path)? };
    let found = parts.iter().flatten().map(|(class, _)| class.clone());
    let names = names::ordered(found, classes, path)?;
    if names.len() < 2 {
        let problem = format!("has a single class, '{}'", visible(names.first().map_or("", String::as_str)));
        return Err(DataError::file(path, problem, "add pictures of another class"));
    }
    same_classes(path, &parts, &names)?;
    let [train, validation, test] = parts.map(|part| numbered(part, &names));
    let (train, test, how) = match test.paths.is_empty() {
        true => {
            let (train, test) = shared_out(train, &names, options)?;
            let held = format!("{} of each class held out by seed {}", options.test_fraction, options.seed);
            (train, test, how.map_or(held.clone(), |how| format!("{how}; {held} as test images")))
        }
        false => {
            if options.test_fraction != TEST_FRACTION {
                remarks.push("--test-fraction is not used, because the images come with test images".to_owned());
            }
            (train, test, how.unwrap_or_default())
        }
    };
    let folder = if is_table { path.parent().unwrap_or(path) } else { path };
    let total = train.paths.len() + validation.paths.len() + test.paths.len();
    let mut done = 0;
    let cache = cache.map(|cache| Cache::open(cache, path, options.shape));
    let mut read = |files: Files| -> Result<Pictures> {
        let count = files.paths.len();
        let pictures = read::read(folder, files, &names, options.shape, cache.as_ref(), (done, total), progress)?;
        done += count;
        Ok(pictures)
    };
    let has_validation = !validation.paths.is_empty();
    let mut read = [read(train)?, read(validation)?, read(test)?];
    if let Some(cache) = cache.filter(|_| read.iter().any(|part| part.is_new)) {
        cache.save(&read.each_mut().map(|part| (part.dataset.bytes(), std::mem::take(&mut part.kept))));
    }
    let failed: Vec<DataError> = read.iter_mut().flat_map(|part| std::mem::take(&mut part.failed)).collect();
    let [train, validation, test] = read.map(|part| part.dataset);
    if !failed.is_empty() {
        if !options.skip_bad {
            return Err(DataError::Pictures(failed));
        }
        if let Some(class) = train.class_counts().iter().position(|&count| count == 0) {
            let problem = format!("no training image of class '{}' can be read", visible(&names[class]));
            return Err(DataError::file(path, problem, "replace its pictures"));
        }
        if test.is_empty() {
            return Err(DataError::file(path, "no test image can be read", "replace the pictures"));
        }
        remarks.push(format!("{} left out:{}", pictures_of(failed.len()), DataError::list(&failed)));
    }
    remarks.extend(skipped.pictures());

    let mut source = format!("{} training", grouped(train.len() as u64));
    if has_validation {
        source += &format!(", {} validation", grouped(validation.len() as u64));
    }
    source += &format!(
        " and {} test images of {} classes from {}, resized to {} ({how}",
        grouped(test.len() as u64),
        names.len(),
        path.display(),
        options.shape
    );
    if skipped.counted() > 0 {
        source += &format!("; {} other entries skipped", grouped(skipped.counted() as u64));
    }
    source += ").";
    let notice = (!remarks.is_empty()).then(|| remarks.join("\n"));
    Ok(Splits { train, validation: has_validation.then_some(validation), test, source, is_subset: false, notice })
}

/// Returns a number of pictures as text.
pub(crate) fn pictures_of(count: usize) -> String {
    match count {
        1 => "1 picture".to_owned(),
        _ => format!("{} pictures", grouped(count as u64)),
    }
}

fn from_folder(folder: &Path) -> Result<Listing> {
    let (top, hidden) = entries(folder)?;
    let mut remarks = Vec::new();
    let Some(layout) = parts::layout(folder, &top)? else {
        if let Some(error) = nested(folder, &top) {
            return Err(error);
        }
        let mut found = classes(top.clone())?;
        found.skipped.others(hidden);
        if found.files.first().map(|(class, _)| class) == found.files.last().map(|(class, _)| class) {
            return Err(scan::too_few(folder, &found, &top));
        }
        let Found { files, skipped } = found;
        return Ok(Listing { parts: [files, Vec::new(), Vec::new()], skipped, how: None, remarks });
    };
    if !layout.unused.is_empty() {
        let unused = listed(&layout.unused);
        remarks
            .push(format!("these folders are not used, because the folders beside them divide the images: {unused}"));
    }
    let mut skipped = Skipped::default();
    skipped.others(hidden + top.iter().filter(|(_, path)| !path.is_dir()).count());
    let mut parts = [const { Vec::new() }; 3];
    let mut named = Vec::new();
    for part in Part::ALL {
        let Some(path) = &layout.folders[part as usize] else { continue };
        let (inside, hidden) = entries(path)?;
        let found = classes(inside)?;
        skipped.others(hidden);
        skipped.add(found.skipped);
        parts[part as usize] = found.files;
        named.push(visible_path(path.file_name().unwrap_or_default().as_ref()));
    }
    let last = named.pop().unwrap_or_default();
    let how = match named.is_empty() {
        true => format!("split by its folder {last}"),
        false => format!("split by its folders {} and {last}", named.join(", ")),
    };
    Ok(Listing { parts, skipped, how: Some(how), remarks })
}

/// Returns the error for a folder whose only folder is the data set, as some archives unpack.
fn nested(folder: &Path, top: &scan::Entries) -> Option<DataError> {
    let inner = top.iter().map(|(_, path)| path).filter(|path| path.is_dir()).collect::<Vec<_>>();
    let [inner] = inner[..] else { return None };
    let is_set = || {
        let (inside, _) = entries(inner).ok()?;
        let classes = inside.iter().filter(|(_, path)| scan::holds_pictures(path)).count();
        Some(classes >= 2 || parts::layout(inner, &inside).ok()?.is_some())
    };
    is_set()?.then(|| {
        let advice = format!("name the inner folder: --data {}", visible_path(inner));
        DataError::file(folder, "has its class folders one folder deeper", advice)
    })
}

fn from_table(path: &Path) -> Result<Listing> {
    let mut parts = [const { Vec::new() }; 3];
    let mut divided = false;
    for table::Row { class, file, part } in table::read(path)? {
        divided |= part.is_some();
        parts[part.unwrap_or(Part::Training) as usize].push((class, file));
    }
    if parts[Part::Training as usize].is_empty() {
        return Err(DataError::file(path, "has no row with a training image", "write a file and a label in each row"));
    }
    let how = divided.then(|| "split by a column of the table".to_owned());
    Ok(Listing { parts, skipped: Skipped::default(), how, remarks: Vec::new() })
}

/// Checks that each part that has images has some of each class.
fn same_classes(path: &Path, parts: &[Vec<(String, PathBuf)>; 3], names: &[String]) -> Result<()> {
    for part in Part::ALL {
        let there: HashSet<&String> = parts[part as usize].iter().map(|(class, _)| class).collect();
        if let Some(name) = names.iter().find(|name| !there.is_empty() && !there.contains(name)) {
            let problem = format!("has no {} image of class '{}', which another part has", part.name(), visible(name));
            return Err(DataError::file(path, problem, "give all parts the same classes"));
        }
    }
    Ok(())
}

/// Returns the files of a part with their labels, in the order of the classes.
fn numbered(part: Vec<(String, PathBuf)>, names: &[String]) -> Files {
    let label: HashMap<&String, u16> = names.iter().zip(0..=u16::MAX).collect();
    let mut files: Vec<(u16, PathBuf)> =
        part.into_iter().filter_map(|(class, path)| Some((*label.get(&class)?, path))).collect();
    // Stable: within a class the files keep their order.
    files.sort_by_key(|(label, _)| *label);
    let (labels, paths) = files.into_iter().unzip();
    Files { paths, labels }
}

/// Divides the files into training and test files.
fn shared_out(files: Files, names: &[String], options: &FolderOptions) -> Result<(Files, Files)> {
    let held = held_out(&files.labels, names, options.test_fraction, options.seed)?;
    let (mut train, mut test) = (Files::default(), Files::default());
    for ((path, label), held) in files.paths.into_iter().zip(files.labels).zip(held) {
        let part = if held { &mut test } else { &mut train };
        part.paths.push(path);
        part.labels.push(label);
    }
    Ok((train, test))
}
