//! Loading a network from any file that holds one.

use std::path::{Path, PathBuf};

use nin_core::{Model, WeightType};
use nin_train::export::Lanes;
use nin_train::files::{self, FileError};
use nin_train::quantize::QuantizedModel;
use nin_train::streaming::ModelBytes;
use nin_train::trained::{FileKind, Trained};

use super::Outcome;

/// A file that holds a network.
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
    /// The network.
    pub fn trained(&self) -> Result<Trained, FileError> {
        Trained::from_file(&self.bytes).map_err(FileError::at(&self.path))
    }

    /// A model with the same logits, bit for bit, in the layout that this host runs fastest: a float sum's order does
    /// not depend on lanes, f16 weights are widened exactly, and sums of integers have no order.
    pub fn fast_model(&self) -> Outcome<ModelBytes> {
        match self.integers()? {
            // A file that no exporter wrote may hold what cannot be packed: it runs as it is.
            Some(integers) => Ok(integers
                .to_bytes(Lanes::Sixteen)
                .map_or_else(|_| ModelBytes::new(&self.bytes), |file| ModelBytes::new(&file))),
            None => self.widened(),
        }
    }

    /// The network in a model file with 8-bit weights; `None` if it is any other file.
    pub fn integers(&self) -> Result<Option<QuantizedModel>, FileError> {
        if FileKind::of(&self.bytes) != FileKind::Model {
            return Ok(None);
        }
        let model = Model::read(&self.bytes).map_err(|error| FileError::at(&self.path)(error.to_string()))?;
        Ok(QuantizedModel::from_model(&model))
    }

    fn widened(&self) -> Outcome<ModelBytes> {
        Ok(ModelBytes::new(&self.trained()?.to_model(WeightType::F32, Lanes::Sixteen)?))
    }
}
