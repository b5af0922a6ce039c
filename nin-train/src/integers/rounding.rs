//! The rounded parameters of a step of quantisation-aware training.
//!
//! Each step quantises the parameters as for a model file. The network then computes with the values of those integers,
//! and rounds the image and each layer's activations to 256 levels.
//!
//! ```text
//! forward   ŷ = step · clamp(round(y / step), least, most)     step: width of the range / 255
//! backward  dy = dŷ                                            0 where y is beyond the range or cut off by a ReLU
//!                                                              (straight through, Bengio 2013)
//!           dstep += dŷ · (round(y / step) − y / step)         dmost += dŷ above the range, dleast += dŷ below it
//!                                                              (Esser et al. 2020)
//!           dw = dŵ                                            0 where the weight is beyond its outermost step
//! ```
//!
//! Without zero points `least` is 0 and `most` is 255. With zero points they are the distances of the bytes 0 and 255 from
//! the zero point, which is a byte: the range moves by whole steps, and gradients pass through that rounding, too.
//!
//! The parameters are those of [`Layout::Ranged`](crate::network::layout::Layout::Ranged).

use nin_core::Plan;

use super::affine::{self, AffineLayers, Ends, LayerIntegers};
use super::model::layers;
use super::{Output, QuantizeError, QuantizedLayer, STEPS, WeightBits, check_unsigned};
use crate::network::chain::Chain;
use crate::network::parameters::{Tensor, tensors};
use crate::network::ranges::{Ranged, ranged};

/// The smallest range: an optimiser's step must not make one negative.
const LEAST: f32 = 1e-6;
/// The largest value after a ReLU6.
const SIX: f32 = 6.0;

/// Returns a range for each layer with weights, from those of the layers that make activations; a last layer that makes
/// logits has none.
pub(crate) fn clips(ranges: &[f32]) -> Vec<f32> {
    ranges.iter().copied().chain([0.0]).collect()
}

/// Returns the range of each layer of a network with zero points; layers without one have an empty range.
pub(crate) fn ends(plan: &Plan, ranges: &[f32]) -> Vec<Ends> {
    let mut ends = vec![Ends::default(); plan.layers().count()];
    let mut rest = ranges.iter().copied();
    for range in ranged(plan) {
        let most = rest.next().unwrap_or(0.0);
        let least = if range.signed { rest.next().unwrap_or(0.0) } else { 0.0 };
        ends[range.layer] = Ends { least, most };
    }
    ends
}

/// Keeps 0 within the ranges, and those of a ReLU6 below its bound, after an optimiser's step.
pub(crate) fn bound(plan: &Plan, ranges: &mut [f32]) {
    let mut rest = ranges;
    for range in ranged(plan) {
        let Some((ends, after)) = std::mem::take(&mut rest).split_at_mut_checked(range.ends()) else { return };
        rest = after;
        if let [most, least @ ..] = ends {
            *most = most.max(LEAST).min(if range.relu6 { SIX } else { f32::INFINITY });
            least.iter_mut().for_each(|least| *least = least.min(0.0));
        }
    }
}

/// The rounding of a layer's activations. Values are in steps from 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActivationGrid {
    /// The size of a step.
    pub(crate) step: f32,
    /// The byte that stands for 0.
    pub(crate) zero: f32,
    /// The smallest output.
    pub(crate) least: f32,
    /// The largest output.
    pub(crate) most: f32,
    /// The gradient of values of `cut` steps or fewer is 0: those that a ReLU sets to 0, otherwise those below `least`.
    pub(crate) cut: f32,
    /// For each channel the value added, in steps, before rounding down: a half, and half a unit of the accumulator's
    /// first rounding, which comes before the last one (steps 2 and 3 of a convolution in `docs/int8.md`). To a negative
    /// value its complement to 1 is added: the second rounding moves halves away from 0.
    pub(crate) halves: Vec<f32>,
}

impl ActivationGrid {
    /// Returns the rounding without a zero point, after a ReLU.
    fn unsigned(step: f32, halves: Vec<f32>) -> ActivationGrid {
        ActivationGrid { step, zero: 0.0, least: 0.0, most: STEPS as f32, cut: 0.0, halves }
    }
}

/// Returns the values that are added before rounding down, from the shift of each channel.
fn halves(shifts: impl Iterator<Item = i32>) -> Vec<f32> {
    // Without a shift, the first rounding is the only one.
    let rest = |shift: i32| if shift > 0 { 0.5 * f32::powi(2.0, -shift) } else { 0.0 };
    shifts.map(|shift| 0.5 + rest(shift)).collect()
}

/// Rounds parameters for a training step.
pub(crate) struct Rounding {
    plan: Plan,
    tensors: Vec<Tensor>,
    ranged: Vec<Ranged>,
    weights: WeightBits,
    /// The scale of an image's bytes.
    input: f32,
    /// The rounded values, in the order of the parameters.
    values: Vec<f32>,
    /// The rounding of each layer of the plan; `None` for layers without a range.
    grids: Vec<Option<ActivationGrid>>,
    /// The derivative of the step by the largest value of each range.
    slopes: Vec<f32>,
    /// The positions of weights beyond their outermost step.
    beyond: Vec<usize>,
}

/// The integers of a step.
struct Integers {
    /// The layers with weights.
    layers: Vec<QuantizedLayer>,
    /// The rounding of each layer with a range, and whether its step follows the range.
    grids: Vec<(ActivationGrid, bool)>,
}

impl Rounding {
    /// Makes the rounding for a network whose input is an image's bytes times `input`.
    pub(crate) fn new(plan: Plan, input: f32, weights: WeightBits) -> Rounding {
        let (tensors, ranged) = (tensors(&plan), ranged(&plan));
        let values = Vec::with_capacity(plan.parameters());
        let (grids, slopes, beyond) = (Vec::new(), Vec::new(), Vec::new());
        Rounding { plan, tensors, ranged, weights, input, values, grids, slopes, beyond }
    }

    /// Rounds parameters, which include their ranges.
    pub(crate) fn load(&mut self, parameters: &[f32]) {
        let (parameters, ranges) = parameters.split_at(self.plan.parameters());
        self.values.clear();
        self.values.extend_from_slice(parameters);
        self.grids.clear();
        self.grids.resize_with(self.plan.layers().count(), || None);
        self.slopes.clear();
        self.beyond.clear();
        let integers = match check_unsigned(self.plan.spec()) {
            Ok(()) => self.unsigned(parameters, ranges),
            Err(_) => self.with_zero_points(parameters, ranges),
        };
        // Parameters that are not numbers stay as they are: the loss will not be a number either.
        let Ok(Integers { layers, grids }) = integers else {
            for range in &self.ranged {
                let channels = self.plan.layers().nth(range.layer).map_or(0, |layer| layer.output.channels.into());
                self.grids[range.layer] = Some(ActivationGrid::unsigned(1.0, vec![0.5; channels]));
            }
            self.slopes.resize(self.ranged.len(), 0.0);
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
        }
        for (range, (grid, follows)) in self.ranged.iter().zip(grids) {
            // If a range is too narrow for its layer's factors, the step does not depend on it.
            self.slopes.push(if follows { 1.0 / STEPS as f32 } else { 0.0 });
            self.grids[range.layer] = Some(grid);
        }
    }

    /// Returns the integers of a step without zero points.
    fn unsigned(&self, parameters: &[f32], ranges: &[f32]) -> Result<Integers, QuantizeError> {
        let layers = layers(&self.plan, parameters, self.input, &clips(ranges), &self.weights)?;
        let activations = layers.iter().filter_map(|layer| match &layer.output {
            Output::Activations { scale, shifts, .. } => {
                Some((*scale, halves(shifts.iter().map(|&shift| shift as i32))))
            }
            Output::Logits { .. } => None,
        });
        let grid = |((scale, halves), range): ((f32, Vec<f32>), &f32)| {
            (ActivationGrid::unsigned(scale, halves), scale == range / STEPS as f32)
        };
        let grids = activations.zip(ranges).map(grid).collect();
        Ok(Integers { layers, grids })
    }

    /// Returns the integers of a step with zero points.
    fn with_zero_points(&self, parameters: &[f32], ranges: &[f32]) -> Result<Integers, QuantizeError> {
        let ends = ends(&self.plan, ranges);
        let integers = affine::quantize(&self.plan, parameters, self.input, &ends, &self.weights)?;
        let AffineLayers { layers: all, grids: maps } = integers;
        let chain = Chain::new(&self.plan);
        let (mut layers, mut grids) = (Vec::new(), Vec::new());
        for ((index, planned), integers) in self.plan.layers().enumerate().zip(all) {
            let channels = usize::from(planned.output.channels);
            let one = |shift: i32| halves(std::iter::repeat_n(shift, channels));
            let halves = match &integers {
                LayerIntegers::Weighted(QuantizedLayer { output: Output::Activations { shifts, .. }, .. }) => {
                    halves(shifts.iter().map(|&shift| shift as i32))
                }
                LayerIntegers::Weighted(_) | LayerIntegers::Unscaled => continue,
                LayerIntegers::Sum([_, _, total]) => one(total.shift),
                LayerIntegers::Average(factor) => one(factor.shift),
            };
            if let LayerIntegers::Weighted(layer) = integers {
                layers.push(layer);
            }
            let grid = maps[index + 1];
            let words = affine::words(&planned, maps[chain.reads(index).input], grid);
            let [zero, least, most] = [words.output_zero, words.least, words.most].map(f32::from);
            let (least, most) = (least - zero, most - zero);
            let cut = if planned.relu { 0.0 } else { least.next_down() };
            let follows = grid.scale == ends[index].width() / STEPS as f32;
            grids.push((ActivationGrid { step: grid.scale, zero, least, most, cut, halves }, follows));
        }
        Ok(Integers { layers, grids })
    }

    /// Returns the rounded values, in the order of the parameters.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Returns the rounding of each layer of the plan; `None` for layers without a range.
    pub(crate) fn grids(&self) -> &[Option<ActivationGrid>] {
        &self.grids
    }

    /// Converts the gradient of the values and steps to that of parameters and ranges.
    pub(crate) fn finish(&self, gradient: &mut [f32]) {
        self.beyond.iter().for_each(|&weight| gradient[weight] = 0.0);
        let mut rest = &mut gradient[self.plan.parameters()..];
        for (range, slope) in self.ranged.iter().zip(&self.slopes) {
            let (ends, after) = std::mem::take(&mut rest).split_at_mut(range.ends());
            ends.iter_mut().for_each(|gradient| *gradient *= slope);
            rest = after;
        }
    }
}
