//! One layer: its shapes, its fan-in and the size of its weights.

use crate::packing::{Packing, WeightType, affine};
use crate::spec::{Shape, Window};

/// Bytes of the word that states how many bits a layer's weights have.
const BITS_WORD: usize = 4;

/// Bytes of the words that state a layer's zero points and scales in a model that has them.
const fn affine_words(kind: LayerKind) -> usize {
    match kind {
        LayerKind::Convolution(_) | LayerKind::Full => affine::HEADER,
        LayerKind::Sum => affine::SUM,
        LayerKind::GlobalAverage => affine::AVERAGE,
        _ => 0,
    }
}

/// One layer, with or without weights: one line of a layer summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layer {
    /// Index of its stage in [`Spec::stages`](crate::Spec::stages).
    pub stage: usize,
    /// The operation.
    pub kind: LayerKind,
    /// Shape of the input.
    pub input: Shape,
    /// Shape of the output.
    pub output: Shape,
    /// Groups of a convolution, 1 for every other layer. An output sums over the channels of its group only.
    pub groups: u16,
    /// Whether a ReLU or a ReLU6 follows.
    pub relu: bool,
    /// Whether that is a ReLU6.
    pub relu6: bool,
}

/// The operation of a [`Layer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// A convolution with bias; if 1×1 in a block, its window is [`Window::PIXEL`].
    Convolution(Window),
    /// Maximum pooling.
    MaxPool(Window),
    /// Average pooling; padding counts as zeros.
    AvgPool(Window),
    /// Average pooling; padding does not count.
    MeanPool(Window),
    /// The sum of a shortcut and of the layers that it goes around; `input` and `output` are the sum's shape.
    Sum,
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
            LayerKind::Convolution(window) => window.pixels() * (self.input.channels / self.groups) as usize,
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

    /// The outputs that are side by side in a model of `lanes` lanes: a layer in groups has plain rows.
    #[inline(always)]
    pub const fn lanes(&self, lanes: usize) -> usize {
        if self.groups > 1 { 1 } else { lanes }
    }

    /// The layout of the layer's parameters in a model file. In a model of [`WeightType::Int4`] or one with zero points,
    /// words precede them. A layer in groups has no 4-bit weights.
    #[inline(always)]
    pub const fn packing(&self, weights: WeightType, lanes: usize) -> Packing {
        let weights = if self.groups > 1 && weights.is_narrow() { WeightType::Int8 } else { weights };
        Packing::new(weights, self.lanes(lanes), self.output.channels as usize, self.fan_in())
    }

    /// Returns the bytes of the layer's part of a model file: [`Packing::bytes`]. For [`WeightType::Int4`] the weights
    /// count as 4-bit ones, and the word that states their bits is included; a layer of such a model with 8-bit weights
    /// has the bytes of [`WeightType::Int8`] and that word. For [`WeightType::AffineInt4`] they count as 4-bit ones unless
    /// the layer is in groups; a layer with 8-bit weights has the bytes of [`WeightType::Affine`].
    ///
    /// `lanes` must be valid for the type; [`Model::lanes`](crate::Model::lanes) lists the values.
    ///
    /// # Panics
    ///
    /// If `lanes` is 0.
    #[inline]
    pub const fn weight_bytes(&self, weights: WeightType, lanes: usize) -> usize {
        let word = match weights {
            WeightType::Affine | WeightType::AffineInt4 => affine_words(self.kind),
            WeightType::Int4 => BITS_WORD,
            _ => 0,
        };
        if !self.has_weights() {
            return if weights.has_zero_points() { word } else { 0 };
        }
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

    /// Returns the bytes of the layer in a model with zero points, with which `weights` begins; `None` if its lanes are
    /// neither 1 nor `lanes`. If the weights end early, the lanes count as 1 and the weights as 8-bit ones.
    pub(crate) const fn affine_bytes(&self, lanes: usize, weights: &[u8]) -> Option<usize> {
        if !self.has_weights() || weights.len() < affine::HEADER {
            return Some(self.weight_bytes(WeightType::Affine, 1));
        }
        let words = affine::Words::read(weights);
        let stored = if words.four_bits { WeightType::AffineInt4 } else { WeightType::Affine };
        match words.lanes as usize {
            1 => Some(self.weight_bytes(stored, 1)),
            own if own == lanes && self.groups == 1 => Some(self.weight_bytes(stored, lanes)),
            _ => None,
        }
    }

    /// Multiply-accumulates for one image (padding counted, as is usual).
    pub const fn macs(&self) -> u64 {
        self.weights() as u64 * self.output.pixels() as u64
    }
}
