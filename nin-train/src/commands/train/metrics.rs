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

/// The first line: the network, its images and its recipe.
#[derive(Serialize)]
pub struct Start {
    /// The version of nin-train.
    version: &'static str,
    line: String,
    parameters: usize,
    recipe: Recipe,
    preprocessing: Preprocessing,
    teachers: Vec<Teacher>,
    images: String,
    /// Fingerprint of all training images, including those for validation.
    images_sha256: Option<String>,
    training_images: usize,
    validation_images: usize,
    test_images: usize,
    /// The images on which the `test_loss` and `test_accuracy` of an epoch are measured.
    measured_on: &'static str,
}

#[derive(Serialize)]
struct Teacher {
    line: String,
    /// Fingerprint of its parameters, as in the checkpoint.
    sha256: String,
}

impl Start {
    /// Returns the line for a run in the state of `checkpoint`. `splits` are its images without those for validation.
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
    /// Creates the file, or empties it. A run that continues writes its earlier epochs again: if the program was killed,
    /// the checkpoint may be older or newer than the last line of the file.
    ///
    /// # Errors
    ///
    /// If the file cannot be written. The run does not begin then, since its name may be mistyped.
    pub fn create(path: PathBuf, start: &Start, console: &'a Console) -> Result<Self, FileError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            files::create_folder(folder).map_err(FileError::at(folder))?;
        }
        let mut file = File::create(&path).map_err(FileError::at(&path))?;
        let line = serde_json::to_string(start).map_err(FileError::at(&path))?;
        file.write_all(format!("{line}\n").as_bytes()).map_err(FileError::at(&path))?;
        Ok(Self { console, path, file: Some(file) })
    }

    /// Writes the line of an epoch.
    pub fn epoch(&mut self, report: &EpochReport) {
        self.write(report);
    }

    /// Writes the last line: the result of the exported network on the test images.
    pub fn test(&mut self, evaluation: &Evaluation) {
        let Evaluation { loss, accuracy, images, .. } = evaluation;
        self.write(&json!({ "test": { "images": images, "accuracy": accuracy, "loss": loss } }));
    }

    /// Writes a line at once, so that another program can follow the run. An error does not end the run: it prints a
    /// warning and writes no further lines.
    fn write(&mut self, value: &impl Serialize) {
        let Some(file) = &mut self.file else { return };
        let line = serde_json::to_string(value).map_err(std::io::Error::from);
        if let Err(error) = line.and_then(|line| file.write_all(format!("{line}\n").as_bytes())) {
            self.console.warn(format_args!("{}: {error}; training goes on without metrics", self.path.display()));
            self.file = None;
        }
    }
}
