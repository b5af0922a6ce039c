//! Networks whose maps are bytes with scales and zero points: models of integers of this program.

use nin_core::Spec;
use nin_core::packing::affine::{Factor, Words};
use nin_core::spec::Activation;

use super::chain::{Entry, Followed};
use super::layer::{Grid, Id, Kind, Layer, Net, Steps};
use super::{Place, Problem};
use crate::formats::model_file::{AffineLayer, AffineModel, Integers, Record};
use crate::integers::{Output, QuantizedLayer, QuantizedModel, factor, multiplier};
use crate::network::preprocessing::Preprocessing;

impl Net {
    /// Whether any map of the network is quantised.
    pub fn is_quantised(&self) -> bool {
        self.layers.iter().any(|layer| layer.grid.is_some())
    }

    /// States that the output of a layer is rounded to bytes. What is rounded already stays as it is, if to the same.
    ///
    /// # Errors
    ///
    /// If it is rounded to others.
    pub fn quantise(&mut self, layer: Id, grid: Grid, place: &Place) -> Result<(), Problem> {
        let own = self.grid(layer);
        match own {
            Some(own) if own == grid => Ok(()),
            Some(_) if matches!(self.layers[layer].kind, Kind::Max(_) | Kind::Average(_) | Kind::Mean(_)) => {
                Err(place.problem(
                    "gives the output of a pool another scale or zero point than its input has, and a pool of a line keeps \
                     them; quantise the network in QDQ form, where they are the same",
                ))
            }
            Some(_) => Err(place.problem("changes the scale of its map")),
            None => {
                self.layers[layer].grid = Some(grid);
                Ok(())
            }
        }
    }

    /// States the integers of a layer's weights.
    pub fn set_steps(&mut self, layer: Id, steps: Steps) {
        self.layers[layer].steps = Some(steps);
    }

    /// Returns scale and zero point of a layer's output. A pool has those of its input.
    pub fn grid(&self, layer: Id) -> Option<Grid> {
        let Layer { kind, inputs, grid, .. } = &self.layers[layer];
        match (grid, kind) {
            (Some(grid), _) => Some(*grid),
            (None, Kind::Max(_) | Kind::Average(_) | Kind::Mean(_)) => self.grid(inputs[0]),
            _ => None,
        }
    }

    fn stated(&self, layer: Id) -> Result<Grid, Problem> {
        let problem = || self.layers[layer].place.problem("has an output that is not rounded to 8 bits, as others are");
        self.grid(layer).ok_or_else(problem)
    }

    /// Returns the network as a model of integers; `answer` is the layer whose output is the logits.
    ///
    /// # Errors
    ///
    /// [`Problem`] names the layer that no line, or no model of integers, has.
    pub fn lower_integers(mut self, answer: Id) -> Result<Integers, Problem> {
        let summed: Vec<Id> = self
            .layers
            .iter()
            .filter(|layer| matches!(layer.kind, Kind::Sum))
            .flat_map(|sum| sum.inputs.clone())
            .collect();
        for (id, layer) in self.layers.iter_mut().enumerate() {
            // Bytes from 0 on are those after a ReLU, which other programs leave out. The ends of a shortcut stay as they
            // are: a projection has none.
            let is_weighty = matches!(layer.kind, Kind::Convolution { .. } | Kind::Full { .. } | Kind::Sum);
            let is_weighty = is_weighty && id != answer && !summed.contains(&id) && !self.is_own;
            if is_weighty && layer.activation == Activation::Identity && layer.grid.is_some_and(|grid| grid.zero == 0) {
                layer.activation = Activation::Relu;
            }
        }
        let Followed { spec, entries } = self.follow(answer)?;
        let unrounded =
            |entry: &Entry| matches!(entry, Entry::Average { average, .. } if self.grid(*average).is_none());
        if entries.iter().any(unrounded) || (self.grid(answer).is_none() && !spec.is_extended()) {
            return self.without_zero_points(spec, &entries).map(Integers::Unsigned);
        }
        let records = entries.iter().map(|entry| self.record(*entry)).collect::<Result<Vec<_>, Problem>>()?;
        let image = self.stated(0)?;
        let channels = self.size(0)[2];
        let preprocessing =
            Preprocessing { mean: vec![f32::from(image.zero); channels], scale: vec![image.scale; channels] };
        let model = AffineModel { spec, preprocessing, class_names: Vec::new(), records };
        if !model.fits() {
            return Err(Problem::whole("has weights or scales that do not fit its maps"));
        }
        Ok(Integers::Affine(model))
    }

    /// Returns what a model file states of one layer.
    fn record(&self, entry: Entry) -> Result<Record, Problem> {
        match entry {
            Entry::Weights(id) => self.layer_record(id).map(Record::Layer),
            Entry::Sum { sum, body, shortcut } => {
                let layer = &self.layers[sum];
                let [body, shortcut, output] = [self.stated(body)?, self.stated(shortcut)?, self.stated(sum)?];
                // Both to half of the larger scale, with 20 bits below its unit, as TensorFlow Lite adds.
                let unit = 2.0 * f64::from(body.scale.max(shortcut.scale));
                let factors = [
                    f64::from(body.scale) / unit,
                    f64::from(shortcut.scale) / unit,
                    unit / (f64::from(1 << 20) * f64::from(output.scale)),
                ];
                let [Some(ours), Some(theirs), Some(total)] = factors.map(factor) else {
                    return Err(layer.place.problem("has scales that are out of range"));
                };
                if total.shift < 0 {
                    return Err(layer.place.problem("has an output scale far below those of its inputs"));
                }
                let words = words(body, output, layer.activation);
                Ok(Record::Sum { words, shortcut_zero: shortcut.zero, factors: [ours, theirs, total] })
            }
            Entry::Average { average, input } => {
                let layer = &self.layers[average];
                let (before, after) = (self.stated(input)?, self.stated(average)?);
                let [rows, columns, _] = self.size(input);
                let real = f64::from(before.scale) / (f64::from(after.scale) * (rows * columns) as f64);
                let factor = factor(real).ok_or_else(|| layer.place.problem("has scales that are out of range"))?;
                Ok(Record::Average { words: words(before, after, Activation::Identity), factor })
            }
        }
    }

    /// Returns the integers of a layer with weights.
    fn steps(&self, id: Id) -> Result<&Steps, Problem> {
        let Layer { steps, place, .. } = &self.layers[id];
        steps
            .as_ref()
            .ok_or_else(|| place.problem("has weights that are not 8-bit integers, as those of other layers are"))
    }

    fn layer_record(&self, id: Id) -> Result<AffineLayer, Problem> {
        let Layer { inputs, activation, place, .. } = &self.layers[id];
        let Steps { weights, scales, bias } = self.steps(id)?;
        let (input, output) = (self.stated(inputs[0])?, self.stated(id)?);
        let real = |scale: &f32| f64::from(input.scale) * f64::from(*scale) / f64::from(output.scale);
        let factors: Option<Vec<Factor>> = scales.iter().map(|scale| factor(real(scale))).collect();
        let factors = factors.ok_or_else(|| place.problem("has scales that are out of range"))?;
        let bias = self.biases(id, bias, scales, input.scale.into())?;
        let fan_in = (weights.len() / scales.len().max(1)).max(1);
        let mut folded = Vec::with_capacity(bias.len());
        for (output, (row, (bias, factor))) in weights.chunks_exact(fan_in).zip(bias.iter().zip(&factors)).enumerate() {
            let sum: i64 = row.iter().map(|&weight| i64::from(weight)).sum();
            let magnitudes: i64 = row.iter().map(|&weight| i64::from(weight).abs()).sum();
            let own = i64::from(*bias) - i64::from(input.zero) * sum;
            let most = i128::from(own.abs() + 255 * magnitudes) << (-factor.shift).max(0);
            match i32::try_from(own) {
                Ok(own) if most < 1 << 31 => folded.push(own),
                _ => return Err(place.problem(format!("has an output, {output}, whose sums may leave 32 bits"))),
            }
        }
        Ok(AffineLayer { words: words(input, output, *activation), bias: folded, factors, weights: weights.clone() })
    }

    /// Returns biases in units of the sums: of the input's scale times the scale of an output's weights.
    fn biases(&self, id: Id, bias: &[f64], scales: &[f32], input: f64) -> Result<Vec<i32>, Problem> {
        let in_steps = bias.iter().zip(scales).map(|(bias, scale)| {
            let unit = input * f64::from(*scale);
            // A file has this unit as an f32, whose rounding would show in large integers.
            let stated = bias / f64::from(unit as f32);
            let steps = if (stated - stated.round()).abs() < 1e-6 { stated } else { bias / unit }.round();
            (steps.abs() < f64::from(1 << 30)).then_some(steps as i32)
        });
        let found: Option<Vec<i32>> = in_steps.collect();
        found.ok_or_else(|| self.layers[id].place.problem("has a bias that leaves 32 bits"))
    }

    /// Returns a network whose average and logits are sums.
    fn without_zero_points(&self, spec: Spec, entries: &[Entry]) -> Result<QuantizedModel, Problem> {
        let input_scale = self.stated(0)?.scale;
        let (mut layers, mut scale, mut pixels) = (Vec::new(), input_scale, 1);
        if spec.is_extended() || self.layers.iter().any(|layer| layer.grid.is_some_and(|grid| grid.zero != 0)) {
            return Err(Problem::whole(
                "has an average or logits that are not rounded to 8 bits, which only networks of `nin`, `max`, `avg`, `gap` \
                 and `fc` without zero points have; quantise these operators, too",
            ));
        }
        for entry in entries {
            let id = match *entry {
                Entry::Weights(id) => id,
                Entry::Average { input, .. } => {
                    let [rows, columns, _] = self.size(input);
                    pixels = rows * columns;
                    continue;
                }
                Entry::Sum { sum, .. } => return Err(self.layers[sum].place.problem("adds maps")),
            };
            let Steps { weights, scales, bias } = self.steps(id)?;
            let inputs = f64::from(scale) / pixels as f64;
            let bias = self.biases(id, bias, scales, inputs)?;
            let fan_in = (weights.len() / scales.len().max(1)).max(1);
            for (output, (row, bias)) in weights.chunks_exact(fan_in).zip(&bias).enumerate() {
                let magnitudes: i128 = row.iter().map(|&weight| i128::from(weight).abs()).sum();
                if i128::from(*bias).abs() + 255 * pixels as i128 * magnitudes >= 1 << 30 {
                    let problem = format!("has an output, {output}, whose sums may leave 30 bits");
                    return Err(self.layers[id].place.problem(problem));
                }
            }
            let output = match self.layers[id].grid {
                None => Output::Logits { scales: scales.iter().map(|own| (inputs * f64::from(*own)) as f32).collect() },
                Some(Grid { scale: output, .. }) => {
                    let real = |own: &f32| inputs * f64::from(*own) / f64::from(output);
                    let factors: Option<Vec<_>> = scales.iter().map(|own| multiplier(real(own))).collect();
                    let factors = factors.ok_or_else(|| {
                        self.layers[id].place.problem("has an output scale below twice that of its sums")
                    })?;
                    let (multipliers, shifts) = factors.into_iter().unzip();
                    Output::Activations { scale: output, multipliers, shifts }
                }
            };
            layers.push(QuantizedLayer {
                weights: weights.clone(),
                bits: 8,
                bias,
                input_scale: scale,
                pixels,
                weight_scales: scales.clone(),
                output,
            });
            if let Some(Grid { scale: own, .. }) = self.layers[id].grid {
                scale = own;
            }
            pixels = 1;
        }
        Ok(QuantizedModel { spec, layers, input_scale, class_names: Vec::new() })
    }
}

/// Returns zero points, range and scale of a layer.
fn words(input: Grid, output: Grid, activation: Activation) -> Words {
    let six = f32::from(output.zero) + (6.0 / output.scale).round();
    let (least, most) = match activation {
        Activation::Identity => (0, 255),
        Activation::Relu => (output.zero, 255),
        Activation::Relu6 => (output.zero, six.min(255.0) as u8),
    };
    Words {
        input_zero: input.zero,
        output_zero: output.zero,
        least,
        most,
        plain: false,
        lanes: 1,
        once: false,
        four_bits: false,
        scale: output.scale,
    }
}

#[cfg(test)]
mod tests {
    use nin_core::spec::Window;

    use super::*;

    #[test]
    fn a_pool_keeps_its_scale_and_a_global_average_has_its_own() {
        let place = Place::default();
        let [own, other] = [0.5, 0.25].map(|scale| Grid { scale, zero: 3 });
        let mut net = Net::new([4, 4, 2]).unwrap();
        net.quantise(0, own, &place).unwrap();
        let pool = net.average(0, Window::square(2, 2, 0), false, &place).unwrap();
        assert!(net.quantise(pool, own, &place).is_ok());
        for other in [other, Grid { zero: 4, ..own }] {
            let error = net.quantise(pool, other, &place).unwrap_err().to_string();
            assert!(error.contains("another scale or zero point than its input has"), "{error}");
        }
        let average = net.global_average(pool, &place);
        net.quantise(average, other, &place).unwrap();
        assert_eq!([0, pool, average].map(|layer| net.grid(layer)), [Some(own), Some(own), Some(other)]);
        assert!(net.quantise(0, other, &place).unwrap_err().to_string().contains("changes the scale of its map"));
    }
}
