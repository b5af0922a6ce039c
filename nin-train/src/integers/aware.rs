//! Quantisation-aware training: a network that learns with the integers it will be.
//!
//! In each step the quantiser itself makes integers of the parameters, as it would for a model file; the network then
//! computes with what those stand for, and rounds the image and each layer's activations to their 256 steps. What is
//! exported is therefore what was trained, but for the last bits of float sums.
//!
//! ```text
//! forward   ŷ = step · clamp(round(y / step), 0, 255)      step: range / 255
//! backward  dy = dŷ                                         0 where y is above the range or not above 0 (straight through, Bengio 2013)
//!           dstep += dŷ · (round(y / step) − y / step)      255 · dŷ where it is above (Esser et al. 2020)
//!           dw = dŵ                                         0 where the weight is beyond its outermost step
//! ```
//!
//! The parameters are those of [`crate::network::parameters`], then the range of each layer with a ReLU. Ranges begin with those
//! that a sample of images shows, as after training, and are trained with the rest, without Esser's factor for their
//! gradient: AdamW does without, and with SGD they hardly move. Batch normalisation is folded before.

use nin_core::Plan;

use super::observe::histograms;
use super::{Output, QuantizeError, QuantizedModel, STEPS, Weights, activations, fold, layers};
use crate::engine::streaming::ModelBytes;
use crate::formats::model_file::Lanes;
use crate::layers::Grid;
use crate::network::parameters::{Tensor, tensors};
use crate::network::trained::Trained;
use crate::training::checkpoint::Checkpoint;

/// The least range: an optimiser's step must not make one negative.
const LEAST: f32 = 1e-6;

/// Values that quantisation-aware training adds to the parameters: a range for each layer with a ReLU.
pub fn range_count(plan: &Plan) -> usize {
    activations(plan)
}

/// What quantisation-aware training begins with: the network as 8-bit arithmetic sees it, its preprocessing one scale,
/// and after its parameters the ranges of its activations on some images (rows × columns × channels bytes each).
///
/// # Errors
///
/// [`QuantizeError`] if 8-bit arithmetic cannot compute such a network, or the images do not fit it.
pub fn begin(trained: &Trained, images: &[Vec<u8>], weights: &Weights) -> Result<Trained, QuantizeError> {
    super::check_images(trained, images)?;
    weights.check(&trained.plan()).map_err(|error| QuantizeError::Run(error.to_string()))?;
    let mut trained = fold(trained)?.trained;
    let float = ModelBytes::new(&trained.to_model(nin_core::WeightType::F32, Lanes::Sixteen)?);
    let float = float.model().map_err(|error| QuantizeError::Run(error.to_string()))?;
    let ranges: Vec<f32> = histograms(&float, images)?.iter().map(|histogram| histogram.range(STEPS).clip).collect();
    QuantizedModel::with_weights(&trained, &clips(&ranges), weights)?;
    trained.parameters.extend(ranges.iter().map(|range| range.max(LEAST)));
    Ok(trained)
}

/// The integers that a run with quantisation-aware training has come to; `None` for any other run.
///
/// # Errors
///
/// [`QuantizeError`] if its parameters are no numbers.
pub fn quantized(checkpoint: &Checkpoint) -> Option<Result<QuantizedModel, QuantizeError>> {
    let weights = checkpoint.recipe.quantize.as_ref()?;
    let trained = Trained::from_checkpoint(checkpoint).map_err(|error| QuantizeError::Run(error.to_string()));
    Some(trained.and_then(|trained| {
        let all = if checkpoint.average.is_empty() { &checkpoint.parameters } else { &checkpoint.average };
        QuantizedModel::with_weights(&trained, &clips(&all[trained.parameters.len()..]), weights)
    }))
}

/// A range for each layer with weights: the last has none if it makes logits.
fn clips(ranges: &[f32]) -> Vec<f32> {
    ranges.iter().copied().chain([0.0]).collect()
}

/// Keeps ranges above 0 after an optimiser's step.
pub(crate) fn bound(ranges: &mut [f32]) {
    ranges.iter_mut().for_each(|range| *range = range.max(LEAST));
}

/// Makes of parameters what the network computes with.
pub(crate) struct Rounding {
    plan: Plan,
    tensors: Vec<Tensor>,
    weights: Weights,
    /// What a step of an image's bytes stands for.
    input: f32,
    /// What the integers stand for, in the order of the parameters.
    values: Vec<f32>,
    /// How each layer's activations are rounded; nothing for logits.
    grids: Vec<Option<Grid>>,
    /// How much of a change of its range each step follows.
    slopes: Vec<f32>,
    /// Weights that are beyond their outermost step.
    beyond: Vec<usize>,
}

impl Rounding {
    /// For a network that sees an image's bytes times `input`.
    pub(crate) fn new(plan: Plan, input: f32, weights: Weights) -> Rounding {
        let tensors = tensors(&plan);
        let values = Vec::with_capacity(plan.parameters());
        Rounding { plan, tensors, weights, input, values, grids: Vec::new(), slopes: Vec::new(), beyond: Vec::new() }
    }

    /// Takes parameters, with their ranges.
    pub(crate) fn load(&mut self, parameters: &[f32]) {
        let (parameters, ranges) = parameters.split_at(self.plan.parameters());
        self.values.clear();
        self.values.extend_from_slice(parameters);
        self.grids.clear();
        self.slopes.clear();
        self.beyond.clear();
        // Parameters that are no numbers stay as they are: the loss will be none either.
        let Ok(layers) = layers(&self.plan, parameters, self.input, &clips(ranges), &self.weights) else {
            let grid = |tensor: &Tensor| Grid { step: 1.0, halves: vec![0.5; tensor.bias.len()] };
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
                // What rounding moves by more than half a step is beyond the last one.
                if (*value - rounded).abs() > 0.501 * step * layer.grain() {
                    self.beyond.push(start + i);
                }
                *value = rounded;
            }
            let biases = self.values[tensor.bias.clone()].iter_mut().zip(&layer.bias);
            biases.zip(layer.units()).for_each(|((value, &bias), unit)| *value = (f64::from(bias) * unit) as f32);
            match &layer.output {
                Output::Activations { scale, shifts, .. } => {
                    // A range that is too narrow for its layer's factors does not decide the step.
                    let follows = *scale == ranges[self.slopes.len()] / STEPS as f32;
                    self.slopes.push(if follows { 1.0 / STEPS as f32 } else { 0.0 });
                    let halves = shifts.iter().map(|&shift| 0.5 + 0.5 * f32::powi(2.0, -(shift as i32))).collect();
                    self.grids.push(Some(Grid { step: *scale, halves }));
                }
                Output::Logits { .. } => self.grids.push(None),
            }
        }
    }

    /// What the network computes with, in the order of the parameters.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// How each layer's activations are rounded; `None` for logits.
    pub(crate) fn grids(&self) -> &[Option<Grid>] {
        &self.grids
    }

    /// From the gradient of the values and steps to that of parameters and ranges.
    pub(crate) fn finish(&self, gradient: &mut [f32]) {
        self.beyond.iter().for_each(|&weight| gradient[weight] = 0.0);
        let ranges = &mut gradient[self.plan.parameters()..];
        ranges.iter_mut().zip(&self.slopes).for_each(|(gradient, slope)| *gradient *= slope);
    }
}
