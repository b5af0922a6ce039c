//! What every training of a search came to, one JSON object a line: a search that was stopped goes on with it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use nin_core::Plan;
use nin_train::support::files::FileError;
use serde::{Deserialize, Serialize};

/// A training of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The architecture line.
    pub line: String,
    /// Epochs that it was trained for.
    pub epochs: u32,
    /// The seed.
    pub seed: u64,
    /// SHA-256 of all training images, those split off included.
    pub images: String,
    /// Accuracy on the images split off; none if it diverged or died.
    pub accuracy: Option<f64>,
    /// Seconds of training.
    pub seconds: f64,
}

impl Trial {
    /// One that has not been done.
    pub fn new(plan: &Plan, epochs: u32, seed: u64, images: &str) -> Self {
        Self { line: plan.spec().to_string(), epochs, seed, images: images.to_owned(), accuracy: None, seconds: 0.0 }
    }

    /// With its outcome.
    pub fn done(self, accuracy: Option<f64>, seconds: f64) -> Self {
        Self { accuracy, seconds, ..self }
    }

    /// Its accuracy in words.
    pub fn percent(&self) -> String {
        self.accuracy.map_or_else(|| "   died".to_owned(), |accuracy| format!("{:5.2} %", 100.0 * accuracy))
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.line, self.epochs, self.seed, &self.images) == (&other.line, other.epochs, other.seed, &other.images)
    }
}

/// The file of a search's trainings.
pub struct Trials {
    path: PathBuf,
    file: File,
    known: Vec<Trial>,
}

impl Trials {
    /// Opens the file, or begins it. A last line that was cut off is passed over, and ended.
    pub fn open(path: PathBuf) -> Result<Self, FileError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(FileError::at(folder))?;
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

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same training, if it was done before.
    pub fn find(&self, trial: &Trial) -> Option<Trial> {
        self.known.iter().find(|known| known.is_same(trial)).cloned()
    }

    /// Notes a training that was done.
    pub fn add(&mut self, trial: Trial) -> Result<Trial, FileError> {
        let mut line = serde_json::to_string(&trial).map_err(FileError::at(&self.path))?;
        line.push('\n');
        self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data()).map_err(FileError::at(&self.path))?;
        self.known.push(trial.clone());
        Ok(trial)
    }
}
