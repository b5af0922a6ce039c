//! Class maps: how much each part of an image supports each class.
//!
//! In a network that ends with `gap`, the last layer has one map per class, whose mean is the logit. Each value of the
//! map is the evidence for the class at that position (Lin, Chen, Yan 2013). If one fully connected layer follows the
//! average, its weights combine the maps into one map per class, whose mean is the logit without its bias (Zhou et al.
//! 2016).

use ndarray::ArrayView4;
use nin_core::plan::LayerKind;
use nin_core::{Model, Plan};

use crate::engine::arrays::{Maps, activations};
use crate::engine::streaming::StreamingError;
use crate::network::parameters::tensors;
use crate::network::trained::Trained;
use crate::report::network::{Averaged, Network};

/// The layers from which class maps are computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Index of the global average layer. Its input contains the maps.
    average: usize,
    /// Range of the weights of the layer after the average in the parameters, if there is one.
    weights: Option<std::ops::Range<usize>>,
}

impl Head {
    /// Returns the head of a network, or a sentence that explains why it has no class maps.
    pub(super) fn of(plan: &Plan) -> Result<Self, &'static str> {
        let layers: Vec<_> = plan.layers().collect();
        let Some(average) = layers.iter().position(|layer| matches!(layer.kind, LayerKind::GlobalAverage)) else {
            return Err("This network ends with fully connected layers without a global average before them. Their \
                        weights mix all positions, so there are no class maps.");
        };
        let after: Vec<_> = tensors(plan).into_iter().filter(|tensor| tensor.index > average).collect();
        match after.as_slice() {
            [] => Ok(Self { average, weights: None }),
            [last] if !last.layer.relu => Ok(Self { average, weights: Some(last.weight.clone()) }),
            _ => Err("Several fully connected layers follow the global average. Their output is not a sum over \
                      positions, so there are no class maps."),
        }
    }

    /// Returns whether the maps are weighted sums of the last layer's maps.
    pub(super) fn is_weighted(&self) -> bool {
        self.weights.is_some()
    }

    /// Returns one map per class. `activations` are the image and the output of every layer; `None` if they do not fit.
    pub(super) fn maps(&self, trained: &Trained, activations: &[Vec<f32>]) -> Option<ClassMaps> {
        let weights = match &self.weights {
            Some(weights) => Some(trained.parameters.get(weights.clone())?),
            None => None,
        };
        // Layer `i` has activation `i` as its input.
        self.combined(&trained.plan(), activations.get(self.average)?, weights)
    }

    /// Returns one map per class of one image (1 × rows × columns × channels), as the board's engine computes the last
    /// maps; `None` if the network's weights do not fit.
    pub(super) fn maps_of_model(
        &self,
        model: &Model<'_>,
        network: Network<'_>,
        image: ArrayView4<'_, u8>,
    ) -> Result<Option<ClassMaps>, StreamingError> {
        let plan = model.plan();
        let (_, layers) = activations(model, image)?;
        let Some(average) = plan.layers().nth(self.average) else { return Ok(None) };
        let before = layers.iter().rev().find(|layer| layer.index < self.average);
        let read: Vec<f32> = match before.map(|layer| &layer.maps) {
            Some(Maps::Floats(maps)) => maps.iter().copied().collect(),
            Some(Maps::Bytes(maps)) => maps.iter().map(|&byte| byte.into()).collect(),
            None => return Ok(None),
        };
        let Averaged { zero, unit } = network.averaged(average.input.pixels(), !self.is_weighted());
        let values: Vec<f32> = read.into_iter().map(|value| (value - zero) * unit).collect();
        let weights = if self.is_weighted() { network.last_weights() } else { None };
        Ok(self.combined(plan, &values, weights.as_deref()))
    }

    /// Returns one map per class of the maps that are averaged (rows × columns × channels) and the weights after the
    /// average (classes × channels), if there are any.
    fn combined(&self, plan: &Plan, values: &[f32], weights: Option<&[f32]>) -> Option<ClassMaps> {
        let shape = plan.layers().nth(self.average)?.input;
        let channels = usize::from(shape.channels);
        let pixels = values.chunks_exact(channels);
        let classes = plan.classes();
        let mut maps = vec![0.0; classes * shape.pixels()];
        for (place, pixel) in pixels.enumerate() {
            for class in 0..classes {
                maps[class * shape.pixels() + place] = match weights {
                    None => *pixel.get(class)?,
                    Some(weights) => {
                        let row = weights.chunks_exact(channels).nth(class)?;
                        row.iter().zip(pixel).map(|(weight, value)| weight * value).sum()
                    }
                };
            }
        }
        Some(ClassMaps { rows: shape.rows.into(), columns: shape.columns.into(), values: maps })
    }
}

/// The maps of one image, one per class.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ClassMaps {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Values in the order `(class, row, column)`.
    values: Vec<f32>,
}

impl ClassMaps {
    /// Returns the number of maps.
    pub(super) fn count(&self) -> usize {
        self.values.len() / (self.rows * self.columns).max(1)
    }

    /// Returns the map of a class, row by row.
    pub(super) fn map(&self, class: usize) -> &[f32] {
        let pixels = self.rows * self.columns;
        &self.values[class * pixels..][..pixels]
    }

    /// Returns the largest value of all maps, at least 0. Negative values, evidence against a class, are shown like 0.
    pub(super) fn most(&self) -> f32 {
        self.values.iter().copied().filter(|value| value.is_finite()).fold(0.0, f32::max)
    }

    /// Returns a map's bilinearly interpolated value; `x` and `y` run from 0 to 1 across the image.
    pub(super) fn at(&self, class: usize, x: f32, y: f32) -> f32 {
        let map = self.map(class);
        let side = |at: f32, count: usize| {
            let at = (at * count as f32 - 0.5).clamp(0.0, (count - 1) as f32);
            let first = at as usize;
            (first, (first + 1).min(count - 1), at - first as f32)
        };
        let ((left, right, across), (top, bottom, down)) = (side(x, self.columns), side(y, self.rows));
        let row = |row: usize| {
            let line = &map[row * self.columns..];
            line[left] * (1.0 - across) + line[right] * across
        };
        row(top) * (1.0 - down) + row(bottom) * down
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayView4;
    use nin_core::{Lanes, Plan, Spec, WeightType};

    use super::{ClassMaps, Head};
    use crate::engine::streaming::{ModelBytes, Streaming};
    use crate::engine::{Arithmetic, Engine};
    use crate::network::parameters::{Init, initial, tensors};
    use crate::network::preprocessing::Preprocessing;
    use crate::network::trained::Trained;
    use crate::quantize;
    use crate::report::Network;
    use crate::support::random::{Purpose, Stream};

    fn trained(line: &str) -> Trained {
        let spec = Spec::parse(line).unwrap();
        Trained {
            spec,
            parameters: initial(&Plan::new(spec), Init::XavierBook, 3),
            preprocessing: Preprocessing::unit(2),
            class_names: Vec::new(),
        }
    }

    /// The means of the maps are the logits without the bias of a last layer.
    #[test]
    fn the_maps_average_to_the_logits() {
        for line in ["2x9x7 nin3+1:6,4 drop0.5 gap", "2x9x7 nin3/2:6 max2/2 gap drop0.5 fc4"] {
            let trained = trained(line);
            let plan = trained.plan();
            let mut stream = Stream::new(1, Purpose::Weights, 7, 7);
            let image: Vec<f32> = (0..2 * 9 * 7).map(|_| stream.within(1.0)).collect();
            let mut engine = Engine::new(trained.spec, &Arithmetic::Float, 0, 1).unwrap();
            engine.load(&trained.parameters);
            let activations = engine.activations(&image);
            let head = Head::of(&plan).unwrap();
            let maps = head.maps(&trained, &activations).unwrap();
            let last = tensors(&plan).pop().unwrap();
            let logits = activations.last().unwrap();
            assert!(logits.iter().any(|logit| *logit != 0.0), "{line}: nothing to see");
            for (class, logit) in logits.iter().enumerate() {
                let bias = if head.is_weighted() { trained.parameters[last.bias.start + class] } else { 0.0 };
                let mean = maps.map(class).iter().sum::<f32>() / maps.map(class).len() as f32;
                assert!((mean + bias - logit).abs() < 1e-5, "{line}: class {class}: {mean} + {bias} for {logit}");
            }
        }
    }

    /// The same for model files: of floats, of integers, and of integers with zero points, also of a last map with values
    /// below 0.
    #[test]
    fn the_maps_of_a_model_average_to_its_logits() {
        let images: Vec<Vec<u8>> = (0..8)
            .map(|number| {
                let mut stream = Stream::new(2, Purpose::Weights, number, 7);
                (0..2 * 9 * 7).map(|_| stream.below(256) as u8).collect()
            })
            .collect();
        for line in [
            "2x9x7 nin3+1:6,4 drop0.5 gap",
            "2x9x7 nin3/2:6 max2/2 gap drop0.5 fc4",
            "2x9x7 nin3+1:6 dw3+1:4id gap",
            "2x9x7 nin3+1:6 res(dw3+1:6id)id gap fc4",
        ] {
            let trained = trained(line);
            let options = quantize::Options { correct_biases: false, ..Default::default() };
            let (integers, _) = quantize::calibrated(&trained, &images, &options, |_, _| ()).unwrap();
            let plan = trained.plan();
            let head = Head::of(&plan).unwrap();
            let files = [
                (trained.to_model(WeightType::F32, Lanes::Four).unwrap(), Network::Floats(&trained), 1e-4),
                (integers.to_bytes(Lanes::Two).unwrap(), Network::from(&integers), 0.05),
            ];
            for (file, network, tolerance) in files {
                let bytes = ModelBytes::new(&file);
                let model = bytes.model().unwrap();
                let image = ArrayView4::from_shape((1, 9, 7, 2), &images[0][..]).unwrap();
                let maps = head.maps_of_model(&model, network, image).unwrap().unwrap();
                let logits = Streaming::new(&model).classify(&images[0], plan.shape(0)).unwrap();
                let last = tensors(&plan).pop().unwrap();
                let largest = logits.iter().fold(0.0f32, |most, logit| most.max(logit.abs()));
                assert!(largest > 0.05, "{line}: nothing to see");
                for (class, logit) in logits.iter().enumerate() {
                    let bias = if head.is_weighted() { trained.parameters[last.bias.start + class] } else { 0.0 };
                    let mean = maps.map(class).iter().sum::<f32>() / maps.map(class).len() as f32;
                    let error = (mean + bias - logit).abs();
                    assert!(error <= tolerance * largest, "{line}: class {class}: {mean} + {bias} for {logit}");
                }
            }
        }
    }

    #[test]
    fn other_heads_have_no_maps() {
        let head = |line: &str| Head::of(&Plan::new(Spec::parse(line).unwrap()));
        assert!(head("1x8x8 nin3:4 fc3").unwrap_err().contains("without a global average"));
        assert!(head("1x8x8 nin3:4 gap fc8,3").unwrap_err().contains("Several"));
        assert!(head("1x8x8 nin3:4 gap fc8 drop0.5 fc3").unwrap_err().contains("Several"));
    }

    #[test]
    fn between_places_a_map_is_linear() {
        let maps = ClassMaps { rows: 1, columns: 2, values: vec![9.0, 9.0, 0.0, 1.0] };
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(|x| maps.at(1, x, 0.5)), [0.0, 0.0, 0.5, 1.0, 1.0]);
        assert_eq!(maps.most(), 9.0);
    }
}
