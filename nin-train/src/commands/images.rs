//! The flags that select images, and the loading of these images.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use nin_core::Shape;
use nin_train::Recipe;
use nin_train::data::survey::{Shared, Survey};
use nin_train::data::{
    self, Dataset, DatasetKind, DatasetRecord, FolderOptions, LoadOptions, Part, Places, Progress, Splits, UNKNOWN, npz,
};
use nin_train::support::files;
use nin_train::support::text::visible;

use super::size::part;
use super::{Console, Outcome, word};

/// The default share of test images in each class of the user's own images.
const TEST_FRACTION: f64 = 0.2;

/// Flags that select images.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Images")]
pub struct ImageArgs {
    /// Data set: fashion-mnist, fashion-mnist-subset (the part of it that is bundled), mnist, cifar10, idx (your own
    /// images in MNIST's format), folder (your own pictures, one sub-folder per class or a table), or npz (your own
    /// images as NumPy arrays)
    #[arg(long, value_name = "NAME")]
    dataset: Option<DatasetKind>,

    /// Folder of the images; a .csv or .tsv table of picture files and labels; or an .npz file with the arrays x_train,
    /// y_train, x_test, y_test or train_images, train_labels, test_images, test_labels. Without it, the images are those
    /// that the network was trained on; for a new network, Fashion-MNIST is searched for in the usual places. Without
    /// --dataset, a folder with IDX files is idx, one with CIFAR's batches cifar10, any other one a folder of pictures
    #[arg(long, value_name = "DIR|FILE")]
    data: Option<PathBuf>,

    /// Folder of images that belong to none of the classes: the network learns to answer "none of these" to them, as
    /// the class _unknown. A class folder _unknown in a folder of images does the same
    #[arg(long, value_name = "DIR")]
    unknown: Option<PathBuf>,

    /// The classes of your own pictures in the order of the network's outputs, or the names of the classes of IDX and
    /// .npz files: a list, or a text file with one name per line
    #[arg(long, value_name = "A,B,...|FILE", value_delimiter = ',')]
    classes: Vec<String>,

    /// Skip pictures that cannot be read, and list them, instead of stopping with an error
    #[arg(long)]
    skip_bad: bool,

    /// Decode all pictures again, and store nothing in the user's cache folder
    #[arg(long)]
    no_cache: bool,

    /// Never download anything
    #[arg(long)]
    offline: bool,

    /// Part of each class of your own images that is held out for the test, if they are not split already
    /// [default: 0.2]
    #[arg(long, value_name = "PART", value_parser = part)]
    test_fraction: Option<f64>,
}

impl ImageArgs {
    /// Returns the kind of the data set: the one named, or the one that the folder looks like, or Fashion-MNIST.
    pub fn kind(&self) -> DatasetKind {
        match (self.dataset, &self.data) {
            (Some(kind), _) => kind,
            (None, None) => DatasetKind::FashionMnist,
            (None, Some(file)) if npz::is_npz(file) && !file.is_dir() => DatasetKind::Npz,
            (None, Some(folder)) => {
                let has = |name: &str| ["", ".gz"].iter().any(|end| folder.join(format!("{name}{end}")).exists());
                if data::is_idx_folder(folder) {
                    DatasetKind::Idx
                } else if has("data_batch_1.bin") || folder.join("cifar-10-batches-bin").exists() {
                    DatasetKind::Cifar10
                } else {
                    DatasetKind::Folder
                }
            }
        }
    }

    /// Returns the folder that the names of picture files are relative to, if these are the user's own pictures.
    pub fn folder(&self) -> Option<&Path> {
        let path = self.data.as_deref().filter(|_| self.kind() == DatasetKind::Folder)?;
        if path.is_dir() { Some(path) } else { path.parent() }
    }

    /// Returns whether a flag names images.
    pub fn are_named(&self) -> bool {
        self.dataset.is_some() || self.data.is_some()
    }

    /// Returns whether a flag determines their split.
    pub fn splits_otherwise(&self) -> bool {
        self.test_fraction.is_some()
    }

    /// Returns the same flags for a data set in the usual places.
    pub fn of_kind(&self, kind: DatasetKind) -> Self {
        Self { dataset: Some(kind), data: None, ..self.clone() }
    }

    /// Returns the same flags for the images of a record.
    pub fn of_record(&self, record: &DatasetRecord) -> Self {
        let here = std::env::current_dir().and_then(|folder| folder.canonicalize());
        // Relative to the current folder if possible, as a person would type it.
        let short = |path: PathBuf| match here.as_ref().map(|here| path.strip_prefix(here)) {
            Ok(Ok(inside)) if !inside.as_os_str().is_empty() => inside.to_owned(),
            _ => path,
        };
        let unknown = self.unknown.clone().or(record.unknown.as_deref().map(PathBuf::from).map(short));
        let classes = if self.classes.is_empty() { record.classes.clone() } else { self.classes.clone() };
        let skip_bad = self.skip_bad || record.skip_bad;
        let data = record.path().map(short);
        let named = Self { dataset: Some(record.kind), data, classes, skip_bad, unknown, ..self.clone() };
        named.with_split_of(Some(record))
    }

    /// Returns the same flags, with the split of a record unless a flag determines another. The test images of a network
    /// then stay its test images.
    pub fn with_split_of(&self, record: Option<&DatasetRecord>) -> Self {
        let fraction = self.test_fraction.or(record.map(|record| record.test_fraction));
        Self { test_fraction: fraction, ..self.clone() }
    }

    /// Returns the record of the images that were loaded by these flags.
    pub fn record(&self, splits: &Splits) -> DatasetRecord {
        // The complete data set may be on the computer next time.
        let kind = if splits.is_subset { DatasetKind::Subset } else { self.kind() };
        let record = DatasetRecord::new(kind, self.data.as_deref(), self.fraction(), splits);
        // Without the class that --unknown adds, since its folder is not among the others.
        let own = |name: &&String| self.unknown.is_none() || **name != UNKNOWN;
        let classes = splits.train.class_names().iter().filter(own).filter(|_| !self.classes.is_empty());
        let classes = classes.cloned().collect();
        DatasetRecord { classes, skip_bad: self.skip_bad, ..record }.with_unknown(self.unknown.as_deref())
    }

    fn fraction(&self) -> f64 {
        self.test_fraction.unwrap_or(TEST_FRACTION)
    }

    /// Returns the flags that select these images again, each after a space.
    pub fn flags(&self, splits: &Splits) -> String {
        // The complete data set may be on the computer next time.
        let kind = if splits.is_subset { Some(DatasetKind::Subset) } else { self.dataset };
        let mut flags = kind.map_or_else(String::new, |kind| format!(" --dataset {kind}"));
        if let Some(folder) = &self.data {
            flags += &format!(" --data {}", word(folder));
        }
        if let Some(folder) = &self.unknown {
            flags += &format!(" --unknown {}", word(folder));
        }
        if let Some(fraction) = self.test_fraction.filter(|fraction| *fraction != TEST_FRACTION) {
            flags += &format!(" --test-fraction {fraction}");
        }
        if !self.classes.is_empty() {
            flags += &format!(" --classes {}", word(Path::new(&self.classes.join(","))));
        }
        if self.skip_bad {
            flags += " --skip-bad";
        }
        flags
    }

    /// Returns the class names of `--classes`, from a file if it names one.
    fn class_names(&self) -> Outcome<Vec<String>> {
        let [only] = &self.classes[..] else { return Ok(self.classes.clone()) };
        let text = String::from_utf8(files::read(Path::new(only))?)
            .map_err(|_| format!("{}: is not UTF-8; save the class names as UTF-8", visible(only)))?;
        Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// Loads the images; those of a folder are resized to `shape`. Prints where they were found.
    pub fn load(&self, shape: Shape, console: &Console) -> Outcome<Splits> {
        let splits = self.read(shape, console)?;
        console.explain(format_args!("{}", splits.source));
        Ok(splits)
    }

    /// Loads the images as [`load`](Self::load) does, and prints only notes about them.
    pub fn read(&self, shape: Shape, console: &Console) -> Outcome<Splits> {
        let options = LoadOptions {
            kind: self.kind(),
            data: self.data.clone(),
            offline: self.offline,
            folder: FolderOptions {
                shape,
                test_fraction: self.fraction(),
                skip_bad: self.skip_bad,
                ..FolderOptions::default()
            },
            classes: self.class_names()?,
            cache: Places::pictures().filter(|_| !self.no_cache),
        };
        let mut bar: Option<(String, ProgressBar)> = None;
        let splits = data::load(&options, &mut |progress| {
            let (name, done, total, template) = match progress {
                Progress::Download { file, bytes, total } => {
                    (file, bytes, total.unwrap_or(0), "{msg} {wide_bar} {bytes}/{total_bytes} {eta}")
                }
                Progress::Pictures { done, total } => {
                    ("pictures", done as u64, total as u64, "reading {msg} {wide_bar} {pos}/{len} {eta}")
                }
                _ => return,
            };
            if bar.as_ref().is_none_or(|(shown, _)| shown != name) {
                let fresh = console.bar(total, template);
                fresh.set_message(name.to_owned());
                bar = Some((name.to_owned(), fresh));
            }
            if let Some((_, bar)) = &bar {
                bar.set_position(done);
            }
        });
        if let Some((_, bar)) = &bar {
            bar.finish_and_clear();
        }
        let mut splits = splits?;
        if let Some(folder) = &self.unknown {
            splits = data::add_unknown(splits, folder, self.fraction(), options.folder.seed)?;
        }
        if let Some(notice) = &splits.notice {
            console.warn(format_args!("{notice}"));
        }
        Ok(splits)
    }
}

/// Returns whether a data set is the user's own, or another one for which the preset `fashion` is not made.
pub fn are_own(kind: DatasetKind) -> bool {
    !matches!(kind, DatasetKind::FashionMnist | DatasetKind::Subset | DatasetKind::Mnist)
}

/// Returns the test images that are also training images; those of published data sets are not sought.
pub fn shared_test_images(kind: DatasetKind, splits: &Splits) -> Shared {
    if are_own(kind) { Survey::of(splits).shared_with_training(Part::Test) } else { Shared::default() }
}

/// Returns an error unless the network reads such images and has an output for each of their classes.
pub fn check(input: Shape, classes: usize, splits: &Splits) -> Outcome {
    let (shape, found) = (splits.train.shape(), splits.train.class_names().len());
    if shape.channels != input.channels {
        let (channels, wanted) = (shape.channels, input.channels);
        let line = format!("{}x{}x{}", channels, input.rows, input.columns);
        return Err(format!(
            "the images have {channels} channel(s), but the network reads {wanted}; use a line that begins with {line}"
        )
        .into());
    }
    if found > classes {
        return Err(format!(
            "the data set has {found} classes, but the network has {classes} outputs; end its line in fc{found}, or in \
             a block of {found} channels and gap"
        )
        .into());
    }
    Ok(())
}

/// Returns the validation images if the recipe uses any: those of the data set, or else the recipe's share of the
/// training images, which are removed from them.
pub fn split_off(recipe: &Recipe, splits: &mut Splits) -> Outcome<Option<Dataset>> {
    if recipe.validation == 0.0 {
        return Ok(None);
    }
    if let Some(validation) = splits.validation.take() {
        return Ok(Some(validation));
    }
    // The decimal number that was typed, 0.1, not the nearest f32.
    let fraction = recipe.validation.to_string().parse().unwrap_or_else(|_| f64::from(recipe.validation));
    let (train, validation) = splits.train.split(fraction, recipe.seed)?;
    splits.train = train;
    Ok(Some(validation))
}
