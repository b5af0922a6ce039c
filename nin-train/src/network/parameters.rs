//! All weights and biases in one flat buffer, and the place of each tensor in it.
//!
//! For each weight layer in the order of [`Plan::layers`]: the weight, `[outputs][fan-in]` with the fan-in ordered
//! rows, columns, channels (channels last; OHWI in PyTorch's letters), then the bias, `[outputs]`. The channels of a
//! convolution in groups are those of the output's group: one for a depthwise convolution. The projection of a shortcut
//! follows the layers that the shortcut goes around. Optimiser, checkpoint and export are loops over this slice.

use std::ops::Range;

use nin_core::plan::{Layer, LayerKind, Plan};
use serde::{Deserialize, Serialize};

use crate::support::random::{Purpose, Stream};

/// One weight layer's place in the flat buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Position among [`Plan::layers`].
    pub index: usize,
    /// The layer.
    pub layer: Layer,
    /// The range of its weight: `outputs × fan-in` values.
    pub weight: Range<usize>,
    /// The range of its bias: `outputs` values.
    pub bias: Range<usize>,
}

impl Tensor {
    /// Returns the layer's name in messages: "stage 3 (nin3+1:48,48,48), layer 2".
    pub fn name(&self, plan: &Plan) -> String {
        let stage = self.layer.stage;
        let before = plan.layers().take_while(|layer| layer.stage < stage).count();
        format!("stage {} ({}), layer {}", stage + 1, plan.spec().stages()[stage], self.index - before + 1)
    }

    /// Returns the kernel's rows and columns; for a fully connected layer the rows and columns of its input.
    pub fn kernel(&self) -> (usize, usize) {
        match self.layer.kind {
            LayerKind::Convolution(window) => (window.rows.kernel.into(), window.columns.kernel.into()),
            _ => (self.layer.input.rows.into(), self.layer.input.columns.into()),
        }
    }

    /// Returns the number of channels that one output sums over: those of its group.
    pub fn channels(&self) -> usize {
        usize::from(self.layer.input.channels / self.layer.groups)
    }

    /// Returns the weight's values in PyTorch's order (OIHW, where I are the channels of an output's group; a fully connected layer's `[out][in]` over C, H, W) as
    /// positions in the flat buffer.
    pub fn torch_order(&self) -> impl Iterator<Item = usize> + '_ {
        let (rows, columns) = self.kernel();
        let (outputs, channels) = (self.layer.output.channels as usize, self.channels());
        let taps = rows * columns;
        (0..outputs * channels * taps).map(move |i| {
            let (output, channel, tap) = (i / (channels * taps), i / taps % channels, i % taps);
            self.weight.start + (output * taps + tap) * channels + channel
        })
    }
}

/// Returns the weight layers of a network, in order.
pub fn tensors(plan: &Plan) -> Vec<Tensor> {
    let mut start = 0;
    let weighty = plan.layers().enumerate().filter(|(_, layer)| layer.has_weights());
    weighty
        .map(|(index, layer)| {
            let weight = start..start + layer.weights();
            let bias = weight.end..start + layer.parameters();
            start = bias.end;
            Tensor { index, layer, weight, bias }
        })
        .collect()
}

/// Returns whether a layer makes activations: it has weights and a ReLU. In 8-bit arithmetic each has its own range of
/// outputs.
pub fn is_activated(layer: &Layer) -> bool {
    layer.has_weights() && layer.relu
}

/// Returns the number of layers that make activations.
pub fn activated(plan: &Plan) -> usize {
    plan.layers().filter(is_activated).count()
}

/// Copies the leading weight layers that both networks share (kind, kernel, stride, padding, channels, groups, activation) to `to`,
/// and returns their number. The layers of `to` from the first difference on are unchanged.
///
/// # Panics
///
/// If there are fewer parameters than a plan has.
pub fn transfer(from: (&Plan, &[f32]), to: (&Plan, &mut [f32])) -> usize {
    let ((from_plan, from), (to_plan, to)) = (from, to);
    let (from_tensors, to_tensors) = (tensors(from_plan), tensors(to_plan));
    let alike = |a: &Tensor, b: &Tensor| {
        let shape = |tensor: &Tensor| {
            let layer = &tensor.layer;
            let activation = (layer.relu, layer.relu6);
            (layer.kind, tensor.kernel(), tensor.channels(), layer.output.channels, layer.groups, activation)
        };
        shape(a) == shape(b)
    };
    let same = from_tensors.iter().zip(&to_tensors).take_while(|(a, b)| alike(a, b)).count();
    let end = |tensors: &[Tensor]| tensors[..same].last().map_or(0, |tensor| tensor.bias.end);
    debug_assert_eq!(end(&from_tensors), end(&to_tensors));
    to[..end(&to_tensors)].copy_from_slice(&from[..end(&from_tensors)]);
    same
}

/// The initialisation of the parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Init {
    /// Weights uniform within ±√(6 / (fan-in + fan-out)) (Glorot and Bengio 2010; PyTorch's `xavier_uniform_`, a
    /// convolution's fan-out being its outputs × kernel area), biases 0.
    #[default]
    Xavier,
    /// The book's: the same weights, and PyTorch's default biases, uniform within ±1/√fan-in.
    XavierBook,
    /// Weights uniform within ±√(6 / fan-in) (He et al. 2015; `kaiming_uniform_` for ReLU), biases 0, but 1 for logits
    /// that a ReLU follows.
    He,
    /// Weights uniform within ±1/√fan-in, as PyTorch's layers begin, biases as with He. With batch normalisation only a
    /// weight vector's direction matters, and the smaller the weights, the further a step turns it. The effective
    /// learning rate is therefore six times as high as with He (van Laarhoven 2017).
    Pytorch,
}

/// The initial bias of a logit with a ReLU. From 0 the first steps may push a logit below 0 for all images: its
/// gradient is then 0, and the class is never predicted. A softmax ignores a constant that all logits share.
const OPEN: f32 = 1.0;

/// Returns the initial parameters of a network; the same seed gives the same values.
pub fn initial(plan: &Plan, init: Init, seed: u64) -> Vec<f32> {
    let mut parameters = vec![0.0; plan.parameters()];
    let tensors = tensors(plan);
    let last = tensors.len().saturating_sub(1);
    for (number, tensor) in tensors.into_iter().enumerate() {
        let fan_in = tensor.layer.fan_in() as f64;
        let area = match tensor.layer.kind {
            LayerKind::Convolution(window) => window.pixels() as f64,
            _ => 1.0,
        };
        let fan_out = f64::from(tensor.layer.output.channels) * area;
        let bound = match init {
            Init::Xavier | Init::XavierBook => (6.0 / (fan_in + fan_out)).sqrt(),
            Init::He => (6.0 / fan_in).sqrt(),
            Init::Pytorch => 1.0 / fan_in.sqrt(),
        };
        let mut stream = Stream::new(seed, Purpose::Weights, 0, number as u64);
        parameters[tensor.weight].iter_mut().for_each(|weight| *weight = stream.within(bound));
        match init {
            Init::Xavier => {}
            Init::XavierBook => {
                let mut stream = Stream::new(seed, Purpose::Biases, 0, number as u64);
                parameters[tensor.bias].iter_mut().for_each(|bias| *bias = stream.within(1.0 / fan_in.sqrt()));
            }
            Init::He | Init::Pytorch => {
                let begin = if number == last && tensor.layer.relu { OPEN } else { 0.0 };
                parameters[tensor.bias].fill(begin);
            }
        }
    }
    parameters
}
