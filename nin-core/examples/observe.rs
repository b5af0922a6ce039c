//! Prints statistics of each layer's activations: mean, maximum and the share of zeros.
//!
//!     cargo run -p nin-core --example observe -- [MODEL.nin [IMAGES.idx]]
//!
//! The model has f32 weights and takes images of 1×28×28; only the first image is used.

mod common;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;

use nin_core::{F32, Model, Network, Piece};

fn main() -> Result<(), Box<dyn Error>> {
    let file = common::ModelBytes::read("nin-embedded/models/fashion.nin")?;
    let model = Model::read(file.bytes())?;
    let mut state = vec![0; model.state_words()];
    let mut network = Network::<F32>::new(&model, &mut state)?;

    let (image, row) = (common::images()?, model.plan().spec().input().row());
    // Pieces arrive as they are computed; those of one layer arrive in reading order.
    let mut layers: BTreeMap<(usize, usize), Vec<f32>> = BTreeMap::new();
    let Ok(logits) = network.infer_observed(
        |y, values| {
            model.preprocess(&image[y * row..][..row], values);
            Ok::<(), Infallible>(())
        },
        &mut |piece: Piece, values: &[f32]| layers.entry((piece.stage, piece.step)).or_default().extend(values),
    );
    println!("{:30} {:>8} {:>8} {:>8} {:>8}", "layer", "values", "mean", "most", "zeros");
    for ((stage, step), values) in &layers {
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let zeros = 100 * values.iter().filter(|&&value| value == 0.0).count() / values.len();
        let name = format!("{}, {step}", model.plan().spec().stages()[*stage]);
        println!("{name:30} {:>8} {mean:8.3} {most:8.3} {zeros:>6} %", values.len());
    }
    println!("logits {logits:.2?}");
    Ok(())
}
