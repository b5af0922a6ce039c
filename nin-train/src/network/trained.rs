//! A trained network, independent of any file format.

use nin_core::{Plan, Spec};

use super::preprocessing::Preprocessing;

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
    /// Returns its shapes and sizes.
    pub fn plan(&self) -> Plan {
        Plan::new(self.spec)
    }
}
