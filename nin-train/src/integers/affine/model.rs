//! A network with zero points.

use nin_core::packing::affine::{Factor, Words};
use nin_core::plan::{Layer, LayerKind};
use nin_core::{Plan, Spec, WeightType};

use crate::integers::layer::GRAIN;
use crate::network::preprocessing::Preprocessing;

/// A network with zero points, whose weights and factors are known.
#[derive(Clone, Debug)]
pub struct AffineModel {
    /// The architecture.
    pub spec: Spec,
    /// The conversion of bytes: the mean is the image's zero point.
    pub preprocessing: Preprocessing,
    /// The names of the classes, or none.
    pub class_names: Vec<String>,
    /// What the file states of each layer of the plan that has weights, adds a shortcut, or averages a whole map.
    pub records: Vec<Record>,
}

/// What the file states of one layer. In [`Words`], `plain` and `lanes` are set when it is written.
#[derive(Clone, Debug)]
pub enum Record {
    /// A layer with weights.
    Layer(AffineLayer),
    /// The sum of a shortcut.
    Sum {
        /// Zero points, range and scale; the input is the body's output.
        words: Words,
        /// The byte that stands for 0 at the end of the shortcut.
        shortcut_zero: u8,
        /// The factors of the body's output, of the shortcut's end and of their sum.
        factors: [Factor; 3],
    },
    /// A global average.
    Average {
        /// Zero points, range and scale.
        words: Words,
        /// The factor of the sum of all pixels.
        factor: Factor,
    },
}

/// A layer with weights.
#[derive(Clone, Debug)]
pub struct AffineLayer {
    /// Zero points, range and scale.
    pub words: Words,
    /// The biases, from which the input's zero point times the weights is already subtracted.
    pub bias: Vec<i32>,
    /// One factor for each output.
    pub factors: Vec<Factor>,
    /// `[out][fan_in]`, the fan-in ordered rows, columns, channels. If [`Words`] state four bits, which only a layer
    /// without groups may have, these are multiples of 16 from −112 to 112.
    pub weights: Vec<i8>,
}

impl AffineModel {
    /// Returns the same network with all weights stored in 8 bits.
    pub fn widened(mut self) -> Self {
        for record in &mut self.records {
            if let Record::Layer(layer) = record {
                layer.words.four_bits = false;
            }
        }
        self
    }

    /// Returns the type of the model file's weights: [`WeightType::AffineInt4`] if any layer has weights of 4 bits.
    pub fn weight_type(&self) -> WeightType {
        let narrow = |record: &Record| matches!(record, Record::Layer(layer) if layer.words.four_bits);
        if self.records.iter().any(narrow) { WeightType::AffineInt4 } else { WeightType::Affine }
    }

    /// Returns whether the records are those of the architecture's layers, in size and in range.
    pub fn fits(&self) -> bool {
        let plan = Plan::new(self.spec);
        let mut records = self.records.iter();
        let layers = plan.layers().filter(|layer| layer.weight_bytes(WeightType::Affine, 1) > 0);
        layers.into_iter().all(|layer| match (records.next(), layer.kind) {
            (Some(Record::Layer(record)), LayerKind::Convolution(_) | LayerKind::Full) => record.fits(&layer),
            (Some(Record::Sum { factors, .. }), LayerKind::Sum) => factors.iter().all(in_range),
            (Some(Record::Average { factor, .. }), LayerKind::GlobalAverage) => in_range(factor),
            _ => false,
        }) && records.next().is_none()
    }
}

impl AffineLayer {
    /// Returns whether there are as many numbers as the layer needs, in range.
    fn fits(&self, layer: &Layer) -> bool {
        let (outputs, fan_in) = (usize::from(layer.output.channels), layer.fan_in());
        let sizes = (self.bias.len(), self.factors.len(), self.weights.len());
        let narrow = |weight: &i8| weight % GRAIN == 0 && *weight != i8::MIN;
        sizes == (outputs, outputs, outputs * fan_in)
            && self.factors.iter().all(in_range)
            && (!self.words.four_bits || (layer.groups == 1 && self.weights.iter().all(narrow)))
    }
}

fn in_range(factor: &Factor) -> bool {
    factor.multiplier >= 0 && (-30..=31).contains(&factor.shift)
}
