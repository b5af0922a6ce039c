//! The file format of checkpoints.
//!
//! All numbers are little-endian.
//!
//! | bytes | content |
//! | --- | --- |
//! | 8 | `NINTRAIN` |
//! | 4 | version, 2 |
//! | 4 | length of the header, n |
//! | n | the header: JSON, see below |
//! | 4 each | f32: parameters, their moving average, the optimiser's first and second memory, teachers' parameters |
//! | 32 | SHA-256 of all preceding bytes |
//!
//! The header is an object with `line` (the architecture), `recipe`, `preprocessing`, `class_names`, `images` (the
//! training images' fingerprint, or null), perhaps `dataset` (which data set those are from: its kind, path, split,
//! counts and fingerprint), `position`, `history`, `teachers` (their lines) and `sizes` (parameters,
//! average, first, second, all teachers, and the optimiser's `steps`); a calibrated network also has `decision` (its
//! temperature, threshold and unknown class). The recipe determines the
//! [`Layout`](crate::network::layout::Layout) of the parameters. There is no generator state: all random numbers depend
//! on the recipe's seed and the position (see [`crate::support::random`]).

use std::path::Path;
use std::{fs, io};

use nin_core::{Decision, Plan, Score, Spec, Threshold};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::{CheckpointError, Problem};
use super::record::Checkpoint;
use crate::data::DatasetRecord;
use crate::engine::distill::{self, Teacher};
use crate::network::preprocessing::Preprocessing;
use crate::support::files;
use crate::training::optim::State;
use crate::training::position::{EpochReport, Position};
use crate::training::recipe::Recipe;

/// The first bytes of every checkpoint.
pub const MAGIC: [u8; 8] = *b"NINTRAIN";
/// The version that this code writes and reads.
pub const VERSION: u32 = 2;
const HASH: usize = 32;

#[derive(Serialize, Deserialize)]
struct Header {
    line: String,
    recipe: Recipe,
    preprocessing: Preprocessing,
    class_names: Vec<String>,
    images: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dataset: Option<DatasetRecord>,
    position: Position,
    history: Vec<EpochReport>,
    teachers: Vec<String>,
    sizes: Sizes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<StoredDecision>,
}

/// A [`Decision`] in the header.
#[derive(Serialize, Deserialize)]
struct StoredDecision {
    temperature: f32,
    /// The name of the score and the smallest value that is accepted.
    threshold: Option<(String, f32)>,
    unknown: Option<u16>,
}

const SCORES: [(&str, Score); 2] = [("logit", Score::Logit), ("energy", Score::Energy)];

impl StoredDecision {
    fn of(decision: &Decision) -> Option<StoredDecision> {
        let Decision { temperature, threshold, unknown } = *decision;
        let name = |threshold: Threshold| {
            let (name, _) = SCORES.iter().find(|(_, score)| *score == threshold.score)?;
            Some(((*name).to_owned(), threshold.value))
        };
        let threshold = threshold.and_then(name);
        (*decision != Decision::PLAIN).then_some(StoredDecision { temperature, threshold, unknown })
    }

    /// Returns the decision of a network with this number of classes, if it is in range.
    fn decision(&self, classes: usize) -> Result<Decision, String> {
        let score = |name: &str| SCORES.iter().find(|(known, _)| *known == name).map(|(_, score)| *score);
        let threshold = match &self.threshold {
            None => None,
            Some((name, value)) => match score(name) {
                Some(score) if value.is_finite() => Some(Threshold { score, value: *value }),
                _ => return Err("its threshold is of an unknown kind, or not a finite number".into()),
            },
        };
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return Err("its temperature is not above 0 and finite".into());
        }
        if self.unknown.is_some_and(|class| usize::from(class) >= classes) {
            return Err("its unknown class is not one of its classes".into());
        }
        Ok(Decision { temperature: self.temperature, threshold, unknown: self.unknown })
    }
}

#[derive(Serialize, Deserialize)]
struct Sizes {
    parameters: usize,
    average: usize,
    first: usize,
    second: usize,
    teachers: usize,
    steps: u64,
}

impl Checkpoint {
    /// Returns the file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let sizes = Sizes {
            parameters: self.parameters.len(),
            average: self.average.len(),
            first: self.state.first.len(),
            second: self.state.second.len(),
            teachers: self.teachers.iter().map(|teacher| teacher.parameters.len()).sum(),
            steps: self.state.steps,
        };
        let header = Header {
            line: self.spec.to_string(),
            recipe: self.recipe.clone(),
            preprocessing: self.preprocessing.clone(),
            class_names: self.class_names.clone(),
            images: self.images.clone(),
            dataset: self.dataset.clone(),
            position: self.position.clone(),
            history: self.history.clone(),
            teachers: self.teachers.iter().map(|teacher| teacher.spec.to_string()).collect(),
            sizes,
            decision: StoredDecision::of(&self.decision),
        };
        // Plain structs with string keys can always be written as JSON.
        let header = serde_json::to_vec(&header).unwrap_or_default();
        let own = [&self.parameters, &self.average, &self.state.first, &self.state.second];
        let values = || own.into_iter().chain(self.teachers.iter().map(|teacher| &teacher.parameters));
        let count: usize = values().map(Vec::len).sum();
        let mut bytes = Vec::with_capacity(16 + header.len() + 4 * count + HASH);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((header.len() as u32).to_le_bytes());
        bytes.extend(header);
        bytes.extend(values().flatten().flat_map(|value| value.to_le_bytes()));
        let hash = Sha256::digest(&bytes);
        bytes.extend(hash);
        bytes
    }

    /// Parses a file's bytes.
    ///
    /// # Errors
    ///
    /// [`Problem`] if they are not a valid checkpoint.
    pub fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, Problem> {
        let known = bytes.len().min(MAGIC.len());
        if bytes[..known] != MAGIC[..known] || known == 0 {
            return Err(Problem::NotACheckpoint);
        }
        let mut rest = bytes.get(MAGIC.len()..).ok_or(Problem::Truncated)?;
        let version = number(&mut rest)?;
        if version != VERSION {
            return Err(Problem::Version { found: version, read: VERSION });
        }
        let length = number(&mut rest)? as usize;
        let header = take(&mut rest, length)?;
        // The header is read before the checksum is verified, because it contains the file's length.
        let header: Result<Header, _> = serde_json::from_slice(header);
        let wanted = header.as_ref().ok().and_then(|header| header.sizes.bytes());
        if wanted.is_some_and(|wanted| rest.len() < wanted) {
            return Err(Problem::Truncated);
        }
        let (content, hash) = bytes.split_last_chunk::<HASH>().ok_or(Problem::Truncated)?;
        if *Sha256::digest(content) != *hash || wanted.is_some_and(|wanted| rest.len() != wanted) {
            return Err(Problem::Damaged);
        }
        let header = header.map_err(|error| Problem::Header(error.to_string()))?;
        let (spec, teachers) = header.check().map_err(Problem::Header)?;
        let decision = header.decision.as_ref().map(|stored| stored.decision(spec.classes())).transpose();
        let decision = decision.map_err(Problem::Header)?.unwrap_or_default();
        let parameters = floats(&mut rest, header.sizes.parameters)?;
        let average = floats(&mut rest, header.sizes.average)?;
        let first = floats(&mut rest, header.sizes.first)?;
        let second = floats(&mut rest, header.sizes.second)?;
        let teacher = |spec| Ok(Teacher { spec, parameters: floats(&mut rest, Plan::new(spec).parameters())? });
        let teachers = teachers.into_iter().map(teacher).collect::<Result<_, _>>()?;
        Ok(Checkpoint {
            spec,
            recipe: header.recipe,
            preprocessing: header.preprocessing,
            class_names: header.class_names,
            images: header.images,
            dataset: header.dataset,
            position: header.position,
            history: header.history,
            parameters,
            average,
            state: State { steps: header.sizes.steps, first, second },
            teachers,
            decision,
        })
    }

    /// Writes the file atomically: at any moment either the old or the new file is complete.
    ///
    /// # Errors
    ///
    /// If the system cannot write; an older file then remains unchanged.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let fail = |error| CheckpointError { path: path.to_owned(), problem: Problem::Io(error) };
        files::whole(path, &self.to_bytes()).map_err(fail)
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is not a checkpoint.
    pub fn load(path: &Path) -> Result<Checkpoint, CheckpointError> {
        let fail = |problem| CheckpointError { path: path.to_owned(), problem };
        let bytes = fs::read(path).map_err(|error| fail(Problem::Io(error)))?;
        Checkpoint::from_bytes(&bytes).map_err(fail)
    }
}

impl Sizes {
    /// Returns the number of bytes of the values and the checksum.
    fn bytes(&self) -> Option<usize> {
        let values = [self.average, self.first, self.second, self.teachers];
        let values = values.into_iter().try_fold(self.parameters, usize::checked_add)?;
        values.checked_mul(4)?.checked_add(HASH)
    }
}

impl Header {
    /// Returns the architectures of the network and of its teachers, if all sizes are consistent.
    fn check(&self) -> Result<(Spec, Vec<Spec>), String> {
        let spec = Spec::parse(&self.line).map_err(|error| format!("its line is wrong, {error}"))?;
        let plan = Plan::new(spec);
        self.recipe.check()?;
        if let Some(fault) = self.position.fault(self.recipe.epochs, self.recipe.batch) {
            return Err(fault.into());
        }
        if self.history.len() != self.position.epoch as usize || !self.history.iter().all(EpochReport::is_sound) {
            return Err("its epochs' results are not those of the epochs done, or are no finite numbers".into());
        }
        // Room for all steps that follow.
        if self.sizes.steps > u64::MAX / 2 {
            return Err("its optimiser has taken more steps than is possible".into());
        }
        let (found, wanted) = (self.sizes.parameters, self.recipe.layout().len(&plan));
        if found != wanted {
            return Err(format!("it holds {found} parameters, but its line and recipe have {wanted}"));
        }
        if self.sizes.average != if self.recipe.ema > 0.0 { wanted } else { 0 } {
            return Err("its moving average is not of the right size".into());
        }
        let (memory, trained) = (self.recipe.optimizer.memories(), self.recipe.layout().trainable(&plan));
        if [self.sizes.first, self.sizes.second] != memory.map(|needed| if needed { trained } else { 0 }) {
            return Err("its optimiser's memory is not of the right size".into());
        }
        if self.recipe.distill.is_none() != self.teachers.is_empty() {
            return Err("its recipe and its teachers are inconsistent".into());
        }
        let (mut teachers, mut taught) = (Vec::new(), 0);
        for line in &self.teachers {
            let taught_by = Spec::parse(line).map_err(|error| format!("a teacher's line is wrong, {error}"))?;
            let teacher = Plan::new(taught_by);
            distill::check(&teacher, &plan).map_err(|problem| problem.to_string())?;
            taught += teacher.parameters();
            teachers.push(taught_by);
        }
        if self.sizes.teachers != taught {
            return Err("its number of teachers' parameters does not match their lines".into());
        }
        if let Some(weights) = &self.recipe.quantize {
            weights.check(&plan).map_err(|error| error.to_string())?;
        }
        if !self.preprocessing.fits(plan.shape(0).channels.into()) {
            return Err("its preprocessing is for another number of channels".into());
        }
        if self.class_names.len() > plan.classes() {
            return Err("it names more classes than its network has".into());
        }
        Ok((spec, teachers))
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Problem> {
    let (taken, after) = rest.split_at_checked(count).ok_or(Problem::Truncated)?;
    *rest = after;
    Ok(taken)
}

fn number(rest: &mut &[u8]) -> Result<u32, Problem> {
    let (number, after) = rest.split_first_chunk::<4>().ok_or(Problem::Truncated)?;
    *rest = after;
    Ok(u32::from_le_bytes(*number))
}

fn floats(rest: &mut &[u8], count: usize) -> Result<Vec<f32>, Problem> {
    let bytes = take(rest, count.checked_mul(4).ok_or(Problem::Truncated)?)?;
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| Problem::Io(io::ErrorKind::OutOfMemory.into()))?;
    values.extend(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
    Ok(values)
}
