//! Trains a network on images that are arrays: bright bars, horizontal or vertical, in noise.
//!
//! `cargo run -p nin-train --example train_from_arrays`

use std::error::Error;

use ndarray::{Array1, Array4};
use nin_core::Spec;
use nin_train::data::Dataset;
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::views::layer_views;
use nin_train::{Recipe, Trainer};

fn main() -> Result<(), Box<dyn Error>> {
    let labels = Array1::from_shape_fn(600, |image| image % 2);
    let images = Array4::from_shape_fn((600, 12, 12, 1), |(image, row, column, _)| {
        let across = if labels[image] == 0 { row } else { column };
        let bar = across == 2 + image / 2 % 8;
        (if bar { 200 } else { 0 }) + (image * 31 + row * 17 + column * 23) as u8 % 50
    });
    let data = Dataset::from_arrays(images.view(), labels.view(), &["horizontal", "vertical"])?;
    let (training, test) = data.split(0.2, 1)?;

    let spec = Spec::parse("1x12x12 nin3+1:8,8 max3/2 nin3+1:8,2 gap")?;
    let recipe = Recipe { epochs: 10, batch: 32, lr: 0.01, ..Recipe::default() };
    let mut trainer = Trainer::new(spec, recipe, Preprocessing::unit(1), data.class_names().to_vec(), 0)?;
    trainer.train(&training, |epoch| println!("epoch {:2}: loss {:.4}", epoch.epoch, epoch.loss))?;

    let evaluation = trainer.evaluate(&test)?;
    println!("confusion matrix of {} test images:\n{}", evaluation.images, evaluation.matrix());
    let trained = trainer.trained();
    let first = &layer_views(&trained.plan(), &trained.parameters)[0];
    println!(
        "the first layer's weight is {:?}, its mean {:.4}",
        first.weight.dim(),
        first.weight.mean().unwrap_or(0.0)
    );
    if evaluation.accuracy < 0.9 { Err("the network has not learnt the bars".into()) } else { Ok(()) }
}
