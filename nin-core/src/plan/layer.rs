//! One layer: what it sums over, and how many bytes its weights have.

use crate::packing::{Packing, WeightType};
use crate::spec::{Shape, Window};

/// Bytes of the word that says how many bits a layer's weights have.
const BITS_WORD: usize = 4;

/// One layer with or without weights: what a layer summary has a line for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Which of [`Spec::stages`](crate::Spec::stages) it belongs to.
    pub stage: usize,
    /// What it does.
    pub kind: LayerKind,
    /// Shape it reads.
    pub input: Shape,
    /// Shape it makes.
    pub output: Shape,
    /// Whether a ReLU follows.
    pub relu: bool,
}

/// What a [`Layer`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// A convolution with bias; 1×1 ones have `Window { kernel: 1, stride: 1, padding: 0 }`.
    Convolution(Window),
    /// Maximum pooling.
    MaxPool(Window),
    /// Average pooling.
    AvgPool(Window),
    /// Dropout; nothing on the device.
    Dropout,
    /// Global average.
    GlobalAverage,
    /// A fully connected layer with bias.
    Full,
}

impl Layer {
    /// Inputs that one output sums over: the columns of the weight matrix; 0 for a layer without weights.
    /// They are ordered rows, columns, channels (channels last).
    pub const fn fan_in(&self) -> usize {
        match self.kind {
            LayerKind::Convolution(window) => {
                window.kernel as usize * window.kernel as usize * self.input.channels as usize
            }
            LayerKind::Full => self.input.len(),
            _ => 0,
        }
    }

    /// Whether the layer has weights and biases.
    pub const fn has_weights(&self) -> bool {
        matches!(self.kind, LayerKind::Convolution(_) | LayerKind::Full)
    }

    /// Weights, without biases: outputs × fan-in.
    pub const fn weights(&self) -> usize {
        self.fan_in() * self.output.channels as usize
    }

    /// Weights and biases.
    pub const fn parameters(&self) -> usize {
        match self.has_weights() {
            true => self.weights() + self.output.channels as usize,
            false => 0,
        }
    }

    /// How the layer's parameters lie in a model file. In a model of [`WeightType::Int4`] a word comes before them.
    #[inline(always)]
    pub const fn packing(&self, weights: WeightType, lanes: usize) -> Packing {
        Packing::new(weights, lanes, self.output.channels as usize, self.fan_in())
    }

    /// Bytes of the layer's part of a model file: [`Packing::bytes`], and for [`WeightType::Int4`], of 4-bit weights,
    /// the word that says how many bits they have; a layer with 8-bit ones in such a model takes what it does in 8
    /// bits, and that word.
    ///
    /// `lanes` is one that [`Model::lanes`](crate::Model::lanes) names for the type; no file has another.
    ///
    /// # Panics
    ///
    /// If `lanes` is 0.
    #[inline]
    pub const fn weight_bytes(&self, weights: WeightType, lanes: usize) -> usize {
        if !self.has_weights() {
            return 0;
        }
        let word = if matches!(weights, WeightType::Int4) { BITS_WORD } else { 0 };
        self.packing(weights, lanes).bytes().saturating_add(word)
    }

    /// Bytes of the layer in a model whose layers say how many bits their weights have; `None` if none has so many.
    pub(crate) const fn mixed_bytes(&self, bits: u32, lanes: usize) -> Option<usize> {
        match bits {
            4 => Some(self.weight_bytes(WeightType::Int4, lanes)),
            8 => Some(self.weight_bytes(WeightType::Int8, lanes).saturating_add(BITS_WORD)),
            _ => None,
        }
    }

    /// Multiply-accumulates for one image (padding counted, as is the custom).
    pub const fn macs(&self) -> u64 {
        self.weights() as u64 * self.output.pixels() as u64
    }
}
