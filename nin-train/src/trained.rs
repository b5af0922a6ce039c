//! A trained network, from whatever file it comes.

use std::fmt;

use nin_core::model::MAGIC;
use nin_core::{Model, ModelError, Plan, Spec, WeightType};

use crate::architecture::{Architecture, ArchitectureError};
use crate::batch::Preprocessing;
use crate::checkpoint::{self, Checkpoint, Problem};
use crate::export::{ExportError, Lanes, ModelFile, unpacked};
use crate::safetensors::{self, About, TensorError};
use crate::train::deployed;

/// Everything that makes a network work: its architecture, parameters, preprocessing and the names of its classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The architecture.
    pub spec: Spec,
    /// All weights and biases, in the order of [`parameters`](crate::parameters).
    pub parameters: Vec<f32>,
    /// What to do with an image's bytes.
    pub preprocessing: Preprocessing,
    /// The names of the classes by label; none, or one for each.
    pub class_names: Vec<String>,
}

impl Trained {
    /// Reads a model file's bytes.
    ///
    /// # Errors
    ///
    /// [`TrainedProblem`] if it is broken, or its weights are 8-bit integers: those cannot be made floats again.
    pub fn from_model(file: &[u8]) -> Result<Self, TrainedProblem> {
        let model = Model::read(file)?;
        if !matches!(model.weight_type(), WeightType::F32 | WeightType::F16) {
            return Err(TrainedProblem::Rounded(model.weight_type()));
        }
        let spec = *model.plan().spec();
        let channels = 0..usize::from(spec.input().channels);
        let (mean, scale) = channels.map(|c| model.normalization(c)).map(|norm| (norm.mean, norm.scale)).unzip();
        Ok(Self {
            spec,
            parameters: unpacked(&model),
            preprocessing: Preprocessing { mean, scale },
            class_names: model.class_names().map(str::to_owned).collect(),
        })
    }

    /// Reads the bytes of any file that holds a network and says its architecture.
    ///
    /// # Errors
    ///
    /// [`TrainedProblem`] if it is none, or broken.
    pub fn from_file(file: &[u8]) -> Result<Self, TrainedProblem> {
        match FileKind::of(file) {
            FileKind::Model => Self::from_model(file),
            FileKind::Checkpoint => Ok(Self::from_checkpoint(&Checkpoint::from_bytes(file)?)?),
            FileKind::Safetensors => Self::from_safetensors(file, None),
            FileKind::Other => Err(TrainedProblem::Unknown),
        }
    }

    /// Takes a checkpoint's network; in quantisation-aware training the floats behind its integers.
    ///
    /// # Errors
    ///
    /// [`ArchitectureError`] if its line is wrong.
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Result<Self, ArchitectureError> {
        let spec = Architecture::parse_line(&checkpoint.line)?.spec;
        let parameters = deployed(&Plan::new(spec), &checkpoint.parameters, &checkpoint.average);
        let names = &checkpoint.class_names;
        Ok(Self {
            spec,
            parameters,
            preprocessing: checkpoint.preprocessing.clone(),
            // A network may have more outputs than its images had classes: then none has a name.
            class_names: if names.len() == spec.classes() { names.clone() } else { Vec::new() },
        })
    }

    /// Reads a safetensors file's bytes. `architecture` is needed if the file does not say its own; what else the file
    /// does not say gets its usual value: bytes to 0..1, and no names.
    ///
    /// # Errors
    ///
    /// [`TrainedProblem`] if it is broken, says no architecture, or holds another network.
    pub fn from_safetensors(file: &[u8], architecture: Option<&Architecture>) -> Result<Self, TrainedProblem> {
        let About { line, preprocessing, class_names } = safetensors::about(file)?;
        let spec = match (architecture, line) {
            (Some(architecture), _) => architecture.spec,
            (None, Some(line)) => Architecture::parse_line(&line)?.spec,
            (None, None) => return Err(TrainedProblem::NoLine),
        };
        let parameters = safetensors::read(&spec, file)?;
        let channels = usize::from(spec.input().channels);
        let fits = |input: &Preprocessing| input.mean.len() == channels && input.scale.len() == channels;
        Ok(Self {
            spec,
            parameters,
            preprocessing: preprocessing.filter(fits).unwrap_or_else(|| Preprocessing::unit(channels)),
            class_names: if class_names.len() == spec.classes() { class_names } else { Vec::new() },
        })
    }

    /// Shapes and sizes.
    pub fn plan(&self) -> Plan {
        Plan::new(self.spec)
    }

    /// The bytes of a model file.
    ///
    /// # Errors
    ///
    /// [`ExportError`] if a weight cannot be stored so.
    pub fn to_model(&self, weight_type: WeightType, lanes: Lanes) -> Result<Vec<u8>, ExportError> {
        let file = ModelFile {
            plan: &self.plan(),
            parameters: &self.parameters,
            preprocessing: &self.preprocessing,
            class_names: &self.class_names,
            weight_type,
            lanes,
        };
        file.to_bytes()
    }

    /// The bytes of a safetensors file.
    ///
    /// # Errors
    ///
    /// [`TensorError`] if the parameters do not fit the architecture.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, TensorError> {
        safetensors::write(&self.plan(), &self.parameters, &self.preprocessing, &self.class_names)
    }
}

/// What kind of file holds a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// What a device runs.
    Model,
    /// Everything needed to go on training.
    Checkpoint,
    /// What PyTorch exchanges.
    Safetensors,
    /// None of those.
    Other,
}

impl FileKind {
    /// Told from the file's first bytes.
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
    /// A model file whose weights are no floats any more.
    Rounded(WeightType),
    /// A broken checkpoint.
    Checkpoint(Problem),
    /// A broken or unfitting safetensors file.
    Tensors(TensorError),
    /// A file whose own architecture line is wrong.
    Line(ArchitectureError),
    /// A safetensors file without an architecture.
    NoLine,
    /// None of the kinds of files that hold a network.
    Unknown,
}

impl fmt::Display for TrainedProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(error) => error.fmt(f),
            Self::Rounded(weight_type) => write!(
                f,
                "the model's weights are {}, rounded for good; use the checkpoint it was made from",
                weight_type.name()
            ),
            Self::Checkpoint(error) => error.fmt(f),
            Self::Tensors(error) => error.fmt(f),
            Self::Line(error) => error.fmt(f),
            Self::NoLine => f.write_str("the file does not say its architecture; import it with --line LINE|PRESET"),
            Self::Unknown => f.write_str("this is no model, checkpoint or safetensors file"),
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
