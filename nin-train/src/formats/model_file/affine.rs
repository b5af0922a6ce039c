//! Writes and reads model files with zero points: networks that TensorFlow Lite quantised, and lines that need them.

use nin_core::packing::Packing;
use nin_core::packing::affine::{AVERAGE, FACTOR, Factor, HEADER, SUM, Words};
use nin_core::plan::{Layer, LayerKind};
use nin_core::{Lanes, Model, Plan, WeightType};

use super::pack::{get, get_weight, put, put_weight};
use super::{ExportError, Parts};
use crate::integers::{AffineLayer, AffineModel, Record};
use crate::network::preprocessing::Preprocessing;

impl AffineModel {
    /// Returns the network in a model file, or `None` if the file has weights of another type.
    pub fn from_model(model: &Model<'_>) -> Option<Self> {
        if !model.weight_type().has_zero_points() {
            return None;
        }
        let plan = model.plan();
        let mut rest = model.weights();
        let mut records = Vec::new();
        for layer in plan.layers() {
            let words = || Some(Words::read(rest.get(..HEADER)?));
            let length = match layer.kind {
                LayerKind::Convolution(_) | LayerKind::Full => {
                    let words = words()?;
                    let packing = packing(&layer, &words);
                    let own = rest.get(HEADER..HEADER + packing.bytes())?;
                    records.push(Record::Layer(AffineLayer::unpack(&layer, words, packing, own)));
                    HEADER + packing.bytes()
                }
                LayerKind::Sum => {
                    let words = words()?;
                    let shortcut_zero = u32::from_le_bytes(get(rest, HEADER)) as u8;
                    let factors = [0, 1, 2].map(|at| HEADER + 4 + FACTOR * at);
                    let factors = factors.map(|at| rest.get(at..at + FACTOR).map(|bytes| Factor::read(bytes, 0)));
                    let [Some(body), Some(shortcut), Some(total)] = factors else { return None };
                    records.push(Record::Sum { words, shortcut_zero, factors: [body, shortcut, total] });
                    SUM
                }
                LayerKind::GlobalAverage => {
                    let factor = Factor::read(rest.get(HEADER..AVERAGE)?, 0);
                    records.push(Record::Average { words: words()?, factor });
                    AVERAGE
                }
                _ => 0,
            };
            rest = rest.get(length..)?;
        }
        let class_names = model.class_names().map(str::to_owned).collect();
        Some(Self { spec: *plan.spec(), preprocessing: Preprocessing::of(model), class_names, records })
    }

    /// Returns the bytes of a model file.
    ///
    /// # Errors
    ///
    /// [`ExportError`] if the records are not those of the architecture's layers, or the lanes are not for integers.
    pub fn to_bytes(&self, lanes: Lanes) -> Result<Vec<u8>, ExportError> {
        let weight_type = self.weight_type();
        if Lanes::of(weight_type, lanes.count()).is_none() {
            return Err(ExportError::Packing { lanes, weight_type: weight_type.name() });
        }
        if !self.fits() {
            return Err(ExportError::Integers);
        }
        let plan = &Plan::new(self.spec);
        let mut weights = Vec::new();
        let layers = plan.layers().filter(|layer| layer.weight_bytes(weight_type, 1) > 0);
        for (layer, record) in layers.zip(&self.records) {
            match record {
                Record::Layer(record) => record.pack(&layer, lanes, &mut weights),
                Record::Sum { words, shortcut_zero, factors } => {
                    weights.extend(Words { plain: false, lanes: 1, ..*words }.bytes());
                    weights.extend(u32::from(*shortcut_zero).to_le_bytes());
                    factors.iter().for_each(|factor| weights.extend(factor.bytes()));
                }
                Record::Average { words, factor } => {
                    weights.extend(Words { plain: false, lanes: 1, ..*words }.bytes());
                    weights.extend(factor.bytes());
                }
            }
        }
        let Self { preprocessing, class_names, .. } = self;
        Parts { plan, preprocessing, class_names, weight_type, lanes }.to_bytes(&weights)
    }
}

/// Returns the layout of a layer with these words.
fn packing(layer: &Layer, words: &Words) -> Packing {
    let weight_type = if words.four_bits { WeightType::AffineInt4 } else { WeightType::Affine };
    layer.packing(weight_type, words.lanes.into())
}

impl AffineLayer {
    /// Returns the bias and the factor that the file has for an output. Without weights every result is the same: then
    /// they are small numbers with that result, however large the bias is. TensorFlow Lite quantises such outputs with
    /// scales of next to nothing.
    fn stored(&self, output: usize, fan_in: usize) -> (i32, Factor) {
        let (bias, factor) = (self.bias[output], self.factors[output]);
        let weights = &self.weights[output * fan_in..][..fan_in];
        if self.words.once || weights.iter().any(|&weight| weight != 0) {
            return (bias, factor);
        }
        // Further away than all bytes is as good as any.
        (4 * factor.apply(bias).clamp(-512, 512), Factor { multiplier: 1 << 30, shift: 1 })
    }

    /// Reads the layer's part of a file after its words.
    fn unpack(layer: &Layer, words: Words, packing: Packing, bytes: &[u8]) -> Self {
        let outputs = usize::from(layer.output.channels);
        let int = |at: usize| i32::from_le_bytes(get(bytes, at));
        let factor = |output| Factor { multiplier: int(packing.multiplier(output)), shift: int(packing.shift(output)) };
        let fan_in = layer.fan_in();
        let weight = |i: usize| get_weight(bytes, packing.weight(i / fan_in, i % fan_in));
        Self {
            words,
            bias: (0..outputs).map(|output| int(packing.bias(output)) / packing.bias_factor()).collect(),
            factors: (0..outputs).map(factor).collect(),
            weights: (0..outputs * fan_in).map(weight).collect(),
        }
    }

    /// Whether the layer rounds twice, with shifts from 1 to 31, and its accumulators stay below 2^30.
    fn is_plain(&self, layer: &Layer) -> bool {
        let fan_in = layer.fan_in();
        let fits = |output: usize| {
            let (bias, factor) = self.stored(output, fan_in);
            let weights = &self.weights[output * fan_in..][..fan_in];
            let magnitudes: i64 = weights.iter().map(|&weight| i64::from(weight).abs()).sum();
            (1..=31).contains(&factor.shift) && i64::from(bias).abs() + 255 * magnitudes < 1 << 30
        };
        !self.words.once && (0..self.bias.len()).all(fits)
    }

    /// Appends the layer's part of the file. A layer that no kernel with lanes computes has plain rows: one that is not a
    /// convolution, or not plain.
    fn pack(&self, layer: &Layer, lanes: Lanes, bytes: &mut Vec<u8>) {
        let fan_in = layer.fan_in();
        let plain = self.is_plain(layer);
        let convolution = matches!(layer.kind, LayerKind::Convolution(_));
        let lanes = if plain && convolution { layer.lanes(lanes.count()) } else { 1 };
        let words = Words { plain, lanes: lanes as u8, ..self.words };
        bytes.extend(words.bytes());
        let packing = packing(layer, &words);
        let start = bytes.len();
        bytes.resize(start + packing.bytes(), 0);
        let bytes = &mut bytes[start..];
        for output in 0..packing.padded_outputs() {
            let padding = (0, Factor { multiplier: 0, shift: 1 });
            let (bias, factor) = if output < self.bias.len() { self.stored(output, fan_in) } else { padding };
            put(bytes, packing.bias(output), (packing.bias_factor() * bias).to_le_bytes());
            put(bytes, packing.multiplier(output), factor.multiplier.to_le_bytes());
            put(bytes, packing.shift(output), factor.shift.to_le_bytes());
            if let Some(at) = packing.half_unit(output) {
                put(bytes, at, ((1u32 << factor.shift) >> 1).to_le_bytes());
            }
        }
        for (output, weights) in self.weights.chunks_exact(fan_in).enumerate() {
            for (input, &weight) in weights.iter().enumerate() {
                put_weight(bytes, packing.weight(output, input), weight);
            }
        }
    }
}
