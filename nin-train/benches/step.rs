//! Training steps, and their parts. For layers the throughput is in multiply-accumulates a second.
//!
//! `cargo bench -p nin-train --bench step -- fashion` for one network; `NIN_THREADS=1` for one thread.

#![allow(missing_docs)] // what criterion's macros make

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use nin_core::{Plan, Spec};
use nin_train::network::parameters::{Init, initial};
use nin_train::support::random::{Purpose, Stream};
use nin_train::training::optim::Optimizer;
use nin_train::{Arithmetic, Draw, Engine, Source, network::normalization};

/// Random images of the network's size: reading a data set is not what is measured.
struct Images {
    values: Vec<f32>,
    count: usize,
    classes: usize,
}

impl Images {
    fn new(plan: &Plan, count: usize) -> Images {
        let mut stream = Stream::new(1, Purpose::Order, 0, 0);
        let values = (0..8 * plan.shape(0).len()).map(|_| stream.unit()).collect();
        Images { values, count, classes: plan.classes() }
    }
}

impl Source for Images {
    fn len(&self) -> usize {
        self.count
    }

    fn sample(&self, index: usize, image: &mut [f32], target: &mut [f32]) -> usize {
        let len = image.len();
        image.copy_from_slice(&self.values[index % 8 * len..][..len]);
        let label = index % self.classes;
        nin_train::engine::loss::target(label, 0.0, target);
        label
    }
}

fn threads() -> usize {
    std::env::var("NIN_THREADS").ok().and_then(|threads| threads.parse().ok()).unwrap_or(0)
}

/// Whole steps and forward passes of presets; with batch normalisation where that is how they are trained.
fn step(c: &mut Criterion) {
    for (name, batch, normalized) in
        [("fashion", 128, None), ("fashion-tiny", 128, None), ("fashion-small", 128, Some(16)), ("d2l", 16, None)]
    {
        let mut group = c.benchmark_group(name);
        group.sample_size(10).throughput(Throughput::Elements(batch as u64));
        measure(&mut group, Spec::preset(name).expect("a preset"), batch, normalized);
        group.finish();
    }
}

/// The layers of those presets, each as a network of its own: a step computes the gradient of its weights, and behind
/// the 1x1 convolution in front also that of its data.
fn layers(c: &mut Criterion) {
    let lines = [
        "1x28x28 nin5+2:32 gap",
        "32x28x28 nin1:32 nin1:32 gap",
        "32x28x28 nin1:32 max3/2 gap",
        "32x13x13 nin1:32 nin3+1:48 gap",
        "64x6x6 nin1:64 nin3+1:64 gap",
        "1x224x224 nin11/4:96 gap",
        "96x54x54 nin1:96 nin1:96 gap",
        "96x54x54 nin1:96 max3/2 gap",
        "96x26x26 nin1:96 nin5+2:256 gap",
        "256x12x12 nin1:256 nin3+1:384 gap",
    ];
    for line in lines {
        let spec = Spec::parse(line).expect("a line");
        let mut group = c.benchmark_group(line);
        // Multiplications of a step: forward, and both gradients but for the first layer's data.
        let plan = Plan::new(spec);
        let first = plan.layers().next().map_or(0, |layer| layer.macs());
        group.sample_size(10).throughput(Throughput::Elements(16 * (3 * plan.macs() - first)));
        measure(&mut group, spec, 16, None);
        group.finish();
    }
}

/// A step and a forward pass; over `normalized` images together, if that is given.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, spec: Spec, batch: usize, normalized: Option<usize>) {
    let plan = Plan::new(spec);
    let images = Images::new(&plan, batch);
    let mut parameters = initial(&plan, Init::He, 1);
    let mut engine = match normalized {
        Some(images) => {
            parameters = normalization::extend(&plan, parameters);
            parameters.truncate(normalization::trainable(&plan));
            Engine::new(spec, &Arithmetic::Normalized { images }, batch, threads()).expect("threads")
        }
        None => Engine::new(spec, &Arithmetic::Float, batch, threads()).expect("threads"),
    };
    let mut gradient = vec![0.0; parameters.len()];
    let optimizer = Optimizer::Sgd { momentum: 0.9, decay: 0.0, nesterov: true };
    let mut state = optimizer.start(parameters.len());
    group.bench_function("step", |b| {
        b.iter(|| {
            engine.load(&parameters);
            engine.gradient(&images, Draw { seed: 1, step: state.steps }, &mut gradient);
            // A rate of 0: the numbers stay those of a fresh network however long the measurement runs.
            engine.install(|| optimizer.step(0.0, &mut parameters, &gradient, &mut state));
        });
    });
    group.bench_function("forward", |b| b.iter(|| engine.forward(&images, |_, _, _| {})));
}

criterion_group!(benches, step, layers);
criterion_main!(benches);
