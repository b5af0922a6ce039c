//! Loads a network from any kind of file that contains one.

use std::path::{Path, PathBuf};

use nin_core::{Decision, Lanes, Model, Shape, WeightType};
use nin_train::engine::confidence::unknown_class;
use nin_train::engine::streaming::ModelBytes;
use nin_train::formats::model_file::{Integers, with_decision};
use nin_train::formats::open::FileKind;
use nin_train::network::trained::Trained;
use nin_train::quantize::aware;
use nin_train::report::Network;
use nin_train::report::html::StoredModel;
use nin_train::support::files::{self, FileError};
use nin_train::training::checkpoint::Checkpoint;

use super::images::ImageArgs;
use super::known::{Found, Known, Others};
use super::{Console, Outcome};

/// A network with its weights.
#[derive(Debug)]
pub enum Weights {
    /// Floats.
    Floats(Trained),
    /// Integers.
    Integers(Integers),
}

impl Weights {
    /// Returns the network as pages draw it.
    pub fn network(&self) -> Network<'_> {
        match self {
            Self::Floats(trained) => Network::Floats(trained),
            Self::Integers(integers) => integers.into(),
        }
    }
}

/// A file that contains a network.
#[derive(Debug)]
pub struct Loaded {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// Reads a model file, checkpoint or safetensors file.
pub fn load(path: &Path) -> Result<Loaded, FileError> {
    Ok(Loaded { bytes: files::read(path)?, path: path.to_owned() })
}

impl Loaded {
    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the type of the weights in the file, if it is a valid model file.
    pub fn stored_type(&self) -> Option<WeightType> {
        self.model_file().and_then(|file| Model::read(file).ok()).map(|model| model.weight_type())
    }

    /// Returns what a page states of the file, if it is a model file.
    pub fn stored_model(&self) -> Result<Option<StoredModel>, FileError> {
        let Some(file) = self.model_file() else { return Ok(None) };
        let model = Model::read(file).map_err(|error| FileError::at(&self.path)(error.to_string()))?;
        let (weight_type, lanes, length) = (model.weight_type(), model.lanes(), file.len() as u64);
        Ok(Some(StoredModel { weight_type, lanes, length }))
    }

    /// Returns the bytes of the file, if it is a model file.
    pub fn model_file(&self) -> Option<&[u8]> {
        (FileKind::of(&self.bytes) == FileKind::Model).then_some(&self.bytes)
    }

    /// Returns whether the file is a checkpoint.
    pub fn is_checkpoint(&self) -> bool {
        FileKind::of(&self.bytes) == FileKind::Checkpoint
    }

    /// Returns the network with its weights, as integers if the file has them.
    pub fn weights(&self) -> Result<Weights, FileError> {
        Ok(match self.integers()? {
            Some(integers) => Weights::Integers(integers),
            None => Weights::Floats(self.trained()?),
        })
    }

    /// Returns the images that the flags name; without such flags, those that the network was trained on. If these are
    /// not known or gone, prints a note and returns `None`.
    pub fn images(&self, args: &ImageArgs, input: Shape, console: &Console) -> Outcome<Option<Found>> {
        match self.known()?.load(args, input, Others::Taken, console) {
            Ok(found) => Ok(Some(found)),
            Err(error) if args.are_named() => Err(error),
            Err(error) => {
                console.warn(format_args!("the page has no test images: {error}"));
                Ok(None)
            }
        }
    }

    /// Returns the network.
    pub fn trained(&self) -> Result<Trained, FileError> {
        let trained = Trained::from_file(&self.bytes).map_err(FileError::at(&self.path))?;
        match trained.not_finite() {
            None => Ok(trained),
            Some(place) => Err(FileError::at(&self.path)(not_finite(&place))),
        }
    }

    /// Returns the information about the images that the network was trained on.
    pub fn known(&self) -> Result<Known, FileError> {
        if FileKind::of(&self.bytes) == FileKind::Checkpoint {
            let checkpoint = Checkpoint::from_bytes(&self.bytes)
                .map_err(|problem| FileError::at(&self.path)(problem.to_string()))?;
            return Ok(Known::of_checkpoint(&self.path, &checkpoint));
        }
        if FileKind::of(&self.bytes) == FileKind::Model {
            let model = Model::read(&self.bytes).map_err(|error| FileError::at(&self.path)(error.to_string()))?;
            let names: Vec<String> = model.class_names().map(str::to_owned).collect();
            return Ok(Known::of_network(&self.path, model.plan().spec(), &names));
        }
        let trained = self.trained()?;
        Ok(Known::of_network(&self.path, &trained.spec, &trained.class_names))
    }

    /// Returns a model with the same logits, bit for bit, in the layout that is fastest on this host. (The order of a
    /// float sum does not depend on the lanes, f16 weights are widened exactly, and integer sums are exact in any order.)
    pub fn fast_model(&self) -> Outcome<ModelBytes> {
        let decided = |file: Vec<u8>| -> Outcome<ModelBytes> {
            Ok(ModelBytes::new(&with_decision(&file, &self.decision()?).map_err(FileError::at(&self.path))?))
        };
        let Some(integers) = self.integers()? else {
            return decided(
                self.trained()?.to_model(WeightType::F32, Lanes::Sixteen).map_err(FileError::at(&self.path))?,
            );
        };
        match integers.to_bytes(Lanes::Sixteen) {
            Ok(file) => decided(file),
            // A file that no exporter wrote may have weights that cannot be packed otherwise: it runs unchanged.
            Err(_) if FileKind::of(&self.bytes) == FileKind::Model => Ok(ModelBytes::new(&self.bytes)),
            Err(error) => Err(FileError::at(&self.path)(error).into()),
        }
    }

    /// Returns the temperature, threshold and unknown class in the file.
    pub fn decision(&self) -> Result<Decision, FileError> {
        let at = FileError::at(&self.path);
        match FileKind::of(&self.bytes) {
            FileKind::Checkpoint => {
                let checkpoint = self.checkpoint()?;
                let unknown = checkpoint.decision.unknown.or(unknown_class(&checkpoint.class_names));
                Ok(Decision { unknown, ..checkpoint.decision })
            }
            FileKind::Model => {
                Model::read(&self.bytes).map(|model| *model.decision()).map_err(|error| at(error.to_string()))
            }
            _ => Ok(Decision::PLAIN),
        }
    }

    /// Returns the run, if the file is a checkpoint; otherwise an error.
    pub fn checkpoint(&self) -> Result<Checkpoint, FileError> {
        Checkpoint::from_bytes(&self.bytes).map_err(|problem| FileError::at(&self.path)(problem.to_string()))
    }

    /// Returns the network in a model file with weights of integers, or that of a run with quantisation-aware training;
    /// `None` for any other file.
    pub fn integers(&self) -> Result<Option<Integers>, FileError> {
        match FileKind::of(&self.bytes) {
            FileKind::Checkpoint => {
                aware::quantized(&self.checkpoint()?).transpose().map_err(FileError::at(&self.path))
            }
            FileKind::Model => {
                let model = Model::read(&self.bytes).map_err(|error| FileError::at(&self.path)(error.to_string()))?;
                Ok(Integers::from_model(&model))
            }
            _ => Ok(None),
        }
    }
}

/// Returns the error for a network with such numbers.
pub fn not_finite(place: &str) -> String {
    format!(
        "{place} contains an infinite number or NaN, so the network cannot be used; use a file from before its training \
         diverged"
    )
}
