//! Repeats a training step for some seconds and prints, as JSON, how many images a second that makes.
//!
//! `cargo run --release -p nin-train --example step -- LINE|PRESET [BATCH [THREADS [SECONDS [NORMALISED]]]]`
//!
//! With NORMALISED, that many images are normalised together, as `nin-train train --batch-norm` does.
//!
//! `images_per_cpu_second` is the same over the processor time of all threads: on a busy machine the better number.

use std::time::Instant;

use nin_core::{Plan, Spec};
use nin_train::network::parameters::{Init, initial};
use nin_train::support::random::{Purpose, Stream};
use nin_train::training::optim::Optimizer;
use nin_train::{Arithmetic, Draw, Engine, Source, network::normalization};

/// A few random images, again and again.
struct Images {
    values: Vec<f32>,
    count: usize,
    classes: usize,
}

const DISTINCT: usize = 8;

impl Source for Images {
    fn len(&self) -> usize {
        self.count
    }

    fn sample(&self, index: usize, image: &mut [f32], target: &mut [f32]) -> usize {
        let len = image.len();
        image.copy_from_slice(&self.values[index % DISTINCT * len..][..len]);
        let label = index % self.classes;
        nin_train::engine::loss::target(label, 0.0, target);
        label
    }
}

/// A number from Linux's books about this process; 0 elsewhere.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "fashion".into());
    let mut number = |default: f64| arguments.next().map_or(Ok(default), |number| number.parse());
    let (batch, threads, seconds) = (number(128.0)? as usize, number(0.0)? as usize, number(3.0)?);
    let normalized = number(0.0)? as usize;
    let spec = match Spec::preset(&name) {
        Some(spec) => spec,
        None => Spec::parse(&name)?,
    };
    let plan = Plan::new(spec);
    let mut stream = Stream::new(1, Purpose::Order, 0, 0);
    let values = (0..DISTINCT * plan.shape(0).len()).map(|_| stream.unit()).collect();
    let images = Images { values, count: batch, classes: plan.classes() };
    let mut parameters = initial(&plan, Init::He, 1);
    let (mut engine, trained) = if normalized > 0 {
        parameters = normalization::extend(&plan, parameters);
        (
            Engine::new(spec, &Arithmetic::Normalized { images: normalized }, batch, threads)?,
            normalization::trainable(&plan),
        )
    } else {
        (Engine::new(spec, &Arithmetic::Float, batch, threads)?, plan.parameters())
    };
    let mut gradient = vec![0.0; trained];
    let optimizer = Optimizer::default();
    let mut state = optimizer.start(trained);

    let mut step = |lr: f32| {
        engine.load(&parameters);
        engine.gradient(&images, Draw { seed: 1, step: 0 }, &mut gradient);
        engine.install(|| optimizer.step(lr, &mut parameters[..trained], &gradient, &mut state));
    };
    step(0.0);
    let (begun, processor) = (Instant::now(), processor_seconds());
    let (mut steps, mut best) = (0, f64::INFINITY);
    while begun.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        // So low a rate that the numbers stay those of a fresh network.
        step(1e-6);
        best = best.min(start.elapsed().as_secs_f64());
        steps += 1;
    }
    let (elapsed, processor) = (begun.elapsed().as_secs_f64(), processor_seconds() - processor);
    let images = (steps * batch) as f64;
    println!(
        "{}",
        serde_json::json!({
            "images_per_second": images / elapsed,
            "best": batch as f64 / best,
            "images_per_cpu_second": images / processor,
            "peak_mib": peak_mib(),
        })
    );
    Ok(())
}
