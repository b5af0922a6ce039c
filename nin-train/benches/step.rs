//! Training steps and their parts. The throughput of a layer is in multiply-accumulates per second.
//!
//! `cargo bench -p nin-train --bench step -- fashion` for one network; `NIN_THREADS=1` for one thread.

#![allow(missing_docs)] // what criterion's macros make

#[path = "../examples/common/random_images.rs"]
mod random_images;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use nin_core::{Plan, Spec};
use nin_train::network::parameters::{Init, initial};
use nin_train::training::optim::Optimizer;
use nin_train::{Arithmetic, Draw, Engine};
use random_images::RandomImages;

fn threads() -> usize {
    std::env::var("NIN_THREADS").ok().and_then(|threads| threads.parse().ok()).unwrap_or(0)
}

/// Whole steps and forward passes of presets, with batch normalisation if the preset is trained with it.
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

/// The layers of those presets, each as a network of its own. A step computes the gradient of its weights and, because
/// of the 1×1 convolution in front, also that of its data.
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
        // Multiplications of a step: forward and both gradients, without the gradient of the first layer's data.
        let plan = Plan::new(spec);
        let first = plan.layers().next().map_or(0, |layer| layer.macs());
        group.sample_size(10).throughput(Throughput::Elements(16 * (3 * plan.macs() - first)));
        measure(&mut group, spec, 16, None);
        group.finish();
    }
}

/// A step and a forward pass; `normalized` images are normalised together, if given.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, spec: Spec, batch: usize, normalized: Option<usize>) {
    let plan = Plan::new(spec);
    let images = RandomImages::new(&plan, batch);
    let arithmetic = normalized.map_or(Arithmetic::Float, |images| Arithmetic::Normalized { images });
    let mut parameters = arithmetic.layout().begin(&plan, initial(&plan, Init::He, 1));
    parameters.truncate(arithmetic.layout().trainable(&plan));
    let mut engine = Engine::new(spec, &arithmetic, batch, threads()).expect("threads");
    let mut gradient = vec![0.0; parameters.len()];
    let optimizer = Optimizer::Sgd { momentum: 0.9, decay: 0.0, nesterov: true };
    let mut state = optimizer.start(parameters.len());
    group.bench_function("step", |b| {
        b.iter(|| {
            engine.load(&parameters);
            engine.gradient(&images, Draw { seed: 1, step: state.steps }, &mut gradient);
            // With a learning rate of 0 the weights stay those of a new network, however long the measurement runs.
            engine.install(|| optimizer.step(0.0, &mut parameters, &gradient, &mut state));
        });
    });
    group.bench_function("forward", |b| b.iter(|| engine.forward(&images, |_, _, _| {})));
}

criterion_group!(benches, step, layers);
criterion_main!(benches);
