//! A run as a value: everything needed to resume it as if it had never stopped.

use nin_core::{Decision, Plan, Spec};

use crate::data::DatasetRecord;
use crate::engine::distill::Teacher;
use crate::network::preprocessing::Preprocessing;
use crate::network::trained::Trained;
use crate::training::optim::State;
use crate::training::position::{EpochReport, Position};
use crate::training::recipe::Recipe;

/// A saved run.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The architecture.
    pub spec: Spec,
    /// The recipe.
    pub recipe: Recipe,
    /// The preprocessing of an image's bytes.
    pub preprocessing: Preprocessing,
    /// The names of the classes.
    pub class_names: Vec<String>,
    /// The [fingerprint](crate::data::Dataset::fingerprint) of the training images, if it is known. The caller who
    /// resumes the run must compare it: other images would make another run.
    pub images: Option<String>,
    /// The data set of these images, if it is known.
    pub dataset: Option<DatasetRecord>,
    /// The run's position.
    pub position: Position,
    /// The reports of completed epochs.
    pub history: Vec<EpochReport>,
    /// The parameters, in the [`Layout`](crate::network::layout::Layout) of the recipe.
    pub parameters: Vec<f32>,
    /// Their moving average; empty if there is none.
    pub average: Vec<f32>,
    /// The optimiser's state.
    pub state: State,
    /// The teachers, if the recipe uses distillation.
    pub teachers: Vec<Teacher>,
    /// How the network's logits become an answer and probabilities; [`Decision::PLAIN`] before the end of the training.
    pub decision: Decision,
}

impl Checkpoint {
    /// Returns a run that has not begun, from weights and biases in the order of
    /// [`parameters`](crate::network::parameters); for quantisation-aware training in
    /// [`Layout::Ranged`](crate::network::layout::Layout::Ranged), as in [`Begun`](crate::quantize::aware::Begun).
    pub fn begin(
        spec: &Spec,
        recipe: Recipe,
        preprocessing: Preprocessing,
        class_names: Vec<String>,
        parameters: Vec<f32>,
    ) -> Checkpoint {
        let plan = Plan::new(*spec);
        let layout = recipe.layout();
        let parameters = layout.begin(&plan, parameters);
        Checkpoint {
            spec: *spec,
            preprocessing,
            class_names,
            images: None,
            dataset: None,
            position: Position::default(),
            history: Vec::new(),
            average: if recipe.ema > 0.0 { parameters.clone() } else { Vec::new() },
            state: recipe.optimizer.start(layout.trainable(&plan)),
            parameters,
            recipe,
            teachers: Vec::new(),
            decision: Decision::PLAIN,
        }
    }

    /// Returns the network's shapes and sizes.
    pub fn plan(&self) -> Plan {
        Plan::new(self.spec)
    }

    /// Returns the parameters that are evaluated and exported, in the [`Layout`](crate::network::layout::Layout) of the
    /// recipe: the average, if there is one.
    pub fn evaluated(&self) -> &[f32] {
        if self.average.is_empty() { &self.parameters } else { &self.average }
    }

    /// Returns the evaluated parameters as weights and biases alone, with normalisation folded in.
    pub fn folded(&self) -> Vec<f32> {
        self.recipe.layout().fold(&self.plan(), self.evaluated())
    }

    /// Returns the network of the run; in quantisation-aware training the floats before rounding.
    pub fn trained(&self) -> Trained {
        let names = &self.class_names;
        Trained {
            spec: self.spec,
            parameters: self.folded(),
            preprocessing: self.preprocessing.clone(),
            // If a network has more outputs than its images had classes, no class gets a name.
            class_names: if names.len() == self.spec.classes() { names.clone() } else { Vec::new() },
        }
    }
}
