//! Whole models from a formula: any architecture, any weight type, and no file.

use nin_core::Lanes;
use nin_core::{Plan, Spec, WeightType};
use nin_train::integers::{QuantizedModel, WeightBits};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use nin_train::quantize::{Options, with_zero_points};

use crate::fixture::channels_last;
use crate::mix;

/// Returns parameters as the fixtures have them: layer by layer, weights in PyTorch's order scaled by their fan-in,
/// then biases; here channels last.
pub fn parameters(plan: &Plan) -> Vec<f32> {
    let mut counter = 0;
    let mut draw = |count: usize, bound: f64| {
        let values = counter..counter + count as u64;
        counter = values.end;
        values.map(|n| (mix::signed(n) * bound) as f32).collect::<Vec<f32>>()
    };
    let mut parameters = Vec::with_capacity(plan.parameters());
    for layer in plan.layers().filter(|layer| layer.has_weights()) {
        let weights = draw(layer.weights(), (6.0 / layer.fan_in() as f64).sqrt());
        parameters.extend(channels_last(&layer, &weights));
        parameters.extend(draw(usize::from(layer.output.channels), 0.01));
    }
    parameters
}

/// The largest activation that an 8-bit model of these parameters represents. Larger values are clamped, equally on
/// every machine.
const CLIP: f32 = 2.0;

/// Returns a model file of the architecture with these parameters, for images whose bytes represent 0 to 1. With zero
/// points, the ranges of its maps come from a few images, also by formula.
///
/// # Panics
///
/// If the exporter refuses the parameters, which the formula rules out.
pub fn model(spec: Spec, weight_type: WeightType, lanes: Lanes) -> Vec<u8> {
    let plan = Plan::new(spec);
    let trained = Trained {
        spec,
        parameters: parameters(&plan),
        preprocessing: Preprocessing::unit(usize::from(spec.input().channels)),
        class_names: Vec::new(),
    };
    let weights = if weight_type.is_narrow() { WeightBits::Four } else { WeightBits::Eight };
    if weight_type.has_zero_points() {
        let pixels = spec.input().len() as u64;
        let images: Vec<Vec<u8>> =
            (0..4).map(|image| (0..pixels).map(|pixel| mix::mix(image * pixels + pixel) as u8).collect()).collect();
        let options = Options { weights, correct_biases: false, ..Options::default() };
        let (model, _) =
            with_zero_points(&trained, &images, &options, |_, _| ()).unwrap_or_else(|error| panic!("{spec}: {error}"));
        return model.to_bytes(lanes).unwrap_or_else(|error| panic!("{spec}: {error}"));
    }
    if weight_type.is_integer() {
        let clips = vec![CLIP; plan.layers().filter(|layer| layer.has_weights()).count()];
        let model =
            QuantizedModel::with_weights(&trained, &clips, &weights).unwrap_or_else(|error| panic!("{spec}: {error}"));
        return model.to_bytes(lanes).unwrap_or_else(|error| panic!("{spec}: {error}"));
    }
    trained.to_model(weight_type, lanes).unwrap_or_else(|error| panic!("{spec}: {error}"))
}
