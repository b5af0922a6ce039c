//! Batch normalisation (Ioffe and Szegedy 2015), used in training only: the parameters that it adds, and how they are
//! folded into weights and biases before export.
//!
//! Every convolution, and every fully connected layer with a ReLU, is normalised before its activation: over some images
//! and all pixels, each output channel gets mean 0 and variance 1, then a gain and, from the layer's bias, a shift:
//!
//! ```text
//! y = activation(gain · (x·W − mean) / √(variance + ε) + bias)
//! ```
//!
//! The parameters of a normalised network are those of [`parameters`](super::parameters), then the gains of all
//! normalised layers, then their running means, then their running variances. An optimiser changes all but the last
//! two.
//!
//! The images of a batch are normalised in groups ("ghost batches", Hoffer, Hubara, Soudry 2017): as few groups as the
//! largest size allows, of equal size or one image smaller, each computed by one thread. The result does not depend on
//! the number of threads.

use std::ops::Range;

use nin_core::Plan;
use nin_core::plan::{Layer, LayerKind};

use super::parameters::{Tensor, tensors};

/// The constant added to a variance before its square root; PyTorch's default.
pub const EPSILON: f32 = 1e-5;
/// The weight of a step's mean and variance in the running ones; PyTorch's default.
pub const MOMENTUM: f32 = 0.1;

/// The places of one normalised layer's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normalized {
    /// The layer, its weight and bias.
    pub tensor: Tensor,
    /// Its gains.
    pub gain: Range<usize>,
    /// Its running means.
    pub mean: Range<usize>,
    /// Its running variances.
    pub variance: Range<usize>,
}

/// Returns whether a layer is normalised: it is a convolution, or has weights and a ReLU.
pub fn is_normalized(layer: &Layer) -> bool {
    matches!(layer.kind, LayerKind::Convolution(_)) || layer.has_weights() && layer.relu
}

/// Returns the number of output channels of all normalised layers.
fn channels(plan: &Plan) -> usize {
    tensors(plan).iter().filter(|tensor| is_normalized(&tensor.layer)).map(|tensor| tensor.bias.len()).sum()
}

/// Returns the normalised layers, in order.
pub fn normalized(plan: &Plan) -> Vec<Normalized> {
    let (mut start, all) = (plan.parameters(), channels(plan));
    let layers = tensors(plan).into_iter().filter(|tensor| is_normalized(&tensor.layer));
    layers
        .map(|tensor| {
            let gain = start..start + tensor.bias.len();
            start = gain.end;
            let after = |count: usize| gain.start + count * all..gain.end + count * all;
            Normalized { mean: after(1), variance: after(2), gain, tensor }
        })
        .collect()
}

/// Returns the number of values that an optimiser changes in a normalised network: weights, biases and gains.
pub fn trainable(plan: &Plan) -> usize {
    plan.parameters() + channels(plan)
}

/// Returns the number of all values of a normalised network.
pub fn len(plan: &Plan) -> usize {
    plan.parameters() + 3 * channels(plan)
}

/// Appends the initial values of normalisation to initial weights and biases: gains 1, means 0, variances 1.
pub fn extend(plan: &Plan, mut parameters: Vec<f32>) -> Vec<f32> {
    let channels = channels(plan);
    for value in [1.0, 0.0, 1.0] {
        parameters.resize(parameters.len() + channels, value);
    }
    parameters
}

/// Returns weights and biases of the equivalent network without normalisation, computed from the running means and
/// variances.
///
/// # Panics
///
/// If there are fewer parameters than a normalised network has.
pub fn fold(plan: &Plan, parameters: &[f32]) -> Vec<f32> {
    let mut folded = parameters[..plan.parameters()].to_vec();
    for Normalized { tensor, gain, mean, variance } in normalized(plan) {
        let weights = folded[tensor.weight.clone()].chunks_exact_mut(tensor.layer.fan_in());
        let moments = parameters[mean.clone()].iter().zip(&parameters[variance]);
        for ((weights, gain), (_, variance)) in weights.zip(&parameters[gain.clone()]).zip(moments.clone()) {
            let scale = f64::from(*gain) * inverse(f64::from(*variance));
            weights.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * scale) as f32);
        }
        for ((bias, gain), (mean, variance)) in folded[tensor.bias].iter_mut().zip(&parameters[gain]).zip(moments) {
            let scale = f64::from(*gain) * inverse(f64::from(*variance));
            *bias = (f64::from(*bias) - scale * f64::from(*mean)) as f32;
        }
    }
    folded
}

/// Returns 1 / √(variance + ε).
pub(crate) fn inverse(variance: f64) -> f64 {
    1.0 / (variance + f64::from(EPSILON)).sqrt()
}

/// Updates the running means and variances with a step's, given in the same order; a network without normalisation has
/// none.
pub fn follow(parameters: &mut [f32], moments: &[f32]) {
    let start = parameters.len() - moments.len();
    let running = parameters[start..].iter_mut();
    running.zip(moments).for_each(|(running, step)| *running += MOMENTUM * (step - *running));
}
