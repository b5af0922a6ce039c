//! `nin-train demo`: a page in which a network runs in the browser.

use std::path::PathBuf;

use clap::Args;
use nin_core::WeightType;
use nin_train::report::demo::{Demo, page};
use nin_train::support::files;
use nin_train::support::text::bytes;

use super::images::ImageArgs;
use super::run_folder::network_name;
use super::{Console, Outcome, cost, networks};

/// Flags of `demo`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train demo runs/photos/model.nin --out demo.html
  nin-train demo fashion-int8.nin --data photos        with test images of this folder
  nin-train demo fashion-int8.nin --no-images

The page is one HTML file that needs no internet connection and no server: open it, or send it to somebody. Draw a
picture, drop or paste one, use the camera, or click through test images. The page shows the answer, the rows in memory
and the class maps. It runs the engine of the board as WebAssembly, with the same logits, bit for bit. docs/demo.md
describes it.")]
pub struct DemoArgs {
    /// A model file, checkpoint or safetensors file
    #[arg(value_name = "MODEL")]
    network: PathBuf,

    /// The file to write
    #[arg(long, value_name = "FILE.html", default_value = "demo.html")]
    out: PathBuf,

    /// Put no test images into the page
    #[arg(long, conflicts_with_all = ["dataset", "data"])]
    no_images: bool,

    #[command(flatten)]
    images: ImageArgs,
}

/// Writes the page.
pub fn run(args: &DemoArgs, console: &Console) -> Outcome {
    let loaded = networks::load(&args.network)?;
    let weights = loaded.weights()?;
    let file = loaded.fast_model()?;
    let model = file.model()?;
    cost::check(&model, &args.network, 0, 1, console)?;
    let found = match args.no_images {
        true => None,
        false => loaded.images(&args.images, model.plan().spec().input(), console)?,
    };
    let test = found.as_ref().map(|found| &found.splits.test);
    let name = network_name(&args.network);
    let stored = loaded.stored_type().unwrap_or(WeightType::F32);
    let demo = Demo { name: &name, file: file.bytes(), model: &model, stored, network: weights.network(), test };
    let html = page(&demo);
    files::write(&args.out, html.as_bytes())?;
    let length = bytes(html.len() as u64);
    console.result(format_args!(
        "{}: {length}, {} of it for the model",
        args.out.display(),
        bytes(file.bytes().len() as u64)
    ));
    Ok(())
}
