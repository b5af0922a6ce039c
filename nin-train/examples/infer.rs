//! Runs a model on one image for some seconds, on one thread, and prints the time per image as JSON.
//!
//! `cargo run --release -p nin-train --example infer -- MODEL.nin [SECONDS [fused]]`
//!
//! `best` is the shortest time of an image in seconds, `mean` the average time, and `mean_cpu` the average processor
//! time, which is the better measure on a busy machine. With `fused`, sums of floats are rounded once for each product.
//! `dev/compare_onnxruntime.py` runs it.

#[path = "common/cpu.rs"]
mod cpu;

use std::error::Error;
use std::time::Instant;

use cpu::processor_seconds;
use nin_core::{F32, F32Fused, Format, Int8, Model, Network, WeightType};
use nin_train::engine::streaming::ModelBytes;

/// Runs the image repeatedly; `read` converts a row of its bytes to the network's input.
fn measure<F: Format>(
    model: &Model<'_>,
    image: &[u8],
    seconds: f64,
    read: impl Fn(&[u8], &mut [F::Value]),
) -> Result<serde_json::Value, Box<dyn Error>> {
    let mut state = vec![0; model.state_words()];
    let mut network = Network::<F>::new(model, &mut state)?;
    let width = model.plan().spec().input().row();
    let mut infer = || {
        let start = Instant::now();
        let read_row = |y: usize, row: &mut [F::Value]| {
            read(&image[y * width..][..width], row);
            Ok::<(), std::convert::Infallible>(())
        };
        let Ok(logits) = network.infer(read_row);
        std::hint::black_box(logits);
        start.elapsed().as_secs_f64()
    };
    infer();
    let (begun, processor) = (Instant::now(), processor_seconds());
    let (mut images, mut best) = (0, f64::INFINITY);
    while begun.elapsed().as_secs_f64() < seconds {
        best = best.min(infer());
        images += 1;
    }
    let (elapsed, processor) = (begun.elapsed().as_secs_f64(), processor_seconds() - processor);
    let each = |seconds: f64| seconds / f64::from(images);
    Ok(serde_json::json!({ "best": best, "mean": each(elapsed), "mean_cpu": each(processor) }))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: infer MODEL.nin [SECONDS [fused]]")?;
    let seconds = arguments.next().map_or(Ok(2.0), |seconds| seconds.parse())?;
    let fused = arguments.next().is_some_and(|word| word == "fused");
    let bytes = ModelBytes::new(&std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?);
    let model = bytes.model()?;
    let image: Vec<u8> = (0..model.plan().spec().input().len()).map(|n| (n * 7919 % 256) as u8).collect();
    let result = match model.weight_type() {
        WeightType::Int8 => measure::<Int8>(&model, &image, seconds, |bytes, row| row.copy_from_slice(bytes)),
        WeightType::F32 if fused => {
            measure::<F32Fused>(&model, &image, seconds, |bytes, row| model.preprocess(bytes, row))
        }
        WeightType::F32 => measure::<F32>(&model, &image, seconds, |bytes, row| model.preprocess(bytes, row)),
        other => Err(format!("{path} has {} weights; f32 or int8 are measured", other.name()).into()),
    }?;
    println!("{result}");
    Ok(())
}
