//! Metrics for programs: one JSON object a line.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use nin_core::Plan;
use nin_train::Recipe;
use nin_train::dataset::Splits;
use nin_train::files::FileError;
use nin_train::train::EpochReport;
use serde::Serialize;

/// A file of metrics, written line by line.
pub struct Metrics {
    path: PathBuf,
    file: File,
}

#[derive(Serialize)]
struct Start<'a> {
    line: String,
    parameters: usize,
    recipe: &'a Recipe,
    images: &'a str,
    training_images: usize,
    test_images: usize,
}

impl Metrics {
    /// Begins the file anew. A run that goes on writes what it has done once more: a checkpoint may be older than the
    /// file's last line, or newer, if the program was killed between the two.
    pub fn create(path: PathBuf) -> Result<Self, FileError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(FileError::at(folder))?;
        }
        let file = File::create(&path).map_err(FileError::at(&path))?;
        Ok(Self { path, file })
    }

    /// The first line: what is trained, and how.
    pub fn start(&mut self, plan: &Plan, recipe: &Recipe, splits: &Splits) -> Result<(), FileError> {
        self.write(&Start {
            line: plan.spec().to_string(),
            parameters: plan.parameters(),
            recipe,
            images: &splits.source,
            training_images: splits.train.len(),
            test_images: splits.test.len(),
        })
    }

    /// A line for each epoch.
    pub fn epoch(&mut self, report: &EpochReport) -> Result<(), FileError> {
        self.write(report)
    }

    fn write(&mut self, value: &impl Serialize) -> Result<(), FileError> {
        let mut line = serde_json::to_string(value).map_err(FileError::at(&self.path))?;
        line.push('\n');
        // At once, so that another program can follow; unbuffered, since it is one line an epoch.
        self.file.write_all(line.as_bytes()).map_err(FileError::at(&self.path))
    }
}
