//! Post-training quantisation of the whole family of layers, with zero points, for TensorFlow Lite's arithmetic.
//!
//! Every map gets a grid ([`Grid`]): a scale, and the byte that stands for 0. After a ReLU that byte is 0, otherwise the
//! range observed on a sample decides. Biases are then corrected layer by layer as in
//! [`post_training`](super::post_training).

mod observe;
mod observed;

use nin_core::plan::LayerKind;
use nin_core::{Lanes, Model, WeightType};

pub(super) use self::observe::ranges;
use self::observe::{Comparison, compare};
use self::observed::ends;
use super::choice::Choice;
use super::sample::check_images;
use super::{CalibrationError, LayerReport, Options, Report};
use crate::engine::streaming::ModelBytes;
use crate::integers::{AffineModel, Ends, Grid, WeightBits, affine_layers, affine_model, fold};
use crate::network::parameters::tensors;
use crate::network::trained::Trained;

/// Quantises a trained network of any line, calibrated with images of rows × columns × channels bytes each in the
/// network's shape. `progress` is called with the completed and the total number of passes.
///
/// # Errors
///
/// [`CalibrationError`] if 8-bit arithmetic cannot compute such a network, if the weights of a layer cannot have the
/// bits, or if the images do not fit it.
pub fn with_zero_points(
    trained: &Trained,
    images: &[Vec<u8>],
    options: &Options,
    mut progress: impl FnMut(usize, usize),
) -> Result<(AffineModel, Report), CalibrationError> {
    let plan = trained.plan();
    check_images(trained, images)?;
    options.weights.check(&plan)?;
    let folded = fold(trained)?;
    let tensors = tensors(&plan);
    let passes = if options.correct_biases { tensors.len() + 3 } else { 2 };
    let float = ModelBytes::new(&trained.to_model(WeightType::F32, Lanes::Sixteen)?);
    let float = float.model()?;
    let ranges = ranges(&float, images)?;
    let ends: Vec<Ends> = ranges.iter().map(ends).collect();
    progress(1, passes);

    let sample = &images[..images.len().min(options.correction_images.max(1))];
    let bench = |trained: &Trained, images: &[Vec<u8>]| {
        Bench { float: &float, scale: folded.scale, ends: &ends }.compare(trained, &options.weights, images)
    };
    let (mut model, mut grids, mut comparison) = bench(&folded.trained, images)?;
    progress(2, passes);
    let mut corrected = false;
    if options.correct_biases {
        let mut shifted = folded.trained.clone();
        for (number, tensor) in tensors.iter().enumerate() {
            let (_, _, now) = bench(&shifted, sample)?;
            let sums = now.layers[tensor.index].as_ref().unwrap_or(&now.logits);
            let biases = &mut shifted.parameters[tensor.bias.clone()];
            for (bias, correction) in biases.iter_mut().zip(sums.corrections()) {
                // The sum of two large numbers may be infinite.
                *bias = Some(*bias + correction).filter(|sum| sum.is_finite()).unwrap_or(*bias);
            }
            progress(3 + number, passes);
        }
        let candidate = bench(&shifted, images)?;
        progress(passes, passes);
        if candidate.2.logits.noise < comparison.logits.noise {
            ((model, grids, comparison), corrected) = (candidate, true);
        }
    }

    let planned: Vec<_> = plan.layers().collect();
    let reported = planned.iter().enumerate().filter(|(_, layer)| layer.has_weights() || layer.kind == LayerKind::Sum);
    let layers = reported.map(|(index, layer)| {
        let step = planned[..index].iter().filter(|before| before.stage == layer.stage).count();
        let sums = comparison.layers[index].as_ref();
        LayerReport {
            stage: if step == 0 { plan.spec().stages()[layer.stage].to_string() } else { String::new() },
            layer: step + 1,
            range: Some(ranges[index]),
            step: Some(grids[index + 1].scale),
            decibels: sums.unwrap_or(&comparison.logits).decibels(),
        }
    });
    let report = Report {
        layers: layers.collect(),
        logits: comparison.logits.decibels(),
        agreement: comparison.agreed as f64 / comparison.images as f64,
        images: images.len(),
        corrected,
        border: folded.border,
    };
    Ok((model, report))
}

/// Returns the bits of weights of a line that needs zero points, as [`within`](super::within) chooses them. Ranges come
/// from `images`, logits are compared on `sample`.
pub(super) fn choose(
    trained: &Trained,
    images: &[Vec<u8>],
    sample: &[Vec<u8>],
    choice: &Choice,
) -> Result<WeightBits, CalibrationError> {
    let folded = fold(trained)?;
    let float = ModelBytes::new(&trained.to_model(WeightType::F32, Lanes::Sixteen)?);
    let float = float.model()?;
    let ends: Vec<Ends> = ranges(&float, images)?.iter().map(ends).collect();
    let bench = Bench { float: &float, scale: folded.scale, ends: &ends };
    choice.among(
        &trained.plan(),
        |weights| Ok(bench.quantize(&folded.trained, weights)?.0.to_bytes(choice.lanes)?.len()),
        |weights| Ok(bench.compare(&folded.trained, weights, sample)?.2.logits.noise),
    )
}

/// The float network, and what its quantisation needs.
struct Bench<'a> {
    float: &'a Model<'a>,
    /// The scale of an image's bytes.
    scale: f32,
    /// The range of each layer's output.
    ends: &'a [Ends],
}

impl Bench<'_> {
    /// Quantises a network and compares it with the float one on some images. Returns also the grids of its maps.
    fn compare(
        &self,
        trained: &Trained,
        weights: &WeightBits,
        images: &[Vec<u8>],
    ) -> Result<(AffineModel, Vec<Grid>, Comparison), CalibrationError> {
        let (model, grids) = self.quantize(trained, weights)?;
        let bytes = ModelBytes::new(&model.clone().widened().to_bytes(Lanes::Sixteen)?);
        let comparison = compare(self.float, &bytes.model()?, &grids, images)?;
        Ok((model, grids, comparison))
    }

    fn quantize(&self, trained: &Trained, weights: &WeightBits) -> Result<(AffineModel, Vec<Grid>), CalibrationError> {
        let integers = affine_layers(&trained.plan(), &trained.parameters, self.scale, self.ends, weights)?;
        let grids = integers.grids.clone();
        Ok((affine_model(trained, integers), grids))
    }
}
