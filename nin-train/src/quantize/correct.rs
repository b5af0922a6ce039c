//! Post-training quantisation: ranges from a sample, then biases corrected for the mean rounding error.

use nin_core::{Model, WeightType};

use super::observe::{ChannelSums, Differences, LayerSums, compare, histograms};
use super::sample::check_images;
use super::{CalibrationError, LayerReport, Range, Report};
use crate::engine::streaming::ModelBytes;
use crate::integers::{Output, QuantizedModel, STEPS, WeightBits, fold};
use crate::network::parameters::tensors;
use crate::network::trained::Trained;
use nin_core::Lanes;

/// The options of quantisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The bit widths of the weights.
    pub weights: WeightBits,
    /// Whether to correct biases for the mean error of each output, if that brings the logits closer to the float ones.
    pub correct_biases: bool,
    /// The largest number of images for that correction; each layer needs a pass over them.
    pub correction_images: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { weights: WeightBits::Eight, correct_biases: true, correction_images: 256 }
    }
}

/// Quantises a trained network, calibrated with images of rows × columns × channels bytes each in the network's shape.
/// `progress` is called with the completed and the total number of passes.
///
/// # Errors
///
/// [`CalibrationError`] if 8-bit arithmetic cannot compute such a network, or the images do not fit it.
pub fn post_training(
    trained: &Trained,
    images: &[Vec<u8>],
    options: &Options,
    mut progress: impl FnMut(usize, usize),
) -> Result<(QuantizedModel, Report), CalibrationError> {
    let plan = trained.plan();
    check_images(trained, images)?;
    let tensors = tensors(&plan);
    let passes = if options.correct_biases { tensors.len() + 3 } else { 2 };

    // Fails early if the network cannot be quantised at all.
    let quantize = |trained: &Trained, clips: &[f32]| QuantizedModel::with_weights(trained, clips, &options.weights);
    quantize(trained, &vec![1.0; tensors.len()])?;
    let float = ModelBytes::new(&trained.to_model(WeightType::F32, Lanes::Sixteen)?);
    let float = float.model()?;
    let ranges: Vec<Range> = histograms(&float, images)?.iter().map(|histogram| histogram.range(STEPS)).collect();
    progress(1, passes);
    // Logits have no range; this entry of the list is not used.
    let clips: Vec<f32> = ranges.iter().map(|range| range.clip).chain([0.0]).collect();

    let bench = Bench { float: &float, images, sample: &images[..images.len().min(options.correction_images.max(1))] };
    let plain = quantize(trained, &clips)?;
    let before = bench.compare(&plain, images)?;
    progress(2, passes);
    let (mut model, mut comparison, mut corrected) = (plain, before, false);
    if options.correct_biases {
        let mut shifted = trained.clone();
        for (index, tensor) in tensors.iter().enumerate() {
            let now = bench.compare(&quantize(&shifted, &clips)?, bench.sample)?;
            let sums = now.layers.get(index).unwrap_or(&now.logits);
            let biases = &mut shifted.parameters[tensor.bias.clone()];
            for (bias, correction) in biases.iter_mut().zip(sums.corrections()) {
                // The sum of two large numbers may be infinite.
                *bias = Some(*bias + correction).filter(|sum| sum.is_finite()).unwrap_or(*bias);
            }
            progress(3 + index, passes);
        }
        let candidate = quantize(&shifted, &clips)?;
        let after = bench.compare(&candidate, bench.images)?;
        progress(passes, passes);
        if after.logits.noise < comparison.logits.noise {
            (model, comparison, corrected) = (candidate, after, true);
        }
    }
    let layers = tensors.iter().enumerate().map(|(index, tensor)| {
        let stage = tensor.layer.stage;
        let step = tensors[..index].iter().filter(|before| before.layer.stage == stage).count();
        LayerReport {
            stage: if step == 0 { plan.spec().stages()[stage].to_string() } else { String::new() },
            layer: step + 1,
            range: ranges.get(index).copied(),
            step: match &model.layers[index].output {
                Output::Activations { scale, .. } => Some(*scale),
                Output::Logits { .. } => None,
            },
            decibels: comparison.layers.get(index).unwrap_or(&comparison.logits).decibels(),
        }
    });
    let report = Report {
        layers: layers.collect(),
        logits: comparison.logits.decibels(),
        agreement: comparison.agreed as f64 / comparison.images as f64,
        images: images.len(),
        corrected,
        border: fold(trained)?.border,
    };
    Ok((model, report))
}

/// The float network, and the images for comparisons.
pub(super) struct Bench<'a> {
    pub float: &'a Model<'a>,
    pub images: &'a [Vec<u8>],
    /// The first of these images, for comparisons where all would take too long.
    pub sample: &'a [Vec<u8>],
}

impl Bench<'_> {
    pub fn compare(&self, quantized: &QuantizedModel, images: &[Vec<u8>]) -> Result<Differences, CalibrationError> {
        let bytes = ModelBytes::new(&quantized.clone().widened().to_bytes(Lanes::Sixteen)?);
        let model = bytes.model()?;
        compare(self.float, quantized, &model, images)
    }
}

impl LayerSums {
    /// Returns the value to add to each output's bias so that its mean error becomes 0; only unclipped values depend on
    /// the bias.
    pub(super) fn corrections(&self) -> impl Iterator<Item = f32> + '_ {
        /// An output is corrected only if at least one in this many of its values is unclipped.
        const RARE: u64 = 50;
        self.channels.iter().map(
            |&ChannelSums { error, free, count }| {
                if free == 0 || free < count / RARE { 0.0 } else { (-error / free as f64) as f32 }
            },
        )
    }
}
