//! Metrics for programs: one JSON object a line.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use nin_core::Plan;
use nin_train::Recipe;
use nin_train::data::{Dataset, Splits};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::support::files::{self, FileError};
use nin_train::training::checkpoint::Checkpoint;
use nin_train::training::evaluation::Evaluation;
use nin_train::training::position::EpochReport;
use serde::Serialize;
use serde_json::json;

use super::super::Console;

/// A file of metrics, written line by line.
pub struct Metrics<'a> {
    console: &'a Console,
    path: PathBuf,
    /// None once it could not be written.
    file: Option<File>,
}

/// The first line: what is trained, on what, and how.
#[derive(Serialize)]
pub struct Start {
    /// nin-train's.
    version: &'static str,
    line: String,
    parameters: usize,
    recipe: Recipe,
    preprocessing: Preprocessing,
    teachers: Vec<Teacher>,
    images: String,
    /// Of all training images, those for validation included.
    images_sha256: Option<String>,
    training_images: usize,
    validation_images: usize,
    test_images: usize,
    /// Which of them an epoch's `test_loss` and `test_accuracy` are of.
    measured_on: &'static str,
}

#[derive(Serialize)]
struct Teacher {
    line: String,
    /// Of its parameters, as the checkpoint keeps them.
    sha256: String,
}

impl Start {
    /// Of a run that stands where `checkpoint` says; `splits` are its images without those for validation.
    pub fn new(checkpoint: &Checkpoint, plan: &Plan, splits: &Splits, validation: Option<&Dataset>) -> Self {
        let teachers = checkpoint.teachers.iter();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            line: checkpoint.spec.to_string(),
            parameters: plan.parameters(),
            recipe: checkpoint.recipe.clone(),
            preprocessing: checkpoint.preprocessing.clone(),
            teachers: teachers.map(|t| Teacher { line: t.spec.to_string(), sha256: t.fingerprint() }).collect(),
            images: splits.source.clone(),
            images_sha256: checkpoint.images.clone(),
            training_images: splits.train.len(),
            validation_images: validation.map_or(0, Dataset::len),
            test_images: splits.test.len(),
            measured_on: if validation.is_some() { "validation" } else { "test" },
        }
    }
}

impl<'a> Metrics<'a> {
    /// Begins the file anew. A run that goes on writes what it has done once more: a checkpoint may be older than the
    /// file's last line, or newer, if the program was killed between the two.
    ///
    /// # Errors
    ///
    /// If it cannot be begun: a run with a wrong name for it should not begin either.
    pub fn create(path: PathBuf, start: &Start, console: &'a Console) -> Result<Self, FileError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            files::create_folder(folder).map_err(FileError::at(folder))?;
        }
        let mut file = File::create(&path).map_err(FileError::at(&path))?;
        let line = serde_json::to_string(start).map_err(FileError::at(&path))?;
        file.write_all(format!("{line}\n").as_bytes()).map_err(FileError::at(&path))?;
        Ok(Self { console, path, file: Some(file) })
    }

    /// A line for each epoch.
    pub fn epoch(&mut self, report: &EpochReport) {
        self.write(report);
    }

    /// The last line: what the exported network does on the test images.
    pub fn test(&mut self, evaluation: &Evaluation) {
        let Evaluation { loss, accuracy, images, .. } = evaluation;
        self.write(&json!({ "test": { "images": images, "accuracy": accuracy, "loss": loss } }));
    }

    /// Writes a line, at once, so that another program can follow. That it cannot is no reason to end a run: after a
    /// warning, there are no more.
    fn write(&mut self, value: &impl Serialize) {
        let Some(file) = &mut self.file else { return };
        let line = serde_json::to_string(value).map_err(std::io::Error::from);
        if let Err(error) = line.and_then(|line| file.write_all(format!("{line}\n").as_bytes())) {
            self.console.warn(format_args!("{}: {error}; training goes on without metrics", self.path.display()));
            self.file = None;
        }
    }
}
