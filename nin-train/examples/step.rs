//! Repeats a training step for some seconds and prints the images per second as JSON.
//!
//! `cargo run --release -p nin-train --example step -- LINE|PRESET [BATCH [THREADS [SECONDS [NORMALISED]]]]`
//!
//! With NORMALISED, that many images are normalised together, as `nin-train train --batch-norm` does.
//!
//! `images_per_cpu_second` divides by the processor time of all threads, which is the better measure on a busy machine.

#[path = "common/cpu.rs"]
mod cpu;
#[path = "common/random_images.rs"]
mod random_images;

use std::time::Instant;

use cpu::processor_seconds;
use nin_core::{Plan, Spec};
use nin_train::network::parameters::{Init, initial};
use nin_train::training::optim::Optimizer;
use nin_train::{Arithmetic, Draw, Engine};
use random_images::RandomImages;

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
    let images = RandomImages::new(&plan, batch);
    let arithmetic = match normalized {
        0 => Arithmetic::Float,
        images => Arithmetic::Normalized { images },
    };
    let mut parameters = arithmetic.layout().begin(&plan, initial(&plan, Init::He, 1));
    let trained = arithmetic.layout().trainable(&plan);
    let mut engine = Engine::new(spec, &arithmetic, batch, threads)?;
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
        // The learning rate is so low that the weights stay those of a new network.
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
