//! The page of a run: one HTML file that needs nothing else, for a run or several side by side.
//!
//! The same run gives the same bytes: nothing of the clock is on it.

mod chart;
mod compare;
mod curves;
mod findings;
mod maps;
mod memory;
mod page;
mod pictures;
mod recipe;
mod tables;
mod write;

use nin_core::{Plan, WeightType};

use crate::integers::QuantizedModel;
use crate::quantize::aware;
use crate::training::checkpoint::Checkpoint;
use crate::training::position::EpochReport;
use crate::training::recipe::Recipe;
use nin_core::Lanes;

pub use compare::comparison;
pub use findings::Findings;
pub use page::page;

/// What a page says of a run, whatever became of its images.
#[derive(Clone, Debug)]
pub struct Run {
    /// How the page calls it.
    pub name: String,
    /// The architecture line.
    line: String,
    /// What the device runs.
    plan: Plan,
    recipe: Recipe,
    history: Vec<EpochReport>,
    /// Of quantisation-aware training: how the weights of its model file are stored, and the bytes of that.
    integers: Option<(WeightType, u64)>,
    /// Where its images came from, and how many there are to train and to test with; if that is known.
    pub images: Option<RunImages>,
}

/// A run's images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunImages {
    /// A sentence that says where they came from.
    pub source: String,
    /// How many to train with.
    pub training: usize,
    /// How many to test with.
    pub test: usize,
}

impl Run {
    /// The run that a checkpoint keeps.
    pub fn new(name: String, checkpoint: &Checkpoint, images: Option<RunImages>) -> Self {
        let integers = aware::quantized(checkpoint).and_then(Result::ok);
        let file = |model: QuantizedModel| Some((model.weight_type(), model.to_bytes(Lanes::Two).ok()?.len() as u64));
        Self {
            name,
            integers: integers.and_then(file),
            line: checkpoint.spec.to_string(),
            plan: checkpoint.plan(),
            recipe: checkpoint.recipe.clone(),
            history: checkpoint.history.clone(),
            images,
        }
    }
}

/// A share in percent, which no line break parts from its sign.
fn percent(share: f64) -> String {
    format!("{:.2}\u{a0}%", 100.0 * share)
}

/// The page's style.
const STYLE: &str = include_str!("style.css");
