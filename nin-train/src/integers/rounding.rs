//! The rounded parameters of a step of quantisation-aware training.
//!
//! Each step quantises the parameters as for a model file. The network then computes with the values of those integers,
//! and rounds the image and each layer's activations to 256 levels.
//!
//! ```text
//! forward   ŷ = step · clamp(round(y / step), 0, 255)      step: range / 255
//! backward  dy = dŷ                                         0 where y is above the range or not above 0
//!                                                           (straight through, Bengio 2013)
//!           dstep += dŷ · (round(y / step) − y / step)      255 · dŷ where it is above (Esser et al. 2020)
//!           dw = dŵ                                         0 where the weight is beyond its outermost step
//! ```
//!
//! The parameters are those of [`Layout::Ranged`](crate::network::layout::Layout::Ranged).

use nin_core::Plan;

use super::model::layers;
use super::{Output, STEPS, WeightBits};
use crate::network::parameters::{Tensor, tensors};

/// The smallest range: an optimiser's step must not make one negative.
const LEAST: f32 = 1e-6;

/// Returns a range for each layer with weights, from those of the layers that make activations; a last layer that makes
/// logits has none.
pub(crate) fn clips(ranges: &[f32]) -> Vec<f32> {
    ranges.iter().copied().chain([0.0]).collect()
}

/// Keeps ranges above 0 after an optimiser's step.
pub(crate) fn bound(ranges: &mut [f32]) {
    ranges.iter_mut().for_each(|range| *range = range.max(LEAST));
}

/// The rounding of a layer's activations.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActivationGrid {
    /// The size of a step.
    pub(crate) step: f32,
    /// For each channel the value added, in steps, before rounding down: a half, and half a unit of the accumulator's
    /// first rounding, which comes before the last one (steps 2 and 3 of a convolution in `docs/int8.md`).
    pub(crate) halves: Vec<f32>,
}

/// Rounds parameters for a training step.
pub(crate) struct Rounding {
    plan: Plan,
    tensors: Vec<Tensor>,
    weights: WeightBits,
    /// The scale of an image's bytes.
    input: f32,
    /// The rounded values, in the order of the parameters.
    values: Vec<f32>,
    /// The rounding of each layer's activations; `None` for logits.
    grids: Vec<Option<ActivationGrid>>,
    /// The derivative of each layer's step by its range.
    slopes: Vec<f32>,
    /// The positions of weights beyond their outermost step.
    beyond: Vec<usize>,
}

impl Rounding {
    /// Makes the rounding for a network whose input is an image's bytes times `input`.
    pub(crate) fn new(plan: Plan, input: f32, weights: WeightBits) -> Rounding {
        let tensors = tensors(&plan);
        let values = Vec::with_capacity(plan.parameters());
        Rounding { plan, tensors, weights, input, values, grids: Vec::new(), slopes: Vec::new(), beyond: Vec::new() }
    }

    /// Rounds parameters, which include their ranges.
    pub(crate) fn load(&mut self, parameters: &[f32]) {
        let (parameters, ranges) = parameters.split_at(self.plan.parameters());
        self.values.clear();
        self.values.extend_from_slice(parameters);
        self.grids.clear();
        self.slopes.clear();
        self.beyond.clear();
        // Parameters that are not numbers stay as they are: the loss will not be a number either.
        let Ok(layers) = layers(&self.plan, parameters, self.input, &clips(ranges), &self.weights) else {
            let grid = |tensor: &Tensor| ActivationGrid { step: 1.0, halves: vec![0.5; tensor.bias.len()] };
            self.grids.extend(self.tensors.iter().map(|tensor| tensor.layer.relu.then(|| grid(tensor))));
            self.slopes.resize(ranges.len(), 0.0);
            return;
        };
        for (tensor, layer) in self.tensors.iter().zip(&layers) {
            let fan_in = tensor.layer.fan_in();
            let start = tensor.weight.start;
            let weights = &mut self.values[tensor.weight.clone()];
            for (i, (value, &integer)) in weights.iter_mut().zip(&layer.weights).enumerate() {
                let step = layer.weight_scales[i / fan_in];
                let rounded = f32::from(integer) * step;
                // A weight that rounding moves by more than half a step is beyond the outermost step.
                if (*value - rounded).abs() > 0.501 * step * layer.grain() {
                    self.beyond.push(start + i);
                }
                *value = rounded;
            }
            let biases = self.values[tensor.bias.clone()].iter_mut().zip(&layer.bias);
            biases.zip(layer.units()).for_each(|((value, &bias), unit)| *value = (f64::from(bias) * unit) as f32);
            match &layer.output {
                Output::Activations { scale, shifts, .. } => {
                    // If a range is too narrow for its layer's factors, the step does not depend on it.
                    let follows = *scale == ranges[self.slopes.len()] / STEPS as f32;
                    self.slopes.push(if follows { 1.0 / STEPS as f32 } else { 0.0 });
                    let halves = shifts.iter().map(|&shift| 0.5 + 0.5 * f32::powi(2.0, -(shift as i32))).collect();
                    self.grids.push(Some(ActivationGrid { step: *scale, halves }));
                }
                Output::Logits { .. } => self.grids.push(None),
            }
        }
    }

    /// Returns the rounded values, in the order of the parameters.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Returns the rounding of each layer's activations; `None` for logits.
    pub(crate) fn grids(&self) -> &[Option<ActivationGrid>] {
        &self.grids
    }

    /// Converts the gradient of the values and steps to that of parameters and ranges.
    pub(crate) fn finish(&self, gradient: &mut [f32]) {
        self.beyond.iter().for_each(|&weight| gradient[weight] = 0.0);
        let ranges = &mut gradient[self.plan.parameters()..];
        ranges.iter_mut().zip(&self.slopes).for_each(|(gradient, slope)| *gradient *= slope);
    }
}
