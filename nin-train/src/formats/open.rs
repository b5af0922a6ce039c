//! Opens any file that contains a network.

use std::fmt;

use nin_core::model::MAGIC;
use nin_core::{Model, ModelError, WeightType};

use super::foreign::Foreign;
use super::model_file::unpacked;
use super::safetensors::{self, About, Found, Matching, TensorError};
use crate::network::architecture::{Architecture, ArchitectureError};
use crate::network::preprocessing::Preprocessing;
use crate::network::trained::Trained;
use crate::training::checkpoint::{self, Checkpoint, Problem};

impl Trained {
    /// Reads a model file's bytes.
    ///
    /// # Errors
    ///
    /// [`TrainedProblem`] if it is broken, or if its weights are integers, which cannot be converted back to floats.
    pub fn from_model(file: &[u8]) -> Result<Self, TrainedProblem> {
        let model = Model::read(file)?;
        if !matches!(model.weight_type(), WeightType::F32 | WeightType::F16) {
            return Err(TrainedProblem::Rounded(model.weight_type()));
        }
        Ok(Self {
            spec: *model.plan().spec(),
            parameters: unpacked(&model),
            preprocessing: Preprocessing::of(&model),
            class_names: model.class_names().map(str::to_owned).collect(),
        })
    }

    /// Reads the bytes of any file that contains a network and its architecture.
    ///
    /// # Errors
    ///
    /// [`TrainedProblem`] if the file is of another kind, or broken.
    pub fn from_file(file: &[u8]) -> Result<Self, TrainedProblem> {
        match FileKind::of(file) {
            FileKind::Model => Self::from_model(file),
            FileKind::Checkpoint => Ok(Checkpoint::from_bytes(file)?.trained()),
            FileKind::Safetensors => Self::from_safetensors(file, None),
            FileKind::Other => Err(unknown(file)),
        }
    }

    /// Reads a safetensors file's bytes. `architecture` is required if the file does not contain one. Other missing
    /// metadata gets defaults: bytes scaled to 0..1, and no class names.
    ///
    /// # Errors
    ///
    /// [`TrainedProblem`] if it is broken, has no architecture, or contains another network.
    pub fn from_safetensors(file: &[u8], architecture: Option<&Architecture>) -> Result<Self, TrainedProblem> {
        Ok(Self::from_matched(file, architecture, &Matching::default())?.0)
    }

    /// Reads a safetensors file's bytes as [`from_safetensors`](Self::from_safetensors) does, and returns for each layer
    /// which tensors it was made of.
    ///
    /// # Errors
    ///
    /// As [`from_safetensors`](Self::from_safetensors).
    pub fn from_matched(
        file: &[u8],
        architecture: Option<&Architecture>,
        matching: &Matching,
    ) -> Result<(Self, Found), TrainedProblem> {
        if FileKind::of(file) == FileKind::Other && Foreign::of(file).is_some() {
            return Err(unknown(file));
        }
        let About { line, preprocessing, class_names } = safetensors::about(file)?;
        let spec = match (architecture, line) {
            (Some(architecture), _) => architecture.spec,
            (None, Some(line)) => Architecture::parse_line(&line)?.spec,
            (None, None) => return Err(TrainedProblem::NoLine),
        };
        let mut found = safetensors::read_matched(&spec, file, matching)?;
        let channels = usize::from(spec.input().channels);
        let trained = Self {
            spec,
            parameters: std::mem::take(&mut found.parameters),
            preprocessing: preprocessing
                .filter(|preprocessing| preprocessing.fits(channels))
                .unwrap_or_else(|| Preprocessing::unit(channels)),
            class_names: if class_names.len() == spec.classes() { class_names } else { Vec::new() },
        };
        Ok((trained, found))
    }
}

/// Returns the error of a file that holds no network of ours.
fn unknown(file: &[u8]) -> TrainedProblem {
    Foreign::of(file).map_or(TrainedProblem::Unknown, TrainedProblem::Foreign)
}

/// The kind of a file that contains a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// A model file, which a device runs.
    Model,
    /// A checkpoint, with everything needed to continue training.
    Checkpoint,
    /// A safetensors file, for exchange with PyTorch.
    Safetensors,
    /// Any other file.
    Other,
}

impl FileKind {
    /// Returns the kind, recognised by the file's first bytes.
    pub fn of(file: &[u8]) -> Self {
        // A safetensors file begins with the length of its header, which begins with a brace.
        match file {
            _ if file.starts_with(&MAGIC) => Self::Model,
            _ if file.starts_with(&checkpoint::MAGIC) => Self::Checkpoint,
            [_, _, _, _, _, 0, 0, 0, b'{', ..] => Self::Safetensors,
            _ => Self::Other,
        }
    }
}

/// Why bytes are not a trained network.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrainedProblem {
    /// A broken model file.
    Model(ModelError),
    /// A model file whose weights are integers.
    Rounded(WeightType),
    /// A broken checkpoint.
    Checkpoint(Problem),
    /// A safetensors file that is broken or does not fit the architecture.
    Tensors(TensorError),
    /// A safetensors file whose architecture line is wrong.
    Line(ArchitectureError),
    /// A safetensors file without an architecture.
    NoLine,
    /// A file of another program.
    Foreign(Foreign),
    /// A file of another kind.
    Unknown,
}

impl fmt::Display for TrainedProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(error) => error.fmt(f),
            Self::Rounded(WeightType::Affine | WeightType::AffineInt4) => f.write_str(
                "the model's weights are integers with zero points, which cannot be converted back to floats; predict, eval, export, \
                 demo and firmware take it as it is",
            ),
            Self::Rounded(weight_type) => write!(
                f,
                "the model's weights are {}, which cannot be converted back to floats; \
                 use the checkpoint it was made from",
                weight_type.name()
            ),
            Self::Checkpoint(error) => error.fmt(f),
            Self::Tensors(error) => error.fmt(f),
            Self::Line(error) => error.fmt(f),
            Self::NoLine => f.write_str("the file contains no architecture; import it with --line LINE|PRESET"),
            Self::Foreign(foreign) => foreign.fmt(f),
            Self::Unknown => f.write_str("this is not a model file, checkpoint or safetensors file"),
        }
    }
}

impl std::error::Error for TrainedProblem {}

impl From<ModelError> for TrainedProblem {
    fn from(error: ModelError) -> Self {
        Self::Model(error)
    }
}

impl From<Problem> for TrainedProblem {
    fn from(error: Problem) -> Self {
        Self::Checkpoint(error)
    }
}

impl From<TensorError> for TrainedProblem {
    fn from(error: TensorError) -> Self {
        Self::Tensors(error)
    }
}

impl From<ArchitectureError> for TrainedProblem {
    fn from(error: ArchitectureError) -> Self {
        Self::Line(error)
    }
}
