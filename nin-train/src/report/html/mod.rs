//! The report page: one self-contained HTML file about one run, a comparison of several, or a page of a model without a
//! run.
//!
//! The same run gives the same bytes: the page contains no times or durations.

mod chart;
mod compare;
mod confidence;
mod curves;
mod findings;
mod maps;
mod memory;
mod model;
mod page;
mod pictures;
mod recipe;
mod tables;
mod write;

use nin_core::{Plan, WeightType};

use crate::data::survey::Shared;
use crate::formats::model_file::Integers;
use crate::quantize::aware;
use crate::training::checkpoint::Checkpoint;
use crate::training::position::EpochReport;
use crate::training::recipe::Recipe;
use nin_core::Lanes;

pub use compare::comparison;
pub use findings::Findings;
pub use model::{ModelPage, ModelResults, StoredModel, model_page};
pub use page::page;

/// The data of a run on a page. The images need not be available.
#[derive(Clone, Debug)]
pub struct Run {
    /// The run's name on the page.
    pub name: String,
    /// The architecture line.
    line: String,
    /// The network's plan.
    plan: Plan,
    recipe: Recipe,
    history: Vec<EpochReport>,
    /// After quantisation-aware training: the weight type of the model file and its size in bytes.
    integers: Option<(WeightType, u64)>,
    /// The fingerprint of the training images, if known.
    fingerprint: Option<String>,
    /// The source and the numbers of the run's images, if known.
    pub images: Option<RunImages>,
}

/// A run's images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunImages {
    /// A sentence that names their source.
    pub source: String,
    /// The number of training images.
    pub training: usize,
    /// The number of test images.
    pub test: usize,
    /// Test images that are also training images.
    pub shared: Shared,
}

impl Run {
    /// Returns the run that a checkpoint contains.
    pub fn new(name: String, checkpoint: &Checkpoint, images: Option<RunImages>) -> Self {
        let integers = aware::quantized(checkpoint).and_then(Result::ok);
        let file = |model: Integers| Some((model.weight_type(), model.to_bytes(Lanes::Two).ok()?.len() as u64));
        Self {
            name,
            integers: integers.and_then(file),
            line: checkpoint.spec.to_string(),
            plan: checkpoint.plan(),
            recipe: checkpoint.recipe.clone(),
            history: checkpoint.history.clone(),
            fingerprint: checkpoint.images.clone(),
            images,
        }
    }
}

/// Returns a share in percent, with a no-break space before the sign.
fn percent(share: f64) -> String {
    format!("{:.2}\u{a0}%", 100.0 * share)
}

/// The page's style sheet.
const STYLE: &str = concat!(include_str!("../palette.css"), include_str!("style.css"));
