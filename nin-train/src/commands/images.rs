//! Flags that say which images, and finding those images.

use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use nin_core::Shape;
use nin_train::Recipe;
use nin_train::data::{self, Dataset, DatasetKind, DatasetRecord, FolderOptions, LoadOptions, Splits, idx, npz};

use super::size::part;
use super::{Console, Outcome, word};

/// Part of each class of one's own images that is kept for the test, if nothing is said.
const TEST_FRACTION: f64 = 0.2;

/// Which images.
#[derive(Args, Clone, Debug)]
pub struct ImageArgs {
    /// Which data set: fashion-mnist, fashion-mnist-subset (the part of it that is bundled), mnist, cifar10, folder
    /// (your own images, one sub-folder per class), or npz (your own images as NumPy arrays)
    #[arg(long, value_name = "NAME")]
    dataset: Option<DatasetKind>,

    /// Folder of the images, or an .npz file with the arrays x_train, y_train, x_test, y_test or train_images,
    /// train_labels, test_images, test_labels. Without it, a trained network takes the images that it was trained on,
    /// and a new one searches the usual places. Without --dataset, IDX files
    /// are taken for Fashion-MNIST (for MNIST say --dataset mnist), CIFAR's batches for cifar10, any other folder for a
    /// folder of images
    #[arg(long, value_name = "DIR|FILE.npz")]
    data: Option<PathBuf>,

    /// Never download anything
    #[arg(long)]
    offline: bool,

    /// Part of each class of your own images that is held out for the test, if they are not split already
    /// [default: 0.2]
    #[arg(long, value_name = "PART", value_parser = part)]
    test_fraction: Option<f64>,
}

impl ImageArgs {
    /// Which data set is meant: the one named, or what the folder looks like, or Fashion-MNIST.
    pub fn kind(&self) -> DatasetKind {
        match (self.dataset, &self.data) {
            (Some(kind), _) => kind,
            (None, None) => DatasetKind::FashionMnist,
            (None, Some(file)) if npz::is_npz(file) && !file.is_dir() => DatasetKind::Npz,
            (None, Some(folder)) => {
                let has = |name: &str| ["", ".gz"].iter().any(|end| folder.join(format!("{name}{end}")).exists());
                if idx::missing(folder).len() < idx::NAMES.len() {
                    DatasetKind::FashionMnist
                } else if has("data_batch_1.bin") || folder.join("cifar-10-batches-bin").exists() {
                    DatasetKind::Cifar10
                } else {
                    DatasetKind::Folder
                }
            }
        }
    }

    /// Whether a flag names images.
    pub fn are_named(&self) -> bool {
        self.dataset.is_some() || self.data.is_some()
    }

    /// Whether a flag splits them.
    pub fn splits_otherwise(&self) -> bool {
        self.test_fraction.is_some()
    }

    /// The same flags for a data set in the usual places.
    pub fn of_kind(&self, kind: DatasetKind) -> Self {
        Self { dataset: Some(kind), data: None, ..self.clone() }
    }

    /// The same flags for the images of a record.
    pub fn of_record(&self, record: &DatasetRecord) -> Self {
        let here = std::env::current_dir().and_then(|folder| folder.canonicalize());
        // As short as a person would type it.
        let short = |path: PathBuf| match here.as_ref().map(|here| path.strip_prefix(here)) {
            Ok(Ok(inside)) if !inside.as_os_str().is_empty() => inside.to_owned(),
            _ => path,
        };
        let named = Self { dataset: Some(record.kind), data: record.path().map(short), ..self.clone() };
        named.with_split_of(Some(record))
    }

    /// The same flags, with the split of a record unless a flag names another: a network's test images stay its test
    /// images.
    pub fn with_split_of(&self, record: Option<&DatasetRecord>) -> Self {
        let fraction = self.test_fraction.or(record.map(|record| record.test_fraction));
        Self { test_fraction: fraction, ..self.clone() }
    }

    /// The record of images that these flags have found.
    pub fn record(&self, splits: &Splits) -> DatasetRecord {
        // Another time the whole data set may be there.
        let kind = if splits.is_subset { DatasetKind::Subset } else { self.kind() };
        DatasetRecord::new(kind, self.data.as_deref(), self.fraction(), splits)
    }

    fn fraction(&self) -> f64 {
        self.test_fraction.unwrap_or(TEST_FRACTION)
    }

    /// The flags that find these images again, each after a space.
    pub fn flags(&self, splits: &Splits) -> String {
        // Another time the whole data set may be there.
        let kind = if splits.is_subset { Some(DatasetKind::Subset) } else { self.dataset };
        let mut flags = kind.map_or_else(String::new, |kind| format!(" --dataset {kind}"));
        if let Some(folder) = &self.data {
            flags += &format!(" --data {}", word(folder));
        }
        if let Some(fraction) = self.test_fraction.filter(|fraction| *fraction != TEST_FRACTION) {
            flags += &format!(" --test-fraction {fraction}");
        }
        flags
    }

    /// Loads the images; those of a folder in `shape`. Prints where they came from.
    pub fn load(&self, shape: Shape, console: &Console) -> Outcome<Splits> {
        let splits = self.read(shape, console)?;
        console.say(format_args!("{}", splits.source));
        Ok(splits)
    }

    /// Loads the images as [`load`](Self::load) does, and prints only what the user should know about them.
    pub fn read(&self, shape: Shape, console: &Console) -> Outcome<Splits> {
        let options = LoadOptions {
            kind: self.kind(),
            data: self.data.clone(),
            offline: self.offline,
            folder: FolderOptions { shape, test_fraction: self.fraction(), ..FolderOptions::default() },
        };
        let mut bar: Option<(String, ProgressBar)> = None;
        let splits = data::load(&options, &mut |progress| {
            if bar.as_ref().is_none_or(|(file, _)| file != progress.file) {
                let fresh = console.bar(progress.total.unwrap_or(0), "{msg} {bar:30} {bytes}/{total_bytes} {eta}");
                fresh.set_message(progress.file.to_owned());
                bar = Some((progress.file.to_owned(), fresh));
            }
            if let Some((_, bar)) = &bar {
                bar.set_position(progress.bytes);
            }
        });
        if let Some((_, bar)) = &bar {
            bar.finish_and_clear();
        }
        let splits = splits?;
        if let Some(notice) = &splits.notice {
            console.warn(format_args!("{notice}"));
        }
        Ok(splits)
    }
}

/// An error unless the network can see these images and tells as many classes apart as they have.
pub fn check(input: Shape, classes: usize, splits: &Splits) -> Outcome {
    let (shape, found) = (splits.train.shape(), splits.train.class_names().len());
    if shape.channels != input.channels {
        let (channels, wanted) = (shape.channels, input.channels);
        let line = format!("{}x{}x{}", channels, input.rows, input.columns);
        return Err(format!(
            "the images have {channels} channel(s), but the network sees {wanted}; use a line that begins with {line}"
        )
        .into());
    }
    if found > classes {
        return Err(format!(
            "the data set has {found} classes, but the network tells {classes} apart; end its line in fc{found}, or in a \
             block of {found} channels and gap"
        )
        .into());
    }
    Ok(())
}

/// Takes the validation images, if the recipe wants any: those that the data set has, or else the recipe's share of the
/// training images.
pub fn split_off(recipe: &Recipe, splits: &mut Splits) -> Outcome<Option<Dataset>> {
    if recipe.validation == 0.0 {
        return Ok(None);
    }
    if let Some(validation) = splits.validation.take() {
        return Ok(Some(validation));
    }
    // As a person typed it: 0.1, not the f32 next to it.
    let fraction = recipe.validation.to_string().parse().unwrap_or_else(|_| f64::from(recipe.validation));
    let (train, validation) = splits.train.split(fraction, recipe.seed)?;
    splits.train = train;
    Ok(Some(validation))
}
