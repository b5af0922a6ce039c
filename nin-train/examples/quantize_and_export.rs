//! Trains a small network on the bundled part of Fashion-MNIST, quantises it to 8 bits and writes the model file for a
//! board.
//!
//! `cargo run -p nin-train --example quantize_and_export -- [OUT.nin]`

use std::error::Error;
use std::path::PathBuf;

use nin_core::Lanes;
use nin_core::Spec;
use nin_train::data::{Splits, subset};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::quantize::{Options, post_training, sample};
use nin_train::support::files;
use nin_train::{Recipe, Trainer};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "fashion-int8.nin".into()));
    let Splits { train, .. } = subset::bundled()?;
    let spec = Spec::parse("1x28x28 nin5/2+2:8,8 max3/2 nin3+1:16,10 gap")?;
    let recipe = Recipe { epochs: 2, lr: 0.01, ..Recipe::default() };
    let mut trainer = Trainer::new(spec, recipe, Preprocessing::unit(1), train.class_names().to_vec(), 0)?;
    trainer.train(&train, |epoch| println!("epoch {}: loss {:.4}", epoch.epoch, epoch.loss))?;

    // The ranges of activations are measured on some training images.
    let calibration = sample(&train, spec.input(), 200)?;
    let (model, report) = post_training(&trainer.trained(), &calibration, &Options::default(), |_, _| {})?;
    println!("{report}");
    let file = model.to_bytes(Lanes::Two)?;
    files::write(&out, &file)?;
    println!("{}: {} bytes of flash", out.display(), file.len());
    Ok(())
}
