//! Cross-layer equalisation (Nagel et al. 2019, "Data-Free Quantization"): rescales channels between two layers so that
//! the channels of a layer use its one range of activations more evenly.
//!
//! A ReLU, pools and averages commute with a positive factor. So a channel's weights and bias can be divided by a factor
//! if the next layer's weights for this channel are multiplied by it: the network computes the same function. Factors
//! are powers of two, which change no bit of the float logits (unless a value leaves the normal range of f32).

use nin_core::{Lanes, Model, WeightType};

use super::CalibrationError;
use super::observe::channel_maxima;
use crate::engine::streaming::ModelBytes;
use crate::integers::check_unsigned;
use crate::network::parameters::{Tensor, tensors};
use crate::network::trained::Trained;

/// The largest exponent of a factor.
const LARGEST: f32 = 40.0;

/// Returns the network with equalised channels, as the largest activations of `images` (rows × columns × channels bytes
/// each) determine them. Its float logits are the same.
///
/// For a channel whose largest activation is `a` and whose largest weight in the next layer is `w`, the factor is the
/// power of two nearest to √(a / w). Afterwards both are about √(a · w), so channels that contribute equally have equal
/// ranges. A channel that is always 0 or never read keeps its scale.
///
/// # Errors
///
/// [`CalibrationError`] if the network cannot run on the images, or if its layers do not follow one another with a ReLU
/// after each.
pub fn equalize(trained: &Trained, images: &[Vec<u8>]) -> Result<Trained, CalibrationError> {
    check_unsigned(&trained.spec)?;
    let bytes = ModelBytes::new(&trained.to_model(WeightType::F32, Lanes::Sixteen)?);
    let model: Model<'_> = bytes.model()?;
    let maxima = channel_maxima(&model, images)?;
    let tensors = tensors(&trained.plan());
    let mut equalized = trained.clone();
    for (pair, maxima) in tensors.windows(2).zip(maxima) {
        let [layer, next] = pair else { continue };
        let reads = largest_reads(&equalized.parameters, next);
        for (channel, (&activation, &read)) in maxima.iter().zip(&reads).enumerate() {
            if activation > 0.0 && read > 0.0 {
                let exponent = (activation / read).sqrt().log2().round().clamp(-LARGEST, LARGEST);
                rescale(&mut equalized.parameters, (layer, next), channel, exponent.exp2());
            }
        }
    }
    Ok(equalized)
}

/// Returns the largest weight of each input channel of a layer.
fn largest_reads(parameters: &[f32], layer: &Tensor) -> Vec<f32> {
    let mut reads = vec![0f32; layer.layer.input.channels.into()];
    for weights in parameters[layer.weight.clone()].chunks_exact(reads.len()) {
        reads.iter_mut().zip(weights).for_each(|(read, weight)| *read = read.max(weight.abs()));
    }
    reads
}

/// Divides output `channel` of a layer by `factor`, and multiplies the next layer's weights for it.
fn rescale(parameters: &mut [f32], (layer, next): (&Tensor, &Tensor), channel: usize, factor: f32) {
    let fan_in = layer.weight.len() / layer.bias.len();
    let weights = layer.weight.start + channel * fan_in;
    parameters[weights..weights + fan_in].iter_mut().for_each(|weight| *weight /= factor);
    parameters[layer.bias.start + channel] /= factor;
    let channels = usize::from(next.layer.input.channels);
    parameters[next.weight.clone()].iter_mut().skip(channel).step_by(channels).for_each(|weight| *weight *= factor);
}
