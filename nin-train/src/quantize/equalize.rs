//! Cross-layer equalisation (Nagel et al. 2019, "Data-Free Quantization"): rescales the channels of maps so that they use
//! the one range of their map more evenly.
//!
//! A ReLU, pools, averages and sums commute with a positive factor. So the weights and biases that compute a channel can be
//! divided by a factor if all weights that read it are multiplied by it: the network computes the same function. Factors
//! are powers of two, which change no bit of the float logits (unless a value leaves the normal range of f32).
//!
//! Maps that a pool, an average, dropout or a shortcut's sum ties together have the same factors. A ReLU6 does not commute
//! with a factor, and neither image nor logits may change: their maps keep their scale, and so do those tied to them.

use nin_core::plan::Layer;
use nin_core::{Lanes, Model, Plan, WeightType};

use super::CalibrationError;
use super::observe::{channel_maxima, raise};
use crate::engine::streaming::ModelBytes;
use crate::network::chain::Chain;
use crate::network::parameters::{Tensor, tensors};
use crate::network::trained::Trained;

/// The largest exponent of a factor.
const LARGEST: f32 = 40.0;

/// Returns the network with equalised channels, as the largest activations of `images` (rows × columns × channels bytes
/// each) determine them. Its float logits are the same.
///
/// For a channel whose largest magnitude is `a`, and which is read with weights up to `w`, the factor is the power of two
/// nearest to √(a / w). Afterwards both are about √(a · w), so channels that contribute equally have equal ranges. A
/// depthwise convolution has a scale of its own for the weights of each channel. If nothing else reads the map, the factor
/// is about `a`, and all channels have the same range. A channel that is always 0 or never read keeps its scale.
///
/// # Errors
///
/// [`CalibrationError`] if the network cannot run on the images.
pub fn equalize(trained: &Trained, images: &[Vec<u8>]) -> Result<Trained, CalibrationError> {
    let plan = trained.plan();
    let bytes = ModelBytes::new(&trained.to_model(WeightType::F32, Lanes::Sixteen)?);
    let model: Model<'_> = bytes.model()?;
    let maxima = channel_maxima(&model, images)?;
    let (chain, tensors) = (Chain::new(&plan), tensors(&plan));
    let mut equalized = trained.clone();
    for maps in rescalable(&plan, &chain) {
        let writers: Vec<&Tensor> = tensors.iter().filter(|tensor| maps.contains(&(tensor.index + 1))).collect();
        let readers: Vec<&Tensor> =
            tensors.iter().filter(|tensor| maps.contains(&chain.reads(tensor.index).input)).collect();
        let Some(first) = writers.first() else { continue };
        let mut largest = vec![0f32; first.layer.output.channels.into()];
        maps.iter().filter_map(|&map| maxima[map - 1].as_deref()).for_each(|maxima| raise(&mut largest, maxima));
        let factors = factors(&trained.parameters, &largest, &readers);
        for writer in writers {
            divide(&mut equalized.parameters, writer, &factors);
        }
        for reader in readers {
            each_read(reader, |weight, channel| equalized.parameters[weight] *= factors[channel]);
        }
    }
    Ok(equalized)
}

/// Returns the groups of maps whose channels can have factors, each with all maps that must have the same ones. Map 0 is
/// the image, map i + 1 the output of layer i.
fn rescalable(plan: &Plan, chain: &Chain) -> Vec<Vec<usize>> {
    let layers: Vec<Layer> = plan.layers().collect();
    // For each map, one map that stands for its group.
    let mut group: Vec<usize> = (0..=layers.len()).collect();
    for (index, _) in layers.iter().enumerate().filter(|(_, layer)| !layer.has_weights()) {
        let reads = chain.reads(index);
        for read in [Some(reads.input), reads.shortcut].into_iter().flatten() {
            let (old, new) = (group[read], group[index + 1]);
            group.iter_mut().filter(|group| **group == old).for_each(|group| *group = new);
        }
    }
    let fixed = |map: usize| map == 0 || map == layers.len() || layers[map - 1].relu6;
    let fixed: Vec<usize> = (0..group.len()).filter(|&map| fixed(map)).map(|map| group[map]).collect();
    let members = |name: usize| (0..group.len()).filter(|&map| group[map] == name).collect::<Vec<usize>>();
    (0..group.len()).filter(|name| !fixed.contains(name)).map(members).filter(|maps| !maps.is_empty()).collect()
}

/// Returns the factor of each channel, given its largest magnitude and the layers that read it.
fn factors(parameters: &[f32], largest: &[f32], readers: &[&Tensor]) -> Vec<f32> {
    let mixing: Vec<&Tensor> = readers.iter().copied().filter(|reader| !is_depthwise(&reader.layer)).collect();
    let mut reads = vec![0f32; largest.len()];
    for reader in &mixing {
        each_read(reader, |weight, channel| reads[channel] = reads[channel].max(parameters[weight].abs()));
    }
    let factor = |(&activation, &read): (&f32, &f32)| {
        let factor = if mixing.is_empty() { activation } else { (activation / read).sqrt() };
        let usable = activation > 0.0 && (read > 0.0 || mixing.is_empty());
        if usable { factor.log2().round().clamp(-LARGEST, LARGEST).exp2() } else { 1.0 }
    };
    largest.iter().zip(&reads).map(factor).collect()
}

/// Returns whether each output of a layer reads one of several channels.
fn is_depthwise(layer: &Layer) -> bool {
    layer.groups > 1 && layer.groups == layer.input.channels
}

/// Calls `visit` with the position of each weight of a layer and the input channel that it reads.
fn each_read(tensor: &Tensor, mut visit: impl FnMut(usize, usize)) {
    let (channels, layer) = (tensor.channels(), &tensor.layer);
    let outputs = usize::from(layer.output.channels / layer.groups);
    for (at, weight) in tensor.weight.clone().enumerate() {
        let group = at / layer.fan_in() / outputs;
        visit(weight, group * channels + at % channels);
    }
}

/// Divides the weights and the bias of each output by its factor.
fn divide(parameters: &mut [f32], tensor: &Tensor, factors: &[f32]) {
    let weights = parameters[tensor.weight.clone()].chunks_exact_mut(tensor.layer.fan_in());
    weights.zip(factors).for_each(|(weights, factor)| weights.iter_mut().for_each(|weight| *weight /= factor));
    parameters[tensor.bias.clone()].iter_mut().zip(factors).for_each(|(bias, factor)| *bias /= factor);
}

#[cfg(test)]
mod tests {
    use nin_core::{Plan, Spec};

    use super::*;
    use crate::network::preprocessing::Preprocessing;

    fn groups(line: &str) -> Vec<Vec<usize>> {
        let plan = Plan::new(Spec::new(line));
        rescalable(&plan, &Chain::new(&plan))
    }

    #[test]
    fn maps_tied_together_have_the_same_factors() {
        // Layers: 0 and 1 of the first block, 2 a pool, 3 the last convolution, 4 the average.
        assert_eq!(groups("1x8x8 nin3+1:4,5id max2/2 nin3:3 gap"), [vec![1], vec![2, 3]]);
        // A ReLU6 does not commute; what a pool makes of its map is fixed, too.
        assert_eq!(groups("1x8x8 nin3+1:4r6 avg2/2 nin1:5id dw3 drop0.5 gap drop0.5 fc3"), [vec![3], vec![4, 5, 6, 7]]);
        // Layers: 0 first, 1 and 2 of a body, 3 its sum, 4 and 5 of the next body, 6 its projection, 7 its sum.
        let line = "1x8x8 nin3+1:4 res(dw3+1:4id) proj(nin3/2+1:8 nin3+1:8id) gap fc2";
        assert_eq!(groups(line), [vec![2], vec![1, 3, 4], vec![5], vec![6, 7, 8, 9]]);
        // A sum with the image, and a sum with a ReLU6.
        assert_eq!(groups("4x8x8 res(nin3+1:6,4id) nin1:5 gap fc2"), [vec![1], vec![4, 5]]);
        assert_eq!(groups("1x8x8 nin1:4 res(dw3+1r6:4id)r6 fc2"), [] as [Vec<usize>; 0]);
    }

    /// Powers of two, so that the values expected are exact.
    #[test]
    fn factors_follow_activations_and_weights() {
        // Two channels of 64 and 1/4 at a white image; groups of one, two and all channels read them.
        let network = |line: &str, parameters: &[f32]| Trained {
            spec: Spec::new(line),
            parameters: parameters.to_vec(),
            preprocessing: Preprocessing::unit(1),
            class_names: Vec::new(),
        };
        let images = vec![vec![255], vec![0]];
        let equalized =
            |line: &str, parameters: &[f32]| equalize(&network(line, parameters), &images).unwrap().parameters;
        // Depthwise: both channels become 1. What the next layer reads keeps its own rule: √(2 / (1/2)) and √(1 / 1).
        let (first, second) = ([64.0, -0.25, 0.0, 0.0], [1.0 / 32.0, -4.0, 0.0, 0.0]);
        let last = [0.5, -1.0, 0.0];
        assert_eq!(
            equalized("1x1x1 nin1:2id dw1id nin1:1 gap", &[&first[..], &second, &last].concat()),
            [1.0, -1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 1.0, -1.0, 0.0]
        );
        // In one group: √(64 / 16) and √(1/4 / 1).
        assert_eq!(
            equalized("1x1x1 nin1:2id nin1:1 gap", &[&first[..], &[-16.0, 1.0, 0.0]].concat()),
            [32.0, -0.5, 0.0, 0.0, -32.0, 0.5, 0.0]
        );
        // Two groups of two channels; channel 3 is read by output 1 only, and channel 2 is always 0.
        let first = [16.0, 4.0, 0.0, 64.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(
            equalized("1x1x1 nin1:4id nin1g2:2 gap", &[&first[..], &[4.0, 1.0, 8.0, 1.0, 0.0, 0.0]].concat()),
            [8.0, 2.0, 0.0, 8.0, 0.0, 0.0, 0.0, 0.0, 8.0, 2.0, 8.0, 8.0, 0.0, 0.0]
        );
        // A shortcut: the largest magnitudes are those of the sum, 64 + 64 · 1, and of its body, 1/4 · 7. The sum is read
        // with 1/2 and 6, so all three maps are divided by √(128 / (1/2)) = 16 and √(1.75 / 6) ≈ 1/2.
        let first = [64.0, 0.25, 0.0, 0.0];
        let body = [1.0, -7.0, 0.0, 0.0];
        assert_eq!(
            equalized("1x1x1 nin1:2id res(dw1id)id nin1:1 gap", &[&first[..], &body, &[0.5, 6.0, 0.0]].concat()),
            [4.0, 0.5, 0.0, 0.0, 1.0, -7.0, 0.0, 0.0, 8.0, 3.0, 0.0]
        );
    }
}
