//! Post-training quantisation of the whole family of layers, with zero points, for TensorFlow Lite's arithmetic.
//!
//! Every map gets a grid ([`Grid`]): a scale, and the byte that stands for 0. After a ReLU that byte is 0, otherwise the
//! range observed on a sample decides. [`records`] makes the integers of a network with given ranges; biases are then
//! corrected layer by layer as in [`post_training`](super::post_training).

mod grid;
mod observe;
mod records;

use nin_core::plan::LayerKind;
use nin_core::{Lanes, WeightType};

use self::grid::Grid;
use self::observe::{Comparison, compare, ranges};
use super::sample::check_images;
use super::{CalibrationError, LayerReport, Options, Report};
use crate::engine::streaming::ModelBytes;
use crate::formats::model_file::AffineModel;
use crate::integers::{WeightBits, WeightBitsError, fold};
use crate::network::architecture::beyond_unsigned;
use crate::network::chain::Chain;
use crate::network::parameters::tensors;
use crate::network::trained::Trained;

/// Quantises a trained network of any line, calibrated with images of rows × columns × channels bytes each in the
/// network's shape. `progress` is called with the completed and the total number of passes.
///
/// # Errors
///
/// [`CalibrationError`] if the weights are not to have 8 bits, if 8-bit arithmetic cannot compute such a network, or if
/// the images do not fit it.
pub fn with_zero_points(
    trained: &Trained,
    images: &[Vec<u8>],
    options: &Options,
    mut progress: impl FnMut(usize, usize),
) -> Result<(AffineModel, Report), CalibrationError> {
    let plan = trained.plan();
    check_images(trained, images)?;
    if options.weights != WeightBits::Eight
        && let Some(stage) = beyond_unsigned(&trained.spec)
    {
        return Err(WeightBitsError::Stage(stage).into());
    }
    let folded = fold(trained)?;
    let tensors = tensors(&plan);
    let passes = if options.correct_biases { tensors.len() + 3 } else { 2 };
    let float = ModelBytes::new(&trained.to_model(WeightType::F32, Lanes::Sixteen)?);
    let float = float.model()?;
    let chain = Chain::new(&plan);
    let ranges = ranges(&float, images)?;
    progress(1, passes);

    let sample = &images[..images.len().min(options.correction_images.max(1))];
    let bench =
        |trained: &Trained, images: &[Vec<u8>]| -> Result<(AffineModel, Vec<Grid>, Comparison), CalibrationError> {
            let (model, grids) = records::records(trained, folded.scale, &chain, &ranges)?;
            let bytes = ModelBytes::new(&model.to_bytes(Lanes::Sixteen)?);
            let comparison = compare(&float, &bytes.model()?, &grids, images)?;
            Ok((model, grids, comparison))
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
            range: Some(ranges[index].clone().report()),
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
