//! Quantisation-aware training: it computes what the exported integers compute, its gradients are those of a naive f64
//! network with the same rounding, and the same seed gives the same bytes.

use crate::images;
use crate::naive;
use crate::timeless;

use std::ops::ControlFlow;

use images::Images;
use naive::{covered, sums};
use nin_core::Lanes;
use nin_core::plan::{LayerKind, Plan};
use nin_core::{Int8, Network, Shape, Spec};
use nin_train::data::Augment;
use nin_train::data::Dataset;
use nin_train::engine::streaming::ModelBytes;
use nin_train::formats::model_file::Integers;
use nin_train::integers::{GRAIN, Output, QuantizedModel, WeightBits};
use nin_train::network::parameters::tensors;
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use nin_train::quantize::aware;
use nin_train::support::random::{Purpose, Stream};
use nin_train::training::checkpoint::Checkpoint;
use nin_train::training::evaluation::evaluator;
use nin_train::training::optim::Optimizer;
use nin_train::training::trainer::Ended;
use nin_train::{Arithmetic, Draw, Engine, Recipe, Trainer};
use timeless::bytes;

/// Small lines that are not square and together contain every kind of stage.
const LINES: &[&str] = &[
    "1x7x9 nin3:4,5 max2/2 gap fc3",
    "2x9x8 nin3+1:5,4 max3/2+1 nin3+2:6,3 gap",
    "3x11x7 nin5/2+2:17,6 avg3/2+1 nin2:5 gap fc4",
    "2x10x9 nin3/2+1:6 nin3/2+1:7 nin2/3:5 fc6,3",
    "2x6x7 avg2/1 nin3+2:5 max2/1+1 nin1:33 avg2/2 fc4",
    "4x6x5 fc9,5",
    "1x8x8 nin3+1:20,8 avg2/2 nin3:6 gap",
];

/// Returns a network with random weights, and images for it.
fn network(number: usize, line: &str) -> (Trained, Vec<Vec<u8>>) {
    let spec = Spec::parse(line).expect(line);
    let plan = Plan::new(spec);
    let mut stream = Stream::new(11, Purpose::Weights, number as u64, 0);
    let mut parameters = vec![0.0f32; plan.parameters()];
    for tensor in tensors(&plan) {
        let bound = (6.0 / tensor.layer.fan_in() as f64).sqrt();
        parameters[tensor.weight].iter_mut().for_each(|w| *w = stream.within(bound));
        parameters[tensor.bias].iter_mut().for_each(|b| *b = stream.within(0.3));
    }
    let preprocessing = Preprocessing::unit(spec.input().channels.into());
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

fn integers(checkpoint: &Checkpoint) -> QuantizedModel {
    match aware::quantized(checkpoint).expect("a run with integers").expect("integers") {
        Integers::Unsigned(model) => model,
        other => panic!("no zero points, not {:?}", other.weight_type()),
    }
}

fn unit(image: &[u8]) -> Vec<f32> {
    image.iter().map(|&byte| f32::from(byte) * (1.0 / 255.0)).collect()
}

#[test]
fn training_computes_what_the_exported_integers_compute() {
    for (number, line) in LINES.iter().enumerate() {
        for weights in [WeightBits::Eight, WeightBits::Four, WeightBits::FourIn(vec![2])] {
            let (trained, images) = network(number, line);
            let checkpoint = begun(&trained, &images, &weights, 0.7);
            let model = integers(&checkpoint);
            let narrow = |layer: usize| model.layers[layer].weights.iter().all(|weight| weight % GRAIN == 0);
            let plan = model.plan();
            for (index, layer) in plan.layers().filter(|layer| layer.has_weights()).enumerate() {
                assert_eq!(narrow(index), weights.bits(index + 1, &layer) == 4, "{line}");
            }
            let file = ModelBytes::new(&model.clone().widened().to_bytes(Lanes::Sixteen).expect("a file"));
            let file = file.model().expect("a sound file");
            let mut state = vec![0; file.state_words()];
            let mut engine = evaluator(&checkpoint, 1).expect("threads");
            let mut same = 0;
            for image in &images {
                let got = engine.activations(&unit(image)).pop().expect("logits");
                let mut integers = Network::<Int8>::new(&file, &mut state).expect("a network");
                let rows = image.chunks_exact(trained.spec.input().row());
                rows.for_each(|row| integers.push_row(row).expect("a row"));
                let want = integers.finish().expect("logits");
                let most = want.iter().fold(0.0f32, |most, logit| most.max(logit.abs()));
                assert!(most > 0.0, "{line}: alive");
                let off = got.iter().zip(want).map(|(a, b)| (a - b).abs() / most).fold(0.0, f32::max);
                assert!(off < 0.05, "{line} {weights}: {off} of the largest logit");
                same += usize::from(off < 1e-5);
            }
            // A float sum near a half may round the other way: one value of some thousands, by one step.
            assert!(10 * same >= 9 * images.len(), "{line} {weights}: {same} of {} images", images.len());
        }
    }
}

/// The rounding of one value at the point of the derivative; it stays the same near that point.
#[derive(Clone, Copy)]
enum Rounded {
    Zero,
    Above,
    /// Changed by that many steps.
    Moved(f64),
    /// Changed by that many steps, to 0.
    Lost(f64),
}

/// The naive network near one point, with the roundings and choices of that point.
struct Around<'a> {
    plan: Plan,
    model: &'a QuantizedModel,
    at: Vec<f64>,
    /// For each image and each layer of the plan: the rounding of its values, or the input that a maximum chose.
    rounded: Vec<Vec<Vec<Rounded>>>,
    chosen: Vec<Vec<Vec<usize>>>,
}

impl Around<'_> {
    /// Returns the parameters that the network computes with: rounded as at the point.
    fn moved(&self, parameters: &[f64]) -> Vec<f64> {
        let mut moved = parameters.to_vec();
        for (tensor, layer) in tensors(&self.plan).into_iter().zip(&self.model.layers) {
            let (fan_in, grain) = (tensor.layer.fan_in(), if layer.bits == 4 { f64::from(GRAIN) } else { 1.0 });
            let most = if layer.bits == 4 { 7.0 } else { 127.0 };
            for (i, at) in tensor.weight.enumerate() {
                let scale = f64::from(layer.weight_scales[i / fan_in]);
                let value = f64::from(layer.weights[i]) * scale;
                let beyond = (self.at[at] / (scale * grain)).abs() > most + 0.5;
                moved[at] = if beyond { value } else { parameters[at] + value - self.at[at] };
            }
            for ((at, &bias), unit) in tensor.bias.zip(&layer.bias).zip(layer.units()) {
                moved[at] = parameters[at] + f64::from(bias) * unit - self.at[at];
            }
        }
        moved
    }

    fn loss(&mut self, parameters: &[f64], images: &[Vec<u8>], labels: &[usize]) -> f64 {
        let first = self.rounded.is_empty();
        let (moved, tensors) = (self.moved(parameters), tensors(&self.plan));
        let mut loss = 0.0;
        for (number, (image, &label)) in images.iter().zip(labels).enumerate() {
            let mut x: Vec<f64> = unit(image).iter().map(|&value| f64::from(value)).collect();
            let (mut ranges, mut layers) = (self.plan.parameters().., self.model.layers.iter());
            let (mut step, mut follows) = (f64::from(self.model.input_scale), 0.0);
            let (mut all_rounded, mut all_chosen) = (Vec::new(), Vec::new());
            for (index, layer) in self.plan.layers().enumerate() {
                let tensor = tensors.iter().find(|tensor| tensor.index == index);
                let mut chosen = Vec::new();
                let mut y = match layer.kind {
                    LayerKind::MaxPool(window) => {
                        let channels = layer.output.channels as usize;
                        for row in 0..layer.output.rows.into() {
                            for column in 0..layer.output.columns.into() {
                                let places = covered(window, layer.input, row, column);
                                chosen.extend((0..channels).map(|channel| {
                                    let largest = |best: usize, at: usize| if x[at] > x[best] { at } else { best };
                                    places.iter().map(|(_, at)| at + channel).reduce(largest).expect("a window")
                                }));
                            }
                        }
                        let chosen = if first { &chosen } else { &self.chosen[number][index] };
                        chosen.iter().map(|&at| x[at]).collect()
                    }
                    _ => sums(&layer, tensor, &moved, &x, &[]),
                };
                if let Some(tensor) = tensor {
                    let outputs = layer.output.channels as usize;
                    y.iter_mut().enumerate().for_each(|(i, y)| *y += moved[tensor.bias.start + i % outputs]);
                }
                let mut rounded = Vec::new();
                if let (Some(_), true) = (tensor, layer.relu) {
                    let at = ranges.next().expect("a range");
                    let Some(Output::Activations { scale, shifts, .. }) = layers.next().map(|layer| &layer.output)
                    else {
                        panic!("activations")
                    };
                    let scale = f64::from(*scale);
                    // A range that is too narrow does not determine the step.
                    follows = if (scale * 255.0 / self.at[at] - 1.0).abs() < 1e-6 { 1.0 / 255.0 } else { 0.0 };
                    step = scale + follows * (parameters[at] - self.at[at]);
                    if first {
                        let halves = shifts.iter().map(|&shift| 0.5 + 2f64.powi(-1 - shift as i32)).cycle();
                        rounded = y.iter().zip(halves).map(|(y, half)| around(y / step, half)).collect();
                    }
                    let rounded = if first { &rounded } else { &self.rounded[number][index] };
                    for (y, rounded) in y.iter_mut().zip(rounded) {
                        *y = match (first, rounded) {
                            // Exact multiples of the step: equal values must be equal for a maximum.
                            (true, Rounded::Moved(by) | Rounded::Lost(by)) => (*y / step + by).round() * step,
                            (false, Rounded::Moved(by) | Rounded::Lost(by)) => *y + by * step,
                            (_, Rounded::Zero) => 0.0,
                            (_, Rounded::Above) => 255.0 * step,
                        };
                    }
                } else if let LayerKind::AvgPool(window) = layer.kind {
                    let count = f64::from(window.columns.kernel).powi(2);
                    if first {
                        rounded = y.iter().map(|y| Rounded::Moved(average(y / step, count))).collect();
                    }
                    let rounded = if first { &rounded } else { &self.rounded[number][index] };
                    let at_point = step
                        - follows
                            * (parameters
                                .get(ranges.start.wrapping_sub(1))
                                .map_or(0.0, |range| range - self.at[ranges.start - 1]));
                    for (y, rounded) in y.iter_mut().zip(rounded) {
                        if let Rounded::Moved(by) = rounded {
                            *y += by * at_point;
                        }
                    }
                }
                all_rounded.push(rounded);
                all_chosen.push(chosen);
                x = y;
            }
            if first {
                self.rounded.push(all_rounded);
                self.chosen.push(all_chosen);
            }
            let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            loss += x.iter().map(|v| (v - largest).exp()).sum::<f64>().ln() + largest - x[label];
        }
        loss / images.len() as f64
    }
}

/// The sum is rounded twice: a value just below a half, by less than half a unit of the first rounding, is rounded up.
fn around(steps: f64, half: f64) -> Rounded {
    match steps {
        // The ReLU sets it to 0. A positive value that rounds to 0 still follows its sum.
        steps if steps <= 0.0 => Rounded::Zero,
        steps if steps > 255.0 => Rounded::Above,
        steps if steps + half < 1.0 => Rounded::Lost(-steps),
        steps => Rounded::Moved((steps + half).floor() - steps),
    }
}

/// Returns the distance, in steps, of an average from the result of 8-bit arithmetic.
fn average(steps: f64, count: f64) -> f64 {
    // f64's `round` rounds halves away from 0.
    ((steps * count).round() / count - 128.0).round() + 128.0 - steps
}

#[test]
fn gradients_are_those_of_a_network_rounded_in_the_same_places() {
    let (mut above, mut below, mut beyond) = (0, 0, 0);
    for (number, line) in LINES.iter().enumerate() {
        for weights in [WeightBits::Eight, WeightBits::Four] {
            let (trained, bytes) = network(number, line);
            let checkpoint = begun(&trained, &bytes, &weights, 0.6);
            let plan = trained.plan();
            let labels: Vec<usize> = (0..11).map(|i| i % plan.classes()).collect();
            let values = bytes[..11].iter().flat_map(|image| unit(image)).collect();
            let images = Images::new(values, labels.clone(), plan.classes());
            let rounded = Arithmetic::Rounded { input_scale: 1.0 / 255.0, weights: weights.clone() };
            let mut engine = Engine::new(trained.spec, &rounded, 11, 2).expect("threads");
            engine.load(&checkpoint.parameters);
            let mut gradient = vec![0.0; checkpoint.parameters.len()];
            let outcome = engine.gradient(&images, Draw { seed: 0, step: 0 }, &mut gradient);

            let model = integers(&checkpoint);
            let mut exact: Vec<f64> = checkpoint.parameters.iter().map(|p| f64::from(*p)).collect();
            let mut naive = Around { plan, model: &model, at: exact.clone(), rounded: Vec::new(), chosen: Vec::new() };
            let want = naive.loss(&exact, &bytes[..11], &labels);
            assert!(images::is_close(outcome.loss / 11.0, want, 1e-5), "{line}: loss {} {want}", outcome.loss / 11.0);
            let all = naive.rounded.iter().flatten().flatten();
            for rounded in all {
                above += usize::from(matches!(rounded, Rounded::Above));
                below += usize::from(matches!(rounded, Rounded::Lost(_)));
            }
            let scale = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>() / gradient.len() as f64;
            assert!(scale > 1e-12, "{line}: a gradient to compare");
            let step = (plan.parameters() / 150).max(1);
            let biases = tensors(&plan).into_iter().flat_map(|tensor| tensor.bias);
            for i in (0..plan.parameters()).step_by(step).chain(biases).chain(plan.parameters()..exact.len()) {
                let (kept, h) = (exact[i], 1e-6);
                exact[i] = kept + h;
                let higher = naive.loss(&exact, &bytes[..11], &labels);
                exact[i] = kept - h;
                let lower = naive.loss(&exact, &bytes[..11], &labels);
                exact[i] = kept;
                let (got, want) = (f64::from(gradient[i]), (higher - lower) / (2.0 * h));
                let off = (got - want).abs() / want.abs().max(scale.sqrt());
                assert!(off <= 1e-4, "{line} {weights}: parameter {i}: {got}, by differences {want}");
            }
            for (tensor, layer) in tensors(&plan).iter().zip(&model.layers) {
                let most = if layer.bits == 8 { 127.5 } else { 7.5 * f32::from(GRAIN) };
                for i in tensor.weight.clone() {
                    let scale = layer.weight_scales[(i - tensor.weight.start) / tensor.layer.fan_in()];
                    let weight = checkpoint.parameters[i];
                    let least = most + if layer.bits == 8 { 1.0 } else { f32::from(GRAIN) };
                    if weight > 1.01 * most * scale || weight < -1.01 * least * scale {
                        assert_eq!(gradient[i], 0.0, "{line} {weights}: weight {i} is beyond its outermost step");
                        beyond += 1;
                    }
                }
            }
        }
    }
    assert!(above > 100 && below > 100, "{above} activations above their range, {below} that became 0");
    assert!(beyond >= 5, "{beyond} weights beyond their outermost step");
}

/// Images whose class is the position of their brightest quarter.
fn data(images: usize) -> Dataset {
    let mut stream = Stream::new(3, Purpose::Order, 0, 0);
    let mut bytes = Vec::new();
    for image in 0..images {
        for place in 0..144 {
            let bright = (place / 72) * 2 + place % 12 / 6 == image % 4;
            bytes.push(stream.below(100) as u8 + if bright { 120 } else { 0 });
        }
    }
    let names = ["a", "b", "c", "d"].map(String::from).to_vec();
    let shape = Shape { channels: 1, rows: 12, columns: 12 };
    Dataset::new(bytes, shape, (0..images).map(|i| (i % 4) as u16).collect(), names).expect("a good data set")
}

const PLAIN: &str = "1x12x12 nin3+1:8,8 avg2/2 drop0.3 nin3+1:12,4 gap fc4";
/// A line that needs zero points.
const FAMILY: &str = "1x12x12 nin3/2+1:8 res(dw3+1r6:8id) drop0.3 proj(dw3/2+same:6,5id)id gap fc4";

fn run(line: &str, data: &Dataset, optimizer: Optimizer, ema: f32, weights: WeightBits) -> Checkpoint {
    let spec = Spec::parse(line).expect(line);
    let parameters = nin_train::network::parameters::initial(&Plan::new(spec), Default::default(), 5);
    let names = data.class_names().to_vec();
    let trained = Trained { spec, parameters, preprocessing: Preprocessing::unit(1), class_names: names.clone() };
    let sample: Vec<Vec<u8>> = (0..20).map(|index| data.image(index).to_vec()).collect();
    let begun = aware::begin(&trained, &sample, &weights).expect("a network that can be quantised");
    let augment = Augment { crop: 1, rotate: 10, ..Augment::default() };
    let recipe = Recipe {
        epochs: 2,
        batch: 36,
        lr: 0.02,
        optimizer,
        augment,
        ema,
        quantize: Some(weights),
        ..Recipe::default()
    };
    Checkpoint::begin(&spec, recipe, begun.network.preprocessing.clone(), names, begun.parameters())
}

#[test]
fn the_same_bytes_with_any_threads_and_when_resumed() {
    let data = data(200);
    let adam = Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.01 };
    let nesterov = Optimizer::Sgd { momentum: 0.9, decay: 1e-3, nesterov: true };
    for (line, optimizer, ema, weights) in [
        (PLAIN, adam, 0.0, WeightBits::Four),
        (PLAIN, nesterov, 0.9, WeightBits::FourIn(vec![1, 3])),
        (FAMILY, adam, 0.9, WeightBits::Eight),
    ] {
        let begun = run(line, &data, optimizer, ema, weights);
        let whole = |threads: usize| {
            let mut trainer = Trainer::resume(begun.clone(), threads).expect("a run");
            while !trainer.is_done() {
                trainer.epoch(&data, |_| ControlFlow::Continue(())).expect("an epoch");
                let evaluation = trainer.evaluate(&data).expect("an evaluation");
                trainer.record(&evaluation);
            }
            trainer
        };
        let one = whole(1);
        let ranges = begun.plan().parameters()..;
        let [before, after] = [&begun, &one.checkpoint()].map(|run| run.parameters[ranges.clone()].to_vec());
        assert!(before.iter().zip(&after).all(|(before, after)| before != after), "ranges are trained");
        assert!(line == FAMILY || after.iter().all(|after| *after > 0.0), "{after:?}");
        for threads in [2, 3] {
            assert!(bytes(whole(threads).checkpoint()) == bytes(one.checkpoint()), "{threads} threads");
        }
        let mut run = Trainer::resume(begun.clone(), 1).expect("a run");
        let mut threads = 1;
        while !run.is_done() {
            if let Ended::Epoch(_) = run.epoch(&data, |_| ControlFlow::Break(())).expect("a step") {
                let evaluation = run.evaluate(&data).expect("an evaluation");
                run.record(&evaluation);
            }
            let kept = Checkpoint::from_bytes(&run.checkpoint().to_bytes()).expect("a good checkpoint");
            assert_eq!(kept, run.checkpoint());
            threads = threads % 3 + 1;
            run = Trainer::resume(kept, threads).expect("a good checkpoint");
        }
        assert!(bytes(run.checkpoint()) == bytes(one.checkpoint()), "stopped and resumed");
    }
}

#[test]
fn what_cannot_be_trained_so_is_refused() {
    let data = data(40);
    let begun = run(PLAIN, &data, Optimizer::default(), 0.0, WeightBits::Eight);
    let refused = |checkpoint: Checkpoint| Trainer::resume(checkpoint, 1).expect_err("refused").to_string();
    let mut mean = begun.clone();
    mean.preprocessing.mean = vec![20.0];
    assert!(refused(mean).contains("preprocessing is one scale"));
    let mut normalized = begun.clone();
    normalized.recipe.batch_norm = Some(8);
    assert!(refused(normalized).contains("excludes batch normalisation"));
    let (trained, images) = network(0, LINES[0]);
    let error = aware::begin(&trained, &images, &WeightBits::FourIn(vec![4])).expect_err("three layers").to_string();
    assert_eq!(error, "there is no layer 4: the network has 3 layers with weights");
}
