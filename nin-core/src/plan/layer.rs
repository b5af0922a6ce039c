//! One layer: its shapes, its fan-in and the size of its weights.

use crate::packing::{Packing, WeightType};
use crate::spec::{Shape, Window};

/// Bytes of the word that states how many bits a layer's weights have.
const BITS_WORD: usize = 4;

/// One layer, with or without weights: one line of a layer summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Index of its stage in [`Spec::stages`](crate::Spec::stages).
    pub stage: usize,
    /// The operation.
    pub kind: LayerKind,
    /// Shape of the input.
    pub input: Shape,
    /// Shape of the output.
    pub output: Shape,
    /// Whether a ReLU follows.
    pub relu: bool,
}

/// The operation of a [`Layer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// A convolution with bias; if 1×1, its window is `Window { kernel: 1, stride: 1, padding: 0 }`.
    Convolution(Window),
    /// Maximum pooling.
    MaxPool(Window),
    /// Average pooling.
    AvgPool(Window),
    /// Dropout; does nothing on the device.
    Dropout,
    /// Global average.
    GlobalAverage,
    /// A fully connected layer with bias.
    Full,
}

impl Layer {
    /// The number of inputs that one output sums over, which is the columns of the weight matrix; 0 for a layer without
    /// weights. Their order is rows, columns, channels (channels last).
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

    /// The number of weights, without biases: outputs × fan-in.
    pub const fn weights(&self) -> usize {
        self.fan_in() * self.output.channels as usize
    }

    /// The number of weights and biases.
    pub const fn parameters(&self) -> usize {
        match self.has_weights() {
            true => self.weights() + self.output.channels as usize,
            false => 0,
        }
    }

    /// The layout of the layer's parameters in a model file. In a model of [`WeightType::Int4`] a word precedes them.
    #[inline(always)]
    pub const fn packing(&self, weights: WeightType, lanes: usize) -> Packing {
        Packing::new(weights, lanes, self.output.channels as usize, self.fan_in())
    }

    /// Returns the bytes of the layer's part of a model file: [`Packing::bytes`]. For [`WeightType::Int4`] the weights
    /// count as 4-bit ones, and the word that states their bits is included; a layer of such a model with 8-bit weights
    /// has the bytes of [`WeightType::Int8`] and that word.
    ///
    /// `lanes` must be valid for the type; [`Model::lanes`](crate::Model::lanes) lists the values.
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

    /// Returns the bytes of the layer in a model whose layers state the bits of their weights; `None` if `bits` is
    /// neither 4 nor 8.
    pub(crate) const fn mixed_bytes(&self, bits: u32, lanes: usize) -> Option<usize> {
        match bits {
            4 => Some(self.weight_bytes(WeightType::Int4, lanes)),
            8 => Some(self.weight_bytes(WeightType::Int8, lanes).saturating_add(BITS_WORD)),
            _ => None,
        }
    }

    /// Multiply-accumulates for one image (padding counted, as is usual).
    pub const fn macs(&self) -> u64 {
        self.weights() as u64 * self.output.pixels() as u64
    }
}
