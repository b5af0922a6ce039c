//! Loading a network from any file that holds one.

use std::path::Path;

use nin_core::WeightType;
use nin_train::export::Lanes;
use nin_train::files::{self, FileError};
use nin_train::streaming::ModelBytes;
use nin_train::trained::{FileKind, Trained};

use super::Outcome;

/// Reads a model file, checkpoint or safetensors file.
pub fn load(path: &Path) -> Result<Trained, FileError> {
    Trained::from_file(&files::read(path)?).map_err(FileError::at(path))
}

/// Reads a network to run it: a model with 8-bit weights as it is, any other as the [`fast_model`].
pub fn runnable(path: &Path) -> Outcome<ModelBytes> {
    let bytes = files::read(path)?;
    if FileKind::of(&bytes) == FileKind::Model {
        let model = ModelBytes::new(&bytes);
        if model.model().map_err(FileError::at(path))?.weight_type() == WeightType::Int8 {
            return Ok(model);
        }
    }
    fast_model(&Trained::from_file(&bytes).map_err(FileError::at(path))?)
}

/// A model with the same logits, bit for bit, in the layout that this host runs fastest: a sum's order does not
/// depend on lanes, and f16 weights are widened exactly.
pub fn fast_model(trained: &Trained) -> Outcome<ModelBytes> {
    Ok(ModelBytes::new(&trained.to_model(WeightType::F32, Lanes::Sixteen)?))
}
