//! Classifies images: the network requests their rows.
//!
//!     cargo run -p nin-core --example classify -- [MODEL.nin [IMAGES.idx]]
//!
//! The model has f32 weights and takes images of 1×28×28.

mod common;

use std::convert::Infallible;
use std::error::Error;

use nin_core::{F32, Model, Network, softmax, top_k};

fn main() -> Result<(), Box<dyn Error>> {
    // A firmware has the file in flash: `static FILE: Aligned<…> = Aligned(*include_bytes!("model.nin"))`.
    let file = common::ModelBytes::read("nin-embedded/models/fashion.nin")?;
    let model = Model::read(file.bytes())?;
    let mut state = vec![0; model.state_words()];
    let mut network = Network::<F32>::new(&model, &mut state)?;

    let row = model.plan().spec().input().row();
    for (number, image) in common::images()?.chunks_exact(model.plan().spec().input().len()).enumerate() {
        let Ok(logits) = network.infer(|y, values| {
            model.preprocess(&image[y * row..][..row], values);
            Ok::<(), Infallible>(())
        });
        let mut probabilities = logits.to_vec();
        softmax(&mut probabilities);
        println!("image {number}");
        for &(class, probability) in &top_k::<3>(&probabilities) {
            println!("{:7.1} % {}", 100.0 * probability, model.class_name(class).unwrap_or("a class without a name"));
        }
    }
    Ok(())
}
