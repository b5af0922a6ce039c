//! Quantisation-aware training with zero points: it computes what the exported integers compute, and its gradients are those
//! of a naive f64 network with the same rounding.

use nin_core::packing::affine::{Factor, Words};
use nin_core::plan::{LayerKind, Plan};
use nin_core::{Lanes, Spec, WeightType};
use nin_train::formats::model_file::{AffineModel, Integers, Record};
use nin_train::integers::WeightBits;
use nin_train::network::parameters::tensors;
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use nin_train::quantize::aware;
use nin_train::support::random::{Purpose, Stream};
use nin_train::training::checkpoint::Checkpoint;
use nin_train::training::evaluation::evaluator;
use nin_train::{Arithmetic, Draw, Engine, Recipe};

use crate::images::{self, Images};
use crate::naive::{self, covered, sums};
use crate::quantize_family::logits;

/// Small lines that are not square and together contain every kind of layer.
const LINES: &[&str] = &[
    "1x7x6 nin3+1:6 res(dw3+1:6id) dw3/2+same:7id,5 gap fc4",
    "2x6x7 nin3/2+same:6r6 dw3+1r6:7r6 res(dw3+1:8r6,7id)r6 mean2/2 gap fc5,3",
    "2x8x7 nin3+1:5 proj(nin3/2+1:6 nin3+1:6id) res(nin3+1:7 dw5+2id:6id)id max3/2+1 fc4",
    "1x9x7 nin5x3/2x1+same:6id nin1g3:9id avg2x3/1x2 dw3+1id:6id gap",
    "3x6x6 nin3+1:6id mean3/2+1 proj(dw3+1:5id)r6 avg2/1+1 fc6,4",
];

/// Returns a network with random weights, and images for it.
fn network(number: usize, line: &str) -> (Trained, Vec<Vec<u8>>) {
    let spec = Spec::parse(line).expect(line);
    let plan = Plan::new(spec);
    let mut stream = Stream::new(21, Purpose::Weights, number as u64, 0);
    let mut parameters = vec![0.0f32; plan.parameters()];
    for tensor in tensors(&plan) {
        let bound = (6.0 / tensor.layer.fan_in() as f64).sqrt();
        parameters[tensor.weight].iter_mut().for_each(|w| *w = stream.within(bound));
        parameters[tensor.bias].iter_mut().for_each(|b| *b = stream.within(0.3));
    }
    // Values beyond the 6 of a ReLU6.
    let preprocessing = Preprocessing::one_scale(spec.input().channels.into(), 3.0 / 255.0);
    let images = (0..20).map(|_| (0..spec.input().len()).map(|_| stream.below(256) as u8).collect()).collect();
    (Trained { spec, parameters, preprocessing, class_names: Vec::new() }, images)
}

/// Returns a new run of the network with its ranges times `narrow`, so that some activations exceed their range.
fn begun(trained: &Trained, images: &[Vec<u8>], weights: &WeightBits, narrow: f32) -> Checkpoint {
    let mut begun = aware::begin(trained, images, weights).expect("a network that can be quantised");
    begun.ranges.iter_mut().for_each(|range| *range *= narrow);
    let recipe = Recipe { quantize: Some(weights.clone()), ..Recipe::default() };
    Checkpoint::begin(&trained.spec, recipe, begun.network.preprocessing.clone(), Vec::new(), begun.parameters())
}

fn integers(checkpoint: &Checkpoint) -> AffineModel {
    match aware::quantized(checkpoint).expect("a run with integers").expect("integers") {
        Integers::Affine(model) => model,
        other => panic!("zero points, not {:?}", other.weight_type()),
    }
}

fn values(trained: &Trained, image: &[u8]) -> Vec<f32> {
    image.iter().map(|&byte| f32::from(byte) * trained.preprocessing.scale[0]).collect()
}

#[test]
fn training_computes_what_the_exported_integers_compute() {
    let widths = [WeightBits::Eight, WeightBits::Four];
    for ((number, line), weights) in LINES.iter().enumerate().flat_map(|line| widths.each_ref().map(|w| (line, w))) {
        let (trained, images) = network(number, line);
        let checkpoint = begun(&trained, &images, weights, 0.8);
        let four = integers(&checkpoint).weight_type() == WeightType::AffineInt4;
        assert_eq!(four, *weights == WeightBits::Four, "{line}");
        let want = logits(&integers(&checkpoint).to_bytes(Lanes::Sixteen).expect("a file"), &images);
        let mut engine = evaluator(&checkpoint, 1).expect("threads");
        let mut same = 0;
        for (image, want) in images.iter().zip(&want) {
            let got = engine.activations(&values(&trained, image)).pop().expect("logits");
            let most = want.iter().fold(0.0f32, |most, logit| most.max(logit.abs()));
            assert!(most > 0.0, "{line}: alive");
            let off = got.iter().zip(want).map(|(a, b)| (a - b).abs() / most).fold(0.0, f32::max);
            assert!(off < 0.05, "{line}: {off} of the largest logit");
            same += usize::from(off < 1e-5);
        }
        // A float sum near a half may round the other way: one value of some thousands, by one step.
        assert!(10 * same >= 9 * images.len(), "{line}: {same} of {} images", images.len());
    }
}

/// The rounding of one value at the point of the derivative; it stays the same near that point.
#[derive(Clone, Copy, Debug)]
enum Rounded {
    Cut,
    Above,
    Below,
    /// Changed by that many steps.
    Moved(f64),
}

/// The range of a layer's outputs at the point of the derivative.
struct Range {
    /// The positions of its largest and, without a ReLU, its smallest value in the parameters.
    ends: (usize, Option<usize>),
    step: f64,
    zero: f64,
    /// The first and the last byte, in steps from the zero point.
    least: f64,
    most: f64,
    /// Whether the step follows the ends; otherwise it is as narrow as the layer's factors allow.
    follows: bool,
    /// The shift of each output channel.
    shifts: Vec<i32>,
    relu: bool,
}

/// The naive network near one point, with the roundings and choices of that point.
struct Around<'a> {
    plan: Plan,
    model: &'a AffineModel,
    at: Vec<f64>,
    /// For each layer of the plan; `None` for layers on the grid of their input.
    ranges: Vec<Option<Range>>,
    /// For each image and each layer of the plan: the rounding of its values, or the input that a maximum chose.
    rounded: Vec<Vec<Vec<Rounded>>>,
    chosen: Vec<Vec<Vec<usize>>>,
}

impl<'a> Around<'a> {
    fn new(model: &'a AffineModel, at: Vec<f64>) -> Self {
        let plan = Plan::new(model.spec);
        let (mut records, mut next, mut signed) = (model.records.iter(), plan.parameters(), false);
        let mut range = |layer: nin_core::plan::Layer| {
            let channels = usize::from(layer.output.channels);
            let (words, shifts): (&Words, Vec<i32>) = match (layer.kind, layer.has_weights()) {
                (LayerKind::Sum | LayerKind::GlobalAverage, _) | (_, true) => match records.next()? {
                    Record::Layer(layer) => (&layer.words, layer.factors.iter().map(|factor| factor.shift).collect()),
                    Record::Sum { words, factors, .. } => (words, vec![factors[2].shift; channels]),
                    Record::Average { words, factor } => (words, vec![factor.shift; channels]),
                },
                _ => return None,
            };
            if layer.kind != LayerKind::GlobalAverage {
                signed = !layer.relu;
            }
            let ends = (next, signed.then_some(next + 1));
            next += 1 + usize::from(signed);
            let width = at[ends.0] - ends.1.map_or(0.0, |least| at[least]);
            let (step, zero) = (f64::from(words.scale), f64::from(words.output_zero));
            let (least, most) = (f64::from(words.least) - zero, f64::from(words.most) - zero);
            let follows = (step * 255.0 / width - 1.0).abs() < 1e-6;
            Some(Range { ends, step, zero, least, most, follows, shifts, relu: layer.relu })
        };
        let ranges = plan.layers().map(&mut range).collect();
        assert_eq!(next, at.len(), "a parameter for each end");
        Self { plan, model, at, ranges, rounded: Vec::new(), chosen: Vec::new() }
    }

    /// Returns the parameters that the network computes with: rounded as at the point.
    fn moved(&self, parameters: &[f64]) -> Vec<f64> {
        let mut moved = parameters.to_vec();
        let mut scales = vec![f64::from(self.model.preprocessing.scale[0])];
        let mut records = self.model.records.iter();
        let mut all = tensors(&self.plan).into_iter();
        for (index, layer) in self.plan.layers().enumerate() {
            let input = scales[naive::reads(&self.plan, index).0];
            let own = self.ranges[index].as_ref().map(|range| (range.step, records.next().expect("a record")));
            scales.push(own.map_or(input, |(step, _)| step));
            let Some((step, Record::Layer(record))) = own else { continue };
            let (tensor, fan_in) = (all.next().expect("a tensor"), layer.fan_in());
            for (output, bias) in tensor.bias.enumerate() {
                let Factor { multiplier, shift } = record.factors[output];
                let unit = f64::from(multiplier) * 2f64.powi(-31 - shift) * step;
                let weights = &record.weights[output * fan_in..][..fan_in];
                for (i, &weight) in (tensor.weight.start + output * fan_in..).zip(weights) {
                    let value = f64::from(weight) * unit / input;
                    let beyond = (self.at[i] * input / unit).abs() > 127.5;
                    moved[i] = if beyond { value } else { parameters[i] + value - self.at[i] };
                }
                let sum: i32 = weights.iter().map(|&weight| i32::from(weight)).sum();
                let integer = record.bias[output] + i32::from(record.words.input_zero) * sum;
                moved[bias] = parameters[bias] + f64::from(integer) * unit - self.at[bias];
            }
        }
        moved
    }

    fn loss(&mut self, parameters: &[f64], images: &[Vec<f32>], labels: &[usize]) -> f64 {
        let first = self.rounded.is_empty();
        let (moved, tensors) = (self.moved(parameters), tensors(&self.plan));
        let mut loss = 0.0;
        for (number, (image, &label)) in images.iter().zip(labels).enumerate() {
            let mut maps: Vec<Vec<f64>> = vec![image.iter().map(|&value| f64::from(value)).collect()];
            let (mut step, mut zero) = (f64::from(self.model.preprocessing.scale[0]), 0.0);
            let (mut all_rounded, mut all_chosen) = (Vec::new(), Vec::new());
            for (index, layer) in self.plan.layers().enumerate() {
                let tensor = tensors.iter().find(|tensor| tensor.index == index);
                let (input, added) = naive::reads(&self.plan, index);
                let x = &maps[input];
                let channels = usize::from(layer.output.channels);
                let mut chosen = Vec::new();
                let windows = |window| {
                    let pixels =
                        (0..layer.output.rows).flat_map(|row| (0..layer.output.columns).map(move |at| (row, at)));
                    pixels.map(move |(row, column)| covered(window, layer.input, row.into(), column.into()))
                };
                let mut y = match layer.kind {
                    LayerKind::MaxPool(window) => {
                        for places in windows(window) {
                            chosen.extend((0..channels).map(|channel| {
                                let largest = |best: usize, at: usize| if x[at] > x[best] { at } else { best };
                                places.iter().map(|(_, at)| at + channel).reduce(largest).expect("a window")
                            }));
                        }
                        let chosen = if first { &chosen } else { &self.chosen[number][index] };
                        chosen.iter().map(|&at| x[at]).collect()
                    }
                    _ => sums(&layer, tensor, &moved, x, added.map_or(&[][..], |added| &maps[added])),
                };
                if let Some(tensor) = tensor {
                    y.iter_mut().enumerate().for_each(|(i, y)| *y += moved[tensor.bias.start + i % channels]);
                }
                let mut rounded = Vec::new();
                if let Some(range) = &self.ranges[index] {
                    (step, zero) = (range.step, range.zero);
                    if first {
                        rounded =
                            y.iter().zip(range.shifts.iter().cycle()).map(|(y, s)| around(range, *y, *s)).collect();
                    }
                    let rounded = if first { &rounded } else { &self.rounded[number][index] };
                    let change = |end: usize| if range.follows { parameters[end] - self.at[end] } else { 0.0 };
                    let (most, least) = (change(range.ends.0), range.ends.1.map_or(0.0, change));
                    let now = range.step + (most - least) / 255.0;
                    for (y, rounded) in y.iter_mut().zip(rounded) {
                        *y = match rounded {
                            Rounded::Cut => 0.0,
                            Rounded::Above => range.most * range.step + most,
                            Rounded::Below => range.least * range.step + least,
                            // Exact multiples of the step: equal values must be equal for a maximum.
                            Rounded::Moved(by) if first => (*y / range.step + by).round() * range.step,
                            Rounded::Moved(by) => *y + by * now,
                        };
                    }
                } else if let LayerKind::AvgPool(window) | LayerKind::MeanPool(window) = layer.kind {
                    if first {
                        let mean = matches!(layer.kind, LayerKind::MeanPool(_));
                        let counts = windows(window).map(|places| if mean { places.len() } else { window.pixels() });
                        let counts = counts.flat_map(|count| std::iter::repeat_n(count as f64, channels));
                        rounded =
                            y.iter().zip(counts).map(|(y, n)| Rounded::Moved(average(y / step, zero, n))).collect();
                    }
                    let rounded = if first { &rounded } else { &self.rounded[number][index] };
                    for (y, rounded) in y.iter_mut().zip(rounded) {
                        if let Rounded::Moved(by) = rounded {
                            *y += by * step;
                        }
                    }
                }
                all_rounded.push(rounded);
                all_chosen.push(chosen);
                maps.push(y);
            }
            if first {
                self.rounded.push(all_rounded);
                self.chosen.push(all_chosen);
            }
            let logits = maps.last().expect("logits");
            let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            loss += logits.iter().map(|v| (v - largest).exp()).sum::<f64>().ln() + largest - logits[label];
        }
        loss / images.len() as f64
    }
}

/// A sum is rounded twice, first to multiples of 2^−shift with halves up, then with halves away from 0.
fn around(range: &Range, y: f64, shift: i32) -> Rounded {
    let steps = y / range.step;
    match steps {
        steps if range.relu && steps <= 0.0 => Rounded::Cut,
        steps if steps > range.most => Rounded::Above,
        steps if !range.relu && steps < range.least => Rounded::Below,
        steps => {
            let fine = 2f64.powi(shift.max(0));
            let first = (steps * fine + 0.5).floor();
            // f64's `round` rounds halves away from 0.
            let nearest = if shift > 0 { (first / fine).round() } else { first };
            Rounded::Moved(nearest.clamp(range.least, range.most) - steps)
        }
    }
}

/// Returns the distance, in steps, of an average from the result of 8-bit arithmetic.
fn average(steps: f64, zero: f64, count: f64) -> f64 {
    let bytes = ((steps + zero) * count).round();
    (bytes / count - 128.0).round() + 128.0 - zero - steps
}

#[test]
fn gradients_are_those_of_a_network_rounded_in_the_same_places() {
    let (mut above, mut below, mut cut) = (0, 0, 0);
    for (number, line) in LINES.iter().enumerate() {
        let (trained, bytes) = network(number, line);
        let checkpoint = begun(&trained, &bytes, &WeightBits::Eight, 0.7);
        let plan = trained.plan();
        let labels: Vec<usize> = (0..5).map(|i| i % plan.classes()).collect();
        let inputs: Vec<Vec<f32>> = bytes[..5].iter().map(|image| values(&trained, image)).collect();
        let images = Images::new(inputs.concat(), labels.clone(), plan.classes());
        let rounded = Arithmetic::Rounded { input_scale: trained.preprocessing.scale[0], weights: WeightBits::Eight };
        let mut engine = Engine::new(trained.spec, &rounded, 5, 2).expect("threads");
        engine.load(&checkpoint.parameters);
        let mut gradient = vec![0.0; checkpoint.parameters.len()];
        let outcome = engine.gradient(&images, Draw { seed: 0, step: 0 }, &mut gradient);

        let model = integers(&checkpoint);
        let mut exact: Vec<f64> = checkpoint.parameters.iter().map(|p| f64::from(*p)).collect();
        let mut naive = Around::new(&model, exact.clone());
        let want = naive.loss(&exact, &inputs, &labels);
        assert!(images::is_close(outcome.loss / 5.0, want, 1e-5), "{line}: loss {} {want}", outcome.loss / 5.0);
        for rounded in naive.rounded.iter().flatten().flatten() {
            match rounded {
                Rounded::Above => above += 1,
                Rounded::Below => below += 1,
                Rounded::Cut => cut += 1,
                Rounded::Moved(_) => {}
            }
        }
        let scale = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>() / gradient.len() as f64;
        assert!(scale > 1e-12, "{line}: a gradient to compare");
        let step = (plan.parameters() / 150).max(1);
        let biases = tensors(&plan).into_iter().flat_map(|tensor| tensor.bias);
        for i in (0..plan.parameters()).step_by(step).chain(biases).chain(plan.parameters()..exact.len()) {
            let (kept, h) = (exact[i], 1e-6);
            exact[i] = kept + h;
            let higher = naive.loss(&exact, &inputs, &labels);
            exact[i] = kept - h;
            let lower = naive.loss(&exact, &inputs, &labels);
            exact[i] = kept;
            let (got, want) = (f64::from(gradient[i]), (higher - lower) / (2.0 * h));
            let off = (got - want).abs() / want.abs().max(scale.sqrt());
            assert!(off <= 1e-4, "{line}: parameter {i} of {}: {got}, by differences {want}", plan.parameters());
        }
    }
    assert!(above > 50 && below > 20 && cut > 100, "{above} above their range, {below} below, {cut} cut off");
}

/// Padding that counts as zeros needs a zero point that stays 0, which a trained range does not promise.
#[test]
fn an_average_of_padding_and_negative_values_is_refused() {
    let (trained, images) = network(0, "1x6x6 nin3+1:4id avg2/1+1 gap fc3");
    let error = aware::begin(&trained, &images, &WeightBits::Eight).expect_err("padding").to_string();
    assert!(error.contains("`avg2/1+1` counts its padding as zeros"), "{error}");
    let (trained, images) = network(0, LINES[0]);
    let error = aware::begin(&trained, &images, &WeightBits::FourIn(vec![2])).expect_err("groups").to_string();
    assert!(error.contains("layer 2, the first of `dw3+1:6id`, is in groups"), "{error}");
}
