//! Finds the images that a network was trained on, and detects other images in their place.

use std::path::{Path, PathBuf};

use nin_core::{Shape, Spec};
use nin_train::Recipe;
use nin_train::data::{Dataset, DatasetKind, DatasetRecord, Splits};
use nin_train::support::text::{visible, visible_path};
use nin_train::training::checkpoint::Checkpoint;

use super::images::{self, ImageArgs};
use super::run_folder::CHECKPOINT;
use super::{Console, Outcome};

/// The information about the images of a trained network, from its file and its run's folder.
#[derive(Clone, Debug)]
pub struct Known {
    /// The network's file, for messages.
    file: PathBuf,
    input: Shape,
    /// The number of the network's outputs.
    outputs: usize,
    /// The names of its classes; empty if the file does not name them.
    class_names: Vec<String>,
    /// The run's record, if its checkpoint has one.
    record: Option<DatasetRecord>,
    /// The fingerprint of the training images, which checkpoints without a record have.
    training: Option<String>,
    /// The run's hyperparameters, if its checkpoint is known.
    recipe: Option<Recipe>,
}

/// How a command treats images other than those of the training, if a flag names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// It uses them: a network may be measured on any images of its classes.
    Taken,
    /// It uses them and prints a note that names both.
    Noted,
    /// It refuses them: a run cannot continue with other images.
    Refused,
}

/// Images that were loaded for a trained network.
#[derive(Debug)]
pub struct Found {
    /// The images.
    pub splits: Splits,
    /// Their record.
    pub record: DatasetRecord,
}

impl Found {
    /// Loads the images that `args` name, with their record.
    pub fn read(args: &ImageArgs, input: Shape, console: &Console) -> Outcome<Self> {
        let splits = args.read(input, console)?;
        Ok(Self { record: args.record(&splits), splits })
    }
}

impl Known {
    /// Returns what a checkpoint records.
    pub fn of_checkpoint(file: &Path, checkpoint: &Checkpoint) -> Self {
        Self {
            file: file.to_owned(),
            input: checkpoint.spec.input(),
            outputs: checkpoint.spec.classes(),
            class_names: checkpoint.class_names.clone(),
            record: checkpoint.dataset.clone(),
            training: checkpoint.images.clone(),
            recipe: Some(checkpoint.recipe.clone()),
        }
    }

    /// Returns the information for a network without a record, such as one in a model file: its class names, and the
    /// record of the checkpoint in the same folder, if that has the same line and classes.
    pub fn of_network(file: &Path, spec: &Spec, class_names: &[String]) -> Self {
        let beside = Checkpoint::load(&file.with_file_name(CHECKPOINT)).ok();
        // A model file names no classes if its network has more outputs than its images had classes.
        let same = |run: &Checkpoint| {
            let named = run.class_names.len() == run.spec.classes();
            run.spec == *spec && class_names == if named { run.class_names.as_slice() } else { &[] }
        };
        match beside.filter(same) {
            Some(run) => Self::of_checkpoint(file, &run),
            None => Self {
                file: file.to_owned(),
                input: spec.input(),
                outputs: spec.classes(),
                class_names: class_names.to_vec(),
                record: None,
                training: None,
                recipe: None,
            },
        }
    }

    /// Takes the validation images of the run out of its images, or else those that the data set has.
    pub fn validation(&self, splits: &mut Splits) -> Outcome<Option<Dataset>> {
        match &self.recipe {
            Some(recipe) => images::split_off(recipe, splits),
            None => Ok(splits.validation.take()),
        }
    }

    /// Returns the kind of the images, if the run has a record.
    pub fn kind(&self) -> Option<DatasetKind> {
        self.record.as_ref().map(|record| record.kind)
    }

    /// Loads the images that `args` name; without such a flag, those that the network was trained on, and prints a line
    /// that names them. `input` is the shape to which a folder's images are resized.
    ///
    /// Returns an error if the network's images are not known, are gone or have changed, or if the named ones do not fit
    /// the network.
    pub fn load(&self, args: &ImageArgs, input: Shape, others: Others, console: &Console) -> Outcome<Found> {
        let named = args.are_named();
        let asked = named || args.splits_otherwise();
        let args = if named { args.with_split_of(self.record.as_ref()) } else { self.find(args)? };
        let found = Found::read(&args, input, console)?;
        self.check(&found.splits)?;
        let Some(change) = self.change(&found, input) else { return Ok(self.said(found, console)) };
        if asked {
            // Of the same folder with other content or another split, test images may have been training images.
            let same_place = self.record.as_ref().is_some_and(|record| record.is_same_place(&found.record));
            match others {
                Others::Refused => {
                    return Err(format!("{change}; name its images, or begin another run with --from").into());
                }
                Others::Taken if !same_place => {}
                Others::Taken => console.warn(format_args!("{change}: test images may have been training images")),
                Others::Noted => console.warn(format_args!("{change}")),
            }
            console.explain(format_args!("{}", found.splits.source));
            return Ok(found);
        }
        // A run from before there were records may be one of the bundled subset.
        if self.record.is_none() && found.record.kind == DatasetKind::FashionMnist {
            let subset = Found::read(&args.of_kind(DatasetKind::Subset), input, console)?;
            if self.change(&subset, input).is_none() {
                return Ok(self.said(subset, console));
            }
        }
        Err(format!("{change}; to use these, name them with --data or --dataset").into())
    }

    /// Prints the line that names the images.
    fn said(&self, found: Found, console: &Console) -> Found {
        console.explain(format_args!("Images of {}: {}", visible_path(&self.file), found.splits.source));
        found
    }

    /// Returns the flags of the images that the network was trained on.
    fn find(&self, args: &ImageArgs) -> Outcome<ImageArgs> {
        let file = visible_path(&self.file);
        if let Some(record) = &self.record {
            if let Some(path) = record.path().filter(|path| !path.exists()) {
                return Err(format!(
                    "{file} was trained on {record}, but {} does not exist; name its images with --data",
                    visible_path(&path)
                )
                .into());
            }
            if record.path.is_none() && matches!(record.kind, DatasetKind::Folder | DatasetKind::Npz) {
                return Err(format!("{file} was trained on {record}; name its images with --data").into());
            }
            return Ok(args.of_record(record));
        }
        let sets = DatasetKind::ALL.iter().filter(|kind| !kind.class_names().is_empty());
        match sets.into_iter().find(|kind| self.class_names == kind.class_names()) {
            Some(kind) => Ok(args.of_kind(*kind)),
            None if self.class_names.is_empty() => Err(format!(
                "{file}: this file does not name its classes, so its images are not known; name them with --data, or \
                 with --dataset fashion-mnist"
            )
            .into()),
            None => Err(format!("{file}: {}: name its images with --data", self.trained_on()).into()),
        }
    }

    /// Returns the sentence that names both, if the loaded images are others than those of the training.
    fn change(&self, found: &Found, input: Shape) -> Option<String> {
        let (file, now) = (visible_path(&self.file), &found.record);
        match (&self.record, &self.training) {
            (Some(record), _) => {
                let counts = |record: &DatasetRecord| [record.training, record.validation, record.test];
                // Images in another size have another fingerprint.
                let same = if input == self.input { record.is_same(now) } else { counts(record) == counts(now) };
                let difference = match record.is_same_place(now) {
                    true if record.test_fraction != now.test_fraction => format!("not on the split of {now}"),
                    true if counts(record) == counts(now) => "whose images have changed since".to_owned(),
                    true => format!("which has changed since to {now}"),
                    false => format!("not on {now}"),
                };
                (!same).then(|| format!("{file} was trained on {record}, {difference}"))
            }
            (None, Some(training)) if input == self.input && *training != found.splits.train.fingerprint() => {
                Some(format!("{file} was trained on other training images than those of {now}"))
            }
            _ => None,
        }
    }

    /// Returns an error unless the network reads such images and its classes begin with theirs.
    fn check(&self, splits: &Splits) -> Outcome {
        let file = visible_path(&self.file);
        let (channels, wanted) = (splits.train.shape().channels, self.input.channels);
        let found = splits.train.class_names();
        let problem = if channels != wanted {
            format!("reads images of {wanted} channel(s), and these have {channels}")
        } else if !self.class_names.is_empty() && !self.class_names.starts_with(found) {
            let [names, found] = [&self.class_names, found].map(list);
            format!("was trained on other classes ({names}) than these images have ({found})")
        } else if found.len() > self.outputs {
            format!("has {} outputs, and these images have {} classes", self.outputs, found.len())
        } else {
            return Ok(());
        };
        let advice = match &self.record {
            Some(record) => format!("it was trained on {record}"),
            None if self.class_names.is_empty() => "name its images with --data or --dataset".to_owned(),
            None => format!("it was {}: name its images with --data", self.trained_on()),
        };
        Err(format!("{file}: the network {problem}; {advice}").into())
    }

    /// Returns the classes in words.
    fn trained_on(&self) -> String {
        format!("trained on the classes {}", list(&self.class_names))
    }
}

/// Returns names as one text; of many, the first and their number.
fn list(names: &[String]) -> String {
    const MOST: usize = 12;
    let shown = visible(&names[..names.len().min(MOST)].join(", ")).into_owned();
    match names.len() {
        ..=MOST => shown,
        all => format!("{shown} and {} more", all - MOST),
    }
}
