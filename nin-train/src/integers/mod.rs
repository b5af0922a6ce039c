//! From floats to 8-bit integers: what `docs/int8.md` computes with.
//!
//! Activations become unsigned bytes with one scale a layer, weights signed bytes with one scale an output. The ranges
//! of the activations are those that a sample of images shows ([`Histogram`]), clipped where that costs less than the
//! finer steps win; then each output's bias takes up the mean error that rounding has brought about. [`post_training`]
//! does all of it and reports what each layer lost; [`QuantizedModel::to_bytes`] is the model file.

pub mod aware;
mod budget;
mod correct;
mod error;
mod fixed;
mod histogram;
mod input;
mod layer;
mod observe;
mod report;
mod sample;
mod weights;

use nin_core::plan::{Layer, LayerKind};
use nin_core::{Plan, Spec, Stage};

pub use budget::within;
pub use correct::{Options, post_training};
pub use error::QuantizeError;
pub use fixed::multiplier;
pub use histogram::{Histogram, Range};
pub use layer::{GRAIN, Output, QuantizedLayer};
pub use report::{LayerReport, Report};
pub use sample::sample;
pub use weights::{Weights, WeightsError};

use crate::formats::model_file::name;
use crate::network::parameters::tensors;
use crate::network::trained::Trained;
use input::{Folded, fold};
use layer::Recipe;

/// Steps of an activation's range.
const STEPS: u32 = 255;

/// A network of integers.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedModel {
    /// The architecture.
    pub spec: Spec,
    /// Its layers with weights, in order.
    pub layers: Vec<QuantizedLayer>,
    /// What a step of an image's bytes stands for.
    pub input_scale: f32,
    /// The names of the classes by label; none, or one for each.
    pub class_names: Vec<String>,
}

impl QuantizedModel {
    /// Quantises a network's weights to 8 bits and to the given ranges of activations: the largest value to represent
    /// for each layer with weights, in order. The line's last fully connected layer makes logits and needs none; its
    /// entry is passed over.
    ///
    /// # Errors
    ///
    /// [`QuantizeError`] if 8-bit arithmetic cannot compute such a network, or there are fewer ranges than layers with
    /// weights.
    pub fn new(trained: &Trained, clips: &[f32]) -> Result<Self, QuantizeError> {
        Self::with_weights(trained, clips, &Weights::Eight)
    }

    /// The same with weights of 8 or 4 bits.
    ///
    /// # Errors
    ///
    /// As [`QuantizedModel::new`].
    pub fn with_weights(trained: &Trained, clips: &[f32], weights: &Weights) -> Result<Self, QuantizeError> {
        let plan = trained.plan();
        weights.check(&plan).map_err(|error| QuantizeError::Run(error.to_string()))?;
        if clips.len() < tensors(&plan).len() {
            return Err(QuantizeError::Run("there must be a range for each layer with weights".into()));
        }
        let Folded { trained, scale: input_scale, .. } = &fold(trained)?;
        let layers = layers(&plan, &trained.parameters, *input_scale, clips, weights)?;
        let class_names = trained.class_names.clone();
        Ok(Self { spec: trained.spec, layers, input_scale: *input_scale, class_names })
    }

    /// The same integers, all weights stored in 8 bits.
    pub fn widened(mut self) -> Self {
        self.layers.iter_mut().for_each(|layer| layer.bits = 8);
        self
    }

    /// Shapes and sizes.
    pub fn plan(&self) -> Plan {
        Plan::new(self.spec)
    }

    /// Whether the line ends in a `gap`, so that its sums are the logits.
    pub fn ends_in_average(&self) -> bool {
        let mut stages = self.spec.stages().iter().rev();
        matches!(stages.find(|stage| !matches!(stage, Stage::Dropout(_))), Some(Stage::GlobalAverage))
    }

    /// What a step of the last activations stands for: the unit of the sums of a `gap` that ends the line.
    pub fn last_scale(&self) -> f32 {
        let scales = self.layers.iter().rev().filter_map(|layer| match &layer.output {
            Output::Activations { scale, .. } => Some(*scale),
            Output::Logits { .. } => None,
        });
        scales.take(1).fold(self.input_scale, |_, scale| scale)
    }
}

/// The layers of a network that sees an image's bytes times `input_scale`.
fn layers(
    plan: &Plan,
    parameters: &[f32],
    input_scale: f32,
    clips: &[f32],
    weights: &Weights,
) -> Result<Vec<QuantizedLayer>, QuantizeError> {
    let (mut scale, mut pixels) = (input_scale, 1);
    let mut layers = Vec::new();
    let tensors = tensors(plan);
    let mut places = tensors.iter().zip(clips);
    for layer in plan.layers() {
        if matches!(layer.kind, LayerKind::GlobalAverage) {
            pixels = layer.input.pixels();
            let most = i32::MAX as usize / STEPS as usize;
            if pixels > most {
                return Err(QuantizeError::TooWide { layer: "gap".into(), inputs: pixels, most });
            }
        }
        if !layer.has_weights() {
            continue;
        }
        let Some((tensor, &clip)) = places.next() else { break };
        let recipe = Recipe {
            weights: &parameters[tensor.weight.clone()],
            biases: &parameters[tensor.bias.clone()],
            input_scale: scale,
            pixels,
            clip: layer.relu.then_some(clip),
            bits: weights.bits(layers.len() + 1),
        };
        let quantized = recipe.quantize(|| name(plan, tensor))?;
        if let Output::Activations { scale: own, .. } = &quantized.output {
            scale = *own;
        }
        layers.push(quantized);
        pixels = 1;
    }
    Ok(layers)
}

/// Refuses images that do not fit the network, none at all, and those that show nothing.
fn check_images(trained: &Trained, images: &[Vec<u8>]) -> Result<(), QuantizeError> {
    let input = trained.spec.input();
    match images.iter().find(|image| image.len() != input.len()) {
        Some(image) => {
            let text = format!("an image of {} bytes does not fit the network's {input}", image.len());
            Err(QuantizeError::Images(text))
        }
        None => match images.iter().flatten().next() {
            None => Err(QuantizeError::NoImages),
            Some(&value) if images.iter().flatten().all(|&other| other == value) => Err(QuantizeError::Constant(value)),
            Some(_) => Ok(()),
        },
    }
}

/// How many layers with weights make activations, rather than logits.
fn activations(plan: &Plan) -> usize {
    plan.layers().filter(|layer| Layer::has_weights(layer) && layer.relu).count()
}

#[cfg(test)]
mod tests {
    use nin_core::Spec;

    use super::{QuantizeError, QuantizedModel};
    use crate::data::batch::Preprocessing;
    use crate::network::trained::Trained;

    /// 255 in every pixel: the sum would no longer be an `i32`.
    #[test]
    fn an_average_over_too_many_pixels_is_refused() {
        let quantized = |line| {
            let (spec, preprocessing) = (Spec::new(line), Preprocessing::unit(1));
            let trained = Trained { spec, parameters: Vec::new(), preprocessing, class_names: Vec::new() };
            QuantizedModel::new(&trained, &[])
        };
        assert!(quantized("1x2902x2901 gap").is_ok());
        let most = i32::MAX as usize / 255;
        assert!(matches!(
            quantized("1x2902x2902 gap"),
            Err(QuantizeError::TooWide { inputs: 8_421_604, most: found, .. }) if found == most
        ));
    }
}
