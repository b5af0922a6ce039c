//! A trained network, apart from any file.

use nin_core::{Plan, Spec};

use super::preprocessing::Preprocessing;

/// Everything that makes a network work: its architecture, parameters, preprocessing and the names of its classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The architecture.
    pub spec: Spec,
    /// All weights and biases, in the order of [`parameters`](super::parameters).
    pub parameters: Vec<f32>,
    /// What to do with an image's bytes.
    pub preprocessing: Preprocessing,
    /// The names of the classes by label; none, or one for each.
    pub class_names: Vec<String>,
}

impl Trained {
    /// Shapes and sizes.
    pub fn plan(&self) -> Plan {
        Plan::new(self.spec)
    }
}
