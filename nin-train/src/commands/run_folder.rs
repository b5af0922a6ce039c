//! The folder of a run and its files.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use nin_core::Shape;
use nin_train::data::survey::Shared;
use nin_train::data::{Dataset, Splits, spread, test_images};
use nin_train::network::trained::Trained;
use nin_train::report::html::{Findings, Run, RunImages, page};
use nin_train::report::pictures;
use nin_train::support::files::{self, FileError};
use nin_train::support::text::visible_path;
use nin_train::training::checkpoint::Checkpoint;

use super::Outcome;

/// The name of the checkpoint in a run's folder.
pub const CHECKPOINT: &str = "checkpoint";
/// The name of the best epoch's checkpoint.
pub const BEST: &str = "best";
/// The name of the metrics.
pub const METRICS: &str = "metrics.jsonl";
/// The name of the page.
pub const REPORT: &str = "report.html";

/// A file in a run's folder that is locked while a program writes there. It is not deleted when the program ends.
const LOCK: &str = ".lock";

/// The folder of a run, locked against other runs.
pub struct RunFolder {
    path: PathBuf,
    _lock: Option<File>,
}

impl RunFolder {
    /// Creates the folder if it does not exist, and locks it.
    pub fn new(path: PathBuf) -> Outcome<Self> {
        files::create_folder(&path).map_err(FileError::at(&path))?;
        let lock = path.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&lock);
        let file = file.or_else(|error| match error.kind() {
            // In a shared folder, the file may belong to another user.
            io::ErrorKind::PermissionDenied => File::open(&lock),
            _ => Err(error),
        });
        let file = file.map_err(FileError::at(&lock))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, _lock: Some(file) }),
            Err(TryLockError::WouldBlock) => {
                let path = path.display();
                Err(format!("{path}: another run is writing to this folder; wait for its end, or name another folder")
                    .into())
            }
            // Some network file systems have no locks.
            Err(TryLockError::Error(_)) => Ok(Self { path, _lock: None }),
        }
    }

    /// Returns the folder if it contains no checkpoint.
    pub fn empty(path: &Path) -> Outcome<Self> {
        // Locked first, so that no other run can write a checkpoint in between.
        let folder = Self::new(path.to_owned())?;
        if path.join(CHECKPOINT).exists() {
            let path = path.display();
            return Err(
                format!("{path} contains a run: continue it with --resume {path}, or name another folder").into()
            );
        }
        Ok(folder)
    }

    /// Creates a new folder `name`, `name-2` and so on in `runs`. Runs that start at the same time get different folders.
    pub fn numbered(runs: &Path, name: &str) -> Outcome<Self> {
        files::create_folder(runs).map_err(FileError::at(runs))?;
        for number in 1u32.. {
            let path = runs.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(FileError::at(&path)(error).into()),
                Ok(()) => return Self::new(path),
            }
        }
        unreachable!("nobody has four billion runs")
    }

    /// Copies the best epoch's checkpoint from the run's previous folder. `checkpoint` is the current state of the run.
    pub fn adopt_best(&self, resumed: &Path, checkpoint: &Checkpoint) -> Outcome {
        if checkpoint.recipe.validation == 0.0 || checkpoint.history.is_empty() {
            return Ok(());
        }
        let path = resumed.join(BEST);
        let best = Checkpoint::load(&path).map_err(|error| {
            let last = visible_path(&resumed.join(CHECKPOINT));
            format!(
                "{error}; this run cannot continue without the network of its best epoch: start another from its last \
                 network with train --from {last}"
            )
        })?;
        // If the program was killed, it may be one epoch newer than the checkpoint.
        let same_run =
            best.spec == checkpoint.spec && best.history.iter().zip(&checkpoint.history).all(|(a, b)| a == b);
        if !same_run {
            return Err(
                format!("{}: this is the best network of a different run than the checkpoint", path.display()).into()
            );
        }
        if path.canonicalize().ok() != self.best().canonicalize().ok() {
            best.save(&self.best())?;
        }
        Ok(())
    }

    /// Returns the path of the checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join(CHECKPOINT)
    }

    /// Returns the path of the checkpoint of the best epoch on validation images.
    pub fn best(&self) -> PathBuf {
        self.path.join(BEST)
    }

    /// Returns the path of the model file.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.nin")
    }

    /// Returns the path of the metrics.
    pub fn metrics(&self) -> PathBuf {
        self.path.join(METRICS)
    }

    /// Writes the checkpoint.
    pub fn save(&self, checkpoint: &Checkpoint) -> Outcome {
        Ok(checkpoint.save(&self.checkpoint())?)
    }

    /// Returns whether the model file exists and has these bytes.
    pub fn has_model(&self, model: &[u8]) -> bool {
        fs::read(self.model()).is_ok_and(|there| there == model)
    }

    /// Writes the model file.
    pub fn export(&self, model: &[u8]) -> Outcome {
        Ok(files::write(&self.model(), model)?)
    }

    /// Writes the page that shows the run up to its last checkpoint, and the network that it exported. `shared` are the
    /// test images that are also training images.
    pub fn report(
        &self,
        checkpoint: &Checkpoint,
        trained: &Trained,
        findings: &Findings,
        splits: &Splits,
        shared: Shared,
    ) -> Outcome<PathBuf> {
        let path = self.path.join(REPORT);
        let (training, test) = (splits.train.len(), splits.test.len());
        let images = RunImages { source: splits.source.clone(), training, test, shared };
        let run = Run::new(run_name(&self.checkpoint()), checkpoint, Some(images));
        files::write(&path, page(&run, trained, findings, &splits.test).as_bytes())?;
        Ok(path)
    }

    /// Writes the first test image, for a first prediction. Returns `None` if it cannot be written.
    pub fn sample(&self, test: &Dataset) -> Option<PathBuf> {
        let path = self.path.join("sample.png");
        let picture = pictures::single((!test.is_empty()).then(|| test.image(0))?, test.shape()).ok()?;
        files::write(&path, &picture).ok()?;
        Some(path)
    }

    /// Writes ten test images as a board reads them, of all classes in turn. Returns `None` if they cannot be written.
    pub fn test_images(&self, test: &Dataset, input: Shape) -> Option<PathBuf> {
        let path = self.path.join("test-images.bin");
        files::write(&path, &test_images(test, &spread(test, 10), input).ok()?).ok()?;
        Some(path)
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Returns the name of the folder that contains a run's file.
pub fn run_name(file: &Path) -> String {
    let whole = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let folder = whole.parent().and_then(Path::file_name);
    folder.map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Returns the name of a network on a page: that of the run's folder for its `model.nin`, otherwise that of the file.
pub fn network_name(network: &Path) -> String {
    let stem = network.file_stem().unwrap_or_default().to_string_lossy();
    if matches!(&*stem, "model" | "checkpoint" | "best") { run_name(network) } else { stem.into_owned() }
}
