//! A trained network, independent of any file format.

use nin_core::{Plan, Spec};

use super::preprocessing::Preprocessing;

use super::parameters::tensors;

/// A complete network: architecture, parameters, preprocessing and class names.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The architecture.
    pub spec: Spec,
    /// All weights and biases, in the order of [`parameters`](super::parameters).
    pub parameters: Vec<f32>,
    /// The preprocessing of an image's bytes.
    pub preprocessing: Preprocessing,
    /// The names of the classes by label; none, or one for each.
    pub class_names: Vec<String>,
}

impl Trained {
    /// Returns the first part of the network with a number that is infinite or NaN, such as `stage 1 (nin3:4),
    /// layer 1` or `the mean of the input`; `None` if all are finite.
    pub fn not_finite(&self) -> Option<String> {
        let bad = |values: &[f32]| !values.iter().all(|value| value.is_finite());
        let plan = self.plan();
        let layers = tensors(&plan);
        let layer = layers.iter().find(|tensor| {
            [&tensor.weight, &tensor.bias].into_iter().any(|place| self.parameters.get(place.clone()).is_some_and(bad))
        });
        layer
            .map(|tensor| tensor.name(&plan))
            .or_else(|| bad(&self.preprocessing.mean).then(|| "the mean of the input".to_owned()))
            .or_else(|| bad(&self.preprocessing.scale).then(|| "the scale of the input".to_owned()))
    }

    /// Returns its shapes and sizes.
    pub fn plan(&self) -> Plan {
        Plan::new(self.spec)
    }
}
