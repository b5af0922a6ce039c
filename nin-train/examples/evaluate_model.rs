//! Evaluates a model file on the bundled part of Fashion-MNIST, with the engine that runs on the board.
//!
//! `cargo run -p nin-train --example evaluate_model -- MODEL.nin`

use std::error::Error;

use ndarray::s;
use nin_train::data::subset;
use nin_train::engine::arrays::logits;
use nin_train::engine::streaming::{ModelBytes, evaluate};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: evaluate_model MODEL.nin")?;
    let file = std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
    let bytes = ModelBytes::new(&file);
    let model = bytes.model()?;
    let test = subset::bundled()?.test;

    let evaluation = evaluate(&model, &test, &|_| {})?;
    println!("{}\n", evaluation.confusion);
    let found = evaluation.confusion.matrix().diag().sum();
    println!("{found} of {} test images are right, mean loss {:.4}", test.len(), evaluation.loss);

    let first = logits(&model, test.images().slice(s![..3, .., .., ..]))?;
    println!("logits of the first three images (images × classes):\n{first:.3}");
    Ok(())
}
