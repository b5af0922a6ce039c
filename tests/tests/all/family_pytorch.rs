//! Every kind of layer against PyTorch: loss, gradients, logits and batch statistics of small networks.
//!
//! `fixtures/make_pytorch_family.py` wrote the numbers.

use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;

use nin_core::{Lanes, Model, Plan, Spec, WeightType};
use nin_tests::close::{assert_close, assert_close_in_scale, magnitude};
use nin_tests::fixture::channels_last;
use nin_tests::images::Images;
use nin_tests::model_file::Aligned;
use nin_tests::oracle::{self, Map};
use nin_tests::{engine, mix};
use nin_train::network::normalization::{self, normalized};
use nin_train::network::parameters::tensors;
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use nin_train::{Arithmetic, Draw, Engine};
use serde::Deserialize;

/// A network and what PyTorch computes with it, in float64. Tensors have PyTorch's order.
#[derive(Deserialize)]
struct Case {
    line: String,
    /// The counter of the first parameter.
    counter: u64,
    labels: Vec<usize>,
    loss: f64,
    /// One list for each image.
    logits: Vec<Vec<f64>>,
    /// For each layer those of weight, bias and, with batch normalisation, gain.
    gradients: Vec<Vec<f64>>,
    /// For each normalised layer the means and the unbiased variances.
    moments: Vec<[Vec<f64>; 2]>,
}

fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/family.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Case {
    fn plan(&self) -> Plan {
        Plan::new(self.line.parse::<Spec>().unwrap_or_else(|error| panic!("{}: {error}", self.line)))
    }

    fn is_normalized(&self) -> bool {
        !self.moments.is_empty()
    }

    /// Returns weights and biases, then the gains of normalised layers.
    fn parameters(&self, plan: &Plan) -> Vec<f32> {
        let mut counter = self.counter;
        let mut draw = |count: usize, bound: f64, middle: f64| {
            let counters = counter..counter + count as u64;
            counter = counters.end;
            counters.map(|n| (middle + mix::signed(n) * bound) as f32).collect::<Vec<_>>()
        };
        let (mut parameters, mut gains) = (Vec::new(), Vec::new());
        for layer in plan.layers().filter(|layer| layer.has_weights()) {
            let outputs = layer.output.channels.into();
            let weights = draw(layer.weights(), (6.0 / layer.fan_in() as f64).sqrt(), 0.0);
            parameters.extend(channels_last(&layer, &weights));
            parameters.extend(draw(outputs, 0.3, 0.0));
            if self.is_normalized() && normalization::is_normalized(&layer) {
                gains.extend(draw(outputs, 0.5, 1.0));
            }
        }
        [parameters, gains].concat()
    }

    fn images(&self, plan: &Plan) -> Images {
        let shape = plan.shape(0);
        let [rows, columns, channels] = [shape.rows, shape.columns, shape.channels].map(usize::from);
        let image = |n: usize| {
            let at =
                |row: usize, column: usize, channel: usize| ((n * channels + channel) * rows + row) * columns + column;
            let mut map = Map::filled(0.0f32, channels, rows, columns);
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let pixel = map.pixel_mut(row, column).iter_mut().enumerate();
                let counter = |channel| self.counter + (1 << 31) + at(row, column, channel) as u64;
                pixel.for_each(|(channel, value)| *value = mix::signed(counter(channel)) as f32);
            }
            map
        };
        let images = (0..self.labels.len()).map(image).collect();
        Images { images, labels: self.labels.clone(), classes: plan.classes() }
    }

    /// Compares the loss and the gradient of all images, normalised together, and their statistics.
    fn check_training(&self) {
        let (plan, count) = (self.plan(), self.labels.len());
        let (parameters, images) = (self.parameters(&plan), self.images(&plan));
        let arithmetic = match self.is_normalized() {
            true => Arithmetic::Normalized { images: count },
            false => Arithmetic::Float,
        };
        let mut engine = Engine::new(*plan.spec(), &arithmetic, count, 2).expect("threads");
        engine.load(&parameters);
        let mut gradient = vec![0.0; parameters.len()];
        let outcome = engine.gradient(&images, Draw { seed: 0, step: 0 }, &mut gradient);
        assert_close(&self.line, &[outcome.loss / count as f64], &[self.loss], 1e-5);

        // A shift before another normalisation has no effect: its gradient is what rounding leaves.
        let least = 0.1 * self.gradients.iter().fold(0.0, |most, part| f64::max(most, magnitude(part)));
        let mut wanted = self.gradients.iter();
        let mut check = |name: &str, places: Vec<usize>| {
            let want = wanted.next().expect("a gradient");
            assert_eq!(want.len(), places.len(), "{}, {name}", self.line);
            let got: Vec<f32> = places.iter().map(|&at| gradient[at]).collect();
            assert_close_in_scale(&format!("{}, {name}", self.line), &got, want, 2e-5, magnitude(want).max(least));
        };
        let gains = if self.is_normalized() { normalized(&plan) } else { Vec::new() };
        for tensor in tensors(&plan) {
            let name = tensor.name(&plan);
            check(&format!("weights of {name}"), tensor.torch_order().collect());
            check(&format!("biases of {name}"), tensor.bias.clone().collect());
            if let Some(layer) = gains.iter().find(|layer| layer.tensor == tensor) {
                check(&format!("gains of {name}"), layer.gain.clone().collect());
            }
        }
        assert!(wanted.next().is_none(), "{}: more gradients", self.line);

        let all = |part: usize| self.moments.iter().flat_map(|pair| pair[part].clone()).collect::<Vec<_>>();
        let (means, variances) = engine.moments().split_at(engine.moments().len() / 2);
        for (got, want) in [(means, all(0)), (variances, all(1))] {
            assert_close_in_scale(&self.line, got, &want, 1e-5, magnitude(&want));
        }
    }

    /// Compares the logits of the trainer, the engine and the oracle, with normalisation folded into the weights.
    fn check_logits(&self) {
        let plan = self.plan();
        let (mut parameters, images) = (self.parameters(&plan), self.images(&plan));
        if self.is_normalized() {
            for part in 0..2 {
                parameters.extend(self.moments.iter().flat_map(|pair| pair[part].iter().map(|&value| value as f32)));
            }
            parameters = normalization::fold(&plan, &parameters);
        }
        let mut trainer = Engine::new(*plan.spec(), &Arithmetic::Float, 0, 2).expect("threads");
        trainer.load(&parameters);
        let logits = Mutex::new(vec![Vec::new(); images.labels.len()]);
        trainer.forward(&images, |index, _, values| logits.lock().expect("no panic")[index] = values.to_vec());

        let channels = plan.shape(0).channels.into();
        let preprocessing = Preprocessing::unit(channels);
        let trained = Trained { spec: *plan.spec(), parameters, preprocessing, class_names: Vec::new() };
        let file = Aligned::new(&trained.to_model(WeightType::F32, Lanes::Four).unwrap());
        let model = Model::read(&file).unwrap();
        for ((got, want), image) in logits.into_inner().expect("no panic").iter().zip(&self.logits).zip(&images.images)
        {
            let steps = oracle::forward(plan.spec(), &trained.parameters, &image.widen());
            // Large sums may cancel in the logits.
            let scale = steps.iter().fold(0.0, |most, step| f64::max(most, step.scale));
            // Folding rounds the weights.
            let bound = if self.is_normalized() { 1e-6 } else { 1e-12 };
            let exact = &steps.last().expect("layers").map.values;
            assert_close_in_scale(&format!("{}, oracle", self.line), exact, want, bound, scale);
            assert_close_in_scale(&format!("{}, trainer", self.line), got, want, 1e-5, scale);
            let streamed = engine::logits(&model, image);
            assert_close_in_scale(&format!("{}, engine", self.line), &streamed, want, 1e-5, scale);
        }
    }
}

#[test]
fn training() {
    cases().iter().for_each(Case::check_training);
}

#[test]
fn logits() {
    cases().iter().for_each(Case::check_logits);
}

/// Each case is there with and without batch normalisation, and each kind of layer in one of them.
#[test]
fn cases_cover_the_family() {
    let cases = cases();
    let count = |range: Range<usize>| cases[range].iter().filter(|case| case.is_normalized()).count();
    assert_eq!((cases.len(), count(0..cases.len())), (12, 6));
    let lines: String = cases.iter().map(|case| format!("{}\n", case.line)).collect();
    for part in ["dw", "g2", "g3", "res(", "proj(", "/2", "id", "r6", "mean", "max", "avg", "gap", "x3", "+0,1"] {
        assert!(lines.contains(part), "no case has {part}");
    }
}
