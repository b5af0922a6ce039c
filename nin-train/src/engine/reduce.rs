//! The last part of a step: the sum of the groups' gradients.

use rayon::prelude::*;

use crate::kernel::{padded, vectorized};
use crate::layers::{Linear, Network};

/// Sums gradients as [`Network::backward`] keeps them, in order, into one in the parameters' order: weights and biases,
/// then gains or ranges.
pub(super) fn reduce(network: &Network, groups: &[&[f32]], gradient: &mut [f32]) {
    let tensors = network.linears().map(Linear::tensor);
    let weights_and_biases = tensors.map(|tensor| tensor.weight.len() + tensor.bias.len()).sum();
    let mut start = 0;
    let (mut rest, mut gains) = gradient.split_at_mut(weights_and_biases);
    for linear in network.linears() {
        let tensor = linear.tensor();
        let (weight, after) = rest.split_at_mut(tensor.weight.len());
        let (bias, after) = after.split_at_mut(tensor.bias.len());
        rest = after;
        let (outputs, fan_in) = (tensor.bias.len(), tensor.layer.fan_in());
        let wide = padded(outputs);
        let depth = linear.depth();
        if linear.is_grouped() {
            weight.par_chunks_mut(fan_in).enumerate().for_each(|(output, weight)| {
                for (input, weight) in weight.iter_mut().enumerate() {
                    let at = start + linear.gradient_row(output, input) * wide + output;
                    *weight = groups.iter().map(|group| group[at]).sum();
                }
            });
        } else {
            weight.par_chunks_mut(LINE * fan_in).enumerate().for_each(|(block, weight)| {
                let first = start + block * LINE;
                vectorized(
                    #[inline(always)]
                    || {
                        for k in 0..fan_in {
                            let sum = sum_line(groups, first + k * wide);
                            weight.chunks_exact_mut(fan_in).zip(sum).for_each(|(weight, sum)| weight[k] = sum);
                        }
                    },
                );
            });
        }
        for (block, bias) in bias.chunks_mut(LINE).enumerate() {
            let sum = sum_line(groups, start + depth * wide + block * LINE);
            bias.iter_mut().zip(sum).for_each(|(bias, sum)| *bias = sum);
        }
        if linear.is_normalized() {
            let (gain, after) = gains.split_at_mut(outputs);
            gains = after;
            for (block, gain) in gain.chunks_mut(LINE).enumerate() {
                let sum = sum_line(groups, start + (depth + 1) * wide + block * LINE);
                gain.iter_mut().zip(sum).for_each(|(gain, sum)| *gain = sum);
            }
        }
        start += linear.gradient_len();
    }
    // A network with ranges has no gains.
    let mut ranges = gains.iter_mut();
    for rounded in network.ranged() {
        let wide = rounded.gradient_len() / rounded.ends();
        for range in ranges.by_ref().take(rounded.ends()) {
            let blocks = (0..wide).step_by(LINE).map(|block| sum_line(groups, start + block));
            *range = blocks.map(|line| line.iter().map(|&sum| f64::from(sum)).sum::<f64>()).sum::<f64>() as f32;
            start += wide;
        }
    }
}

/// Values summed at once: a cache line.
const LINE: usize = 16;

#[inline(always)]
fn sum_line(groups: &[&[f32]], at: usize) -> [f32; LINE] {
    let mut sum = [0.0; LINE];
    for group in groups {
        sum.iter_mut().zip(&group[at..at + LINE]).for_each(|(sum, value)| *sum += value);
    }
    sum
}
