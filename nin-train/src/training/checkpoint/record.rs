//! A run as a value: everything needed to go on as if it had never stopped.

use nin_core::{Plan, Spec};

use crate::engine::distill::Teacher;
use crate::network::preprocessing::Preprocessing;
use crate::network::trained::Trained;
use crate::training::optim::State;
use crate::training::position::{EpochReport, Position};
use crate::training::recipe::Recipe;

/// A run, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The architecture.
    pub spec: Spec,
    /// The recipe.
    pub recipe: Recipe,
    /// How bytes become the network's input.
    pub preprocessing: Preprocessing,
    /// The names of the classes.
    pub class_names: Vec<String>,
    /// The [fingerprint](crate::data::Dataset::fingerprint) of the images that the run was given for training, if it
    /// is known. With others it would not be the same run; whoever resumes it has to compare them.
    pub images: Option<String>,
    /// Where the run stands.
    pub position: Position,
    /// The epochs done.
    pub history: Vec<EpochReport>,
    /// The parameters, in the [`Layout`](crate::network::layout::Layout) of the recipe.
    pub parameters: Vec<f32>,
    /// Their moving average; empty without.
    pub average: Vec<f32>,
    /// What the optimiser remembers.
    pub state: State,
    /// Whom the network learns from, if the recipe has it learn from others.
    pub teachers: Vec<Teacher>,
}

impl Checkpoint {
    /// Returns a run that has not begun, from weights and biases in the order of
    /// [`parameters`](crate::network::parameters); for quantisation-aware training in
    /// [`Layout::Ranged`](crate::network::layout::Layout::Ranged), as [`Begun`](crate::quantize::aware::Begun) has
    /// them.
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
            position: Position::default(),
            history: Vec::new(),
            average: if recipe.ema > 0.0 { parameters.clone() } else { Vec::new() },
            state: recipe.optimizer.start(layout.trainable(&plan)),
            parameters,
            recipe,
            teachers: Vec::new(),
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

    /// Those as weights and biases alone, with normalisation folded in.
    pub fn folded(&self) -> Vec<f32> {
        self.recipe.layout().fold(&self.plan(), self.evaluated())
    }

    /// Returns the network of the run; in quantisation-aware training the floats behind its integers.
    pub fn trained(&self) -> Trained {
        let names = &self.class_names;
        Trained {
            spec: self.spec,
            parameters: self.folded(),
            preprocessing: self.preprocessing.clone(),
            // A network may have more outputs than its images had classes: then none has a name.
            class_names: if names.len() == self.spec.classes() { names.clone() } else { Vec::new() },
        }
    }
}
