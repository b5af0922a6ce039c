//! Class maps: how much each part of an image supports each class.
//!
//! In a network that ends with `gap`, the last layer has one map per class, whose mean is the logit. Each value of the
//! map is the evidence for the class at that position (Lin, Chen, Yan 2013). If one fully connected layer follows the
//! average, its weights combine the maps into one map per class, whose mean is the logit without its bias (Zhou et al.
//! 2016).

use nin_core::Plan;
use nin_core::plan::LayerKind;

use crate::network::parameters::tensors;
use crate::network::trained::Trained;

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
        let plan = trained.plan();
        let shape = plan.layers().nth(self.average)?.input;
        let channels = usize::from(shape.channels);
        // Layer `i` has activation `i` as its input.
        let pixels = activations.get(self.average)?.chunks_exact(channels);
        let classes = plan.classes();
        let mut values = vec![0.0; classes * shape.pixels()];
        for (place, pixel) in pixels.enumerate() {
            for class in 0..classes {
                values[class * shape.pixels() + place] = match &self.weights {
                    None => *pixel.get(class)?,
                    Some(weights) => {
                        let row = trained.parameters.get(weights.clone())?.chunks_exact(channels).nth(class)?;
                        row.iter().zip(pixel).map(|(weight, value)| weight * value).sum()
                    }
                };
            }
        }
        Some(ClassMaps { rows: shape.rows.into(), columns: shape.columns.into(), values })
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
    use nin_core::{Plan, Spec};

    use super::{ClassMaps, Head};
    use crate::engine::{Arithmetic, Engine};
    use crate::network::parameters::{Init, initial, tensors};
    use crate::network::preprocessing::Preprocessing;
    use crate::network::trained::Trained;
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
