//! Training steps, and their parts.
//!
//! `cargo bench -p nin-train --bench step -- fashion` for one network; `NIN_THREADS=1` for one thread.

#![allow(missing_docs)] // what criterion's macros make

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nin_core::{Plan, Spec};
use nin_train::optim::Optimizer;
use nin_train::parameters::{Init, initial};
use nin_train::random::{Purpose, Stream};
use nin_train::{Draw, Engine, Source};

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
        nin_train::loss::target(label, 0.0, target);
        label
    }
}

fn threads() -> usize {
    std::env::var("NIN_THREADS").ok().and_then(|threads| threads.parse().ok()).unwrap_or(0)
}

fn step(c: &mut Criterion) {
    for (name, batch) in [("fashion", 128), ("fashion-tiny", 128), ("d2l", 8)] {
        let spec = Spec::preset(name).expect("a preset");
        let plan = Plan::new(spec);
        let images = Images::new(&plan, batch);
        let mut engine = Engine::new(spec, batch, threads()).expect("threads");
        let mut parameters = initial(&plan, Init::He, 1);
        let mut gradient = vec![0.0; parameters.len()];
        let optimizer = Optimizer::Sgd { momentum: 0.9, decay: 5e-4, nesterov: true };
        let mut state = optimizer.start(parameters.len());
        let mut group = c.benchmark_group("step");
        group.sample_size(10).throughput(Throughput::Elements(batch as u64));
        group.bench_function(BenchmarkId::new(name, batch), |b| {
            b.iter(|| {
                engine.load(&parameters);
                engine.gradient(&images, Draw { seed: 1, step: state.steps }, &mut gradient);
                // A rate of 0: the numbers stay those of a fresh network however long the measurement runs.
                optimizer.step(0.0, &mut parameters, &gradient, &mut state);
            });
        });
        group.bench_function(BenchmarkId::new(format!("{name}/forward"), batch), |b| {
            b.iter(|| engine.forward(&images, |_, _, _| {}));
        });
        group.finish();
    }
}

criterion_group!(benches, step);
criterion_main!(benches);
