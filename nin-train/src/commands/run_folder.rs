//! A run's folder: what is written where.

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
/// The name of the best epoch's.
pub const BEST: &str = "best";
/// The name of the metrics.
pub const METRICS: &str = "metrics.jsonl";
/// The name of the page.
pub const REPORT: &str = "report.html";

/// A file in a run's folder that is locked as long as a program writes there; it stays when the program ends.
const LOCK: &str = ".lock";

/// A run's folder, which no other run writes to meanwhile.
pub struct RunFolder {
    path: PathBuf,
    _lock: Option<File>,
}

impl RunFolder {
    /// Makes the folder if it is not there.
    pub fn new(path: PathBuf) -> Outcome<Self> {
        files::create_folder(&path).map_err(FileError::at(&path))?;
        let lock = path.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&lock);
        let file = file.or_else(|error| match error.kind() {
            // Somebody else's, in a folder that is shared.
            io::ErrorKind::PermissionDenied => File::open(&lock),
            _ => Err(error),
        });
        let file = file.map_err(FileError::at(&lock))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, _lock: Some(file) }),
            Err(TryLockError::WouldBlock) => {
                let path = path.display();
                Err(format!("{path}: another run is writing to this folder; wait for its end, or name another").into())
            }
            // Some network file systems have no locks: then nobody is kept out.
            Err(TryLockError::Error(_)) => Ok(Self { path, _lock: None }),
        }
    }

    /// The folder, if no run has left a checkpoint in it.
    pub fn empty(path: &Path) -> Outcome<Self> {
        // Only now can no other run come to its end in between.
        let folder = Self::new(path.to_owned())?;
        if path.join(CHECKPOINT).exists() {
            let path = path.display();
            return Err(format!("{path} holds a run: go on with it by --resume {path}, or name another folder").into());
        }
        Ok(folder)
    }

    /// A new folder `name`, `name-2` and so on in `runs`: of several runs that begin at once, each has its own.
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

    /// Takes over the best epoch's network from the folder that the run was in before; `checkpoint` is where it stands.
    pub fn adopt_best(&self, resumed: &Path, checkpoint: &Checkpoint) -> Outcome {
        if checkpoint.recipe.validation == 0.0 || checkpoint.history.is_empty() {
            return Ok(());
        }
        let path = resumed.join(BEST);
        let best = Checkpoint::load(&path).map_err(|error| {
            let last = visible_path(&resumed.join(CHECKPOINT));
            format!(
                "{error}; without its best epoch's network this run cannot go on: begin another from its last one by \
                 train --from {last}"
            )
        })?;
        // Killed in between, it may be of an epoch that the checkpoint does not know yet.
        let same_run =
            best.spec == checkpoint.spec && best.history.iter().zip(&checkpoint.history).all(|(a, b)| a == b);
        if !same_run {
            return Err(
                format!("{}: this is the best network of another run than the checkpoint's", path.display()).into()
            );
        }
        if path.canonicalize().ok() != self.best().canonicalize().ok() {
            best.save(&self.best())?;
        }
        Ok(())
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

    /// Whether this model file is there, byte for byte.
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

    /// Writes the first test image, for a first prediction. That it cannot be written is no reason to fail.
    pub fn sample(&self, test: &Dataset) -> Option<PathBuf> {
        let path = self.path.join("sample.png");
        let picture = pictures::single((!test.is_empty()).then(|| test.image(0))?, test.shape()).ok()?;
        files::write(&path, &picture).ok()?;
        Some(path)
    }

    /// Writes ten test images as a board reads them, of all classes in turn. That they cannot be written is no reason
    /// to fail.
    pub fn test_images(&self, test: &Dataset, input: Shape) -> Option<PathBuf> {
        let path = self.path.join("test-images.bin");
        files::write(&path, &test_images(test, &spread(test, 10), input).ok()?).ok()?;
        Some(path)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The name of the folder that a run's file stands in, however it was typed.
pub fn run_name(file: &Path) -> String {
    let whole = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let folder = whole.parent().and_then(Path::file_name);
    folder.map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned())
}
