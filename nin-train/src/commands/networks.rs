//! Loading a network from any file that holds one.

use std::path::Path;

use nin_core::WeightType;
use nin_train::export::Lanes;
use nin_train::files::{self, FileError};
use nin_train::streaming::ModelBytes;
use nin_train::trained::{FileKind, Trained};

use super::Outcome;

/// A network and the file's own bytes, if that is a model file.
#[derive(Debug)]
pub struct Loaded {
    /// The network.
    pub trained: Trained,
    /// What kind of file it was.
    pub kind: FileKind,
    bytes: Vec<u8>,
}

/// Reads a model file, checkpoint or safetensors file.
pub fn load(path: &Path) -> Result<Loaded, FileError> {
    let bytes = files::read(path)?;
    let kind = FileKind::of(&bytes);
    let trained = Trained::from_file(&bytes);
    Ok(Loaded { trained: trained.map_err(FileError::at(path))?, kind, bytes })
}

impl Loaded {
    /// The model file itself, or one made of the network with f32 weights.
    pub fn into_model(self) -> Outcome<ModelBytes> {
        match self.kind {
            FileKind::Model => Ok(ModelBytes::new(&self.bytes)),
            _ => self.fast_model(),
        }
    }

    /// A model with the same logits, bit for bit, in the layout that this host runs fastest: a sum's order does not
    /// depend on lanes, and f16 weights are widened exactly.
    pub fn fast_model(&self) -> Outcome<ModelBytes> {
        Ok(ModelBytes::new(&self.trained.to_model(WeightType::F32, Lanes::Sixteen)?))
    }
}
