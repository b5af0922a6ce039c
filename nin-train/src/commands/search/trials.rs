//! The results of a search's training runs, one JSON object per line. A stopped search continues from this file.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use nin_core::Plan;
use nin_train::support::files::{self, FileError};
use serde::{Deserialize, Serialize};

/// One training run of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The architecture line.
    pub line: String,
    /// The number of epochs.
    pub epochs: u32,
    /// The seed.
    pub seed: u64,
    /// SHA-256 of all training images, including the validation images split off.
    pub images: String,
    /// Accuracy on the validation images; `None` if the network diverged or died.
    pub accuracy: Option<f64>,
    /// Seconds of training.
    pub seconds: f64,
}

impl Trial {
    /// Returns a trial without a result.
    pub fn new(plan: &Plan, epochs: u32, seed: u64, images: &str) -> Self {
        Self { line: plan.spec().to_string(), epochs, seed, images: images.to_owned(), accuracy: None, seconds: 0.0 }
    }

    /// Returns the trial with its result.
    pub fn done(self, accuracy: Option<f64>, seconds: f64) -> Self {
        Self { accuracy, seconds, ..self }
    }

    /// Returns the accuracy as text.
    pub fn percent(&self) -> String {
        self.accuracy.map_or_else(|| "   died".to_owned(), |accuracy| format!("{:5.2} %", 100.0 * accuracy))
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.line, self.epochs, self.seed, &self.images) == (&other.line, other.epochs, other.seed, &other.images)
    }
}

/// The file of a search's trials.
pub struct Trials {
    path: PathBuf,
    file: File,
    known: Vec<Trial>,
}

impl Trials {
    /// Opens or creates the file. An incomplete last line is ignored and terminated.
    pub fn open(path: PathBuf) -> Result<Self, FileError> {
        if let Some(folder) = path.parent() {
            files::create_folder(folder).map_err(FileError::at(folder))?;
        }
        let mut file =
            File::options().read(true).append(true).create(true).open(&path).map_err(FileError::at(&path))?;
        let text = fs::read(&path).map_err(FileError::at(&path))?;
        let text = String::from_utf8_lossy(&text);
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").map_err(FileError::at(&path))?;
        }
        let known = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Ok(Self { path, file, known })
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the stored result of the same trial, if there is one.
    pub fn find(&self, trial: &Trial) -> Option<Trial> {
        self.known.iter().find(|known| known.is_same(trial)).cloned()
    }

    /// Appends a finished trial to the file.
    pub fn add(&mut self, trial: Trial) -> Result<Trial, FileError> {
        let mut line = serde_json::to_string(&trial).map_err(FileError::at(&self.path))?;
        line.push('\n');
        self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data()).map_err(FileError::at(&self.path))?;
        self.known.push(trial.clone());
        Ok(trial)
    }
}
