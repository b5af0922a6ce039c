//! A run's folder: what is written where.

use std::fs;
use std::path::{Path, PathBuf};

use nin_core::WeightType;
use nin_train::checkpoint::Checkpoint;
use nin_train::dataset::{Dataset, Splits};
use nin_train::export::Lanes;
use nin_train::files::{self, FileError};
use nin_train::pictures;
use nin_train::quantize::QuantizedModel;
use nin_train::report::html::{Findings, Images, Run, page};
use nin_train::trained::Trained;

use super::super::report;
use super::Outcome;

/// The name of the checkpoint in a run's folder.
pub const CHECKPOINT: &str = "checkpoint";
/// The name of the best epoch's.
pub const BEST: &str = "best";
/// The name of the metrics.
pub const METRICS: &str = "metrics.jsonl";
/// The name of the page.
pub const REPORT: &str = "report.html";

/// A run's folder.
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes the folder if it is not there.
    pub fn new(path: PathBuf) -> Result<Self, FileError> {
        // An empty path is the current folder.
        let path = if path.as_os_str().is_empty() { PathBuf::from(".") } else { path };
        fs::create_dir_all(&path).map_err(FileError::at(&path))?;
        Ok(Self { path })
    }

    /// Everything needed to go on.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join(CHECKPOINT)
    }

    /// The same after the epoch that did best on validation images.
    pub fn best(&self) -> PathBuf {
        self.path.join(BEST)
    }

    /// What a board runs.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.nin")
    }

    /// One JSON object an epoch.
    pub fn metrics(&self) -> PathBuf {
        self.path.join(METRICS)
    }

    /// Writes the checkpoint.
    pub fn save(&self, checkpoint: &Checkpoint) -> Outcome {
        Ok(checkpoint.save(&self.checkpoint())?)
    }

    /// Writes the model file: of the integers, if the network was trained with them.
    pub fn export(&self, trained: &Trained, integers: Option<&QuantizedModel>) -> Outcome {
        let model = match integers {
            Some(integers) => integers.to_bytes(Lanes::Two)?,
            None => trained.to_model(WeightType::F32, Lanes::default())?,
        };
        Ok(files::write(&self.model(), &model)?)
    }

    /// Writes the page that shows the run up to its last checkpoint, and the network that it exported.
    pub fn report(
        &self,
        checkpoint: &Checkpoint,
        trained: &Trained,
        findings: &Findings,
        splits: &Splits,
    ) -> Outcome<PathBuf> {
        let path = self.path.join(REPORT);
        let (training, test) = (splits.train.len(), splits.test.len());
        let images = Images { source: splits.source.clone(), training, test };
        let run = Run::new(report::name(&self.checkpoint()), checkpoint, Some(images))?;
        files::write(&path, page(&run, trained, findings, &splits.test).as_bytes())?;
        Ok(path)
    }

    /// Writes the first test image, for a first prediction. That it cannot be written is no reason to fail.
    pub fn sample(&self, test: &Dataset) -> Option<PathBuf> {
        let path = self.path.join("sample.png");
        let picture = pictures::single((!test.is_empty()).then(|| test.image(0))?, test.shape()).ok()?;
        files::write(&path, &picture).ok()?;
        Some(path)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
