//! A quantised network, made from a float network and the ranges of its activations.

use nin_core::plan::LayerKind;
use nin_core::{Plan, Spec, Stage};

use super::input::{Folded, fold};
use super::layer::{FloatLayer, Output, QuantizedLayer, STEPS};
use super::{QuantizeError, WeightBits, check_unsigned};
use crate::network::parameters::tensors;
use crate::network::trained::Trained;

/// A quantised network.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedModel {
    /// The architecture.
    pub spec: Spec,
    /// Its layers with weights, in order.
    pub layers: Vec<QuantizedLayer>,
    /// The scale of an image's bytes.
    pub input_scale: f32,
    /// The names of the classes by label; none, or one for each.
    pub class_names: Vec<String>,
}

impl QuantizedModel {
    /// Quantises a network's weights to 8 bits and to the given ranges of activations: the largest value to represent
    /// for each layer with weights, in order. A last fully connected layer makes logits and needs no range; its entry
    /// is ignored.
    ///
    /// # Errors
    ///
    /// [`QuantizeError`] if 8-bit arithmetic cannot compute such a network, or there are fewer ranges than layers with
    /// weights.
    pub fn new(trained: &Trained, clips: &[f32]) -> Result<Self, QuantizeError> {
        Self::with_weights(trained, clips, &WeightBits::Eight)
    }

    /// Quantises as [`QuantizedModel::new`] does, with weights of 8 or 4 bits.
    ///
    /// # Errors
    ///
    /// As [`QuantizedModel::new`].
    pub fn with_weights(trained: &Trained, clips: &[f32], weights: &WeightBits) -> Result<Self, QuantizeError> {
        let plan = trained.plan();
        check_unsigned(&trained.spec)?;
        weights.check(&plan)?;
        if clips.len() < tensors(&plan).len() {
            return Err(QuantizeError::Ranges);
        }
        let Folded { trained, scale: input_scale, .. } = &fold(trained)?;
        let layers = layers(&plan, &trained.parameters, *input_scale, clips, weights)?;
        let class_names = trained.class_names.clone();
        Ok(Self { spec: trained.spec, layers, input_scale: *input_scale, class_names })
    }

    /// Returns the same network with all weights stored in 8 bits.
    pub fn widened(mut self) -> Self {
        self.layers.iter_mut().for_each(|layer| layer.bits = 8);
        self
    }

    /// Returns its shapes and sizes.
    pub fn plan(&self) -> Plan {
        Plan::new(self.spec)
    }

    /// Returns whether the line ends in a `gap`, so that its sums are the logits.
    pub fn ends_in_average(&self) -> bool {
        let mut stages = self.spec.stages().iter().rev();
        matches!(stages.find(|stage| !matches!(stage, Stage::Dropout(_))), Some(Stage::GlobalAverage))
    }

    /// Returns the scale of the last activations: the unit of the sums of a final `gap`.
    pub fn last_scale(&self) -> f32 {
        let scales = self.layers.iter().rev().filter_map(|layer| match &layer.output {
            Output::Activations { scale, .. } => Some(*scale),
            Output::Logits { .. } => None,
        });
        scales.take(1).fold(self.input_scale, |_, scale| scale)
    }
}

/// Returns the quantised layers of a network whose input is an image's bytes times `input_scale`.
pub(super) fn layers(
    plan: &Plan,
    parameters: &[f32],
    input_scale: f32,
    clips: &[f32],
    weights: &WeightBits,
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
        let floats = FloatLayer {
            weights: &parameters[tensor.weight.clone()],
            biases: &parameters[tensor.bias.clone()],
            input_scale: scale,
            pixels,
            clip: layer.relu.then_some(clip),
            bits: weights.bits(layers.len() + 1, &layer),
        };
        let quantized = floats.quantize(|| tensor.name(plan))?;
        if let Output::Activations { scale: own, .. } = &quantized.output {
            scale = *own;
        }
        layers.push(quantized);
        pixels = 1;
    }
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use nin_core::Spec;

    use super::{QuantizeError, QuantizedModel};
    use crate::network::preprocessing::Preprocessing;
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
