//! `nin-train demo`: a page in which a network runs in the browser.

use std::path::{Path, PathBuf};

use clap::Args;
use nin_core::{Model, WeightType};
use nin_train::data::Dataset;
use nin_train::formats::model_file::Integers;
use nin_train::report::demo::{Demo, Network, page};
use nin_train::support::files;
use nin_train::support::text::bytes;

use super::images::ImageArgs;
use super::known::{Found, Others};
use super::networks::{self, Loaded};
use super::run_folder::run_name;
use super::{Console, Outcome, cost};

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
    let integers = loaded.integers()?;
    let trained = if integers.is_none() { Some(loaded.trained()?) } else { None };
    let file = loaded.fast_model()?;
    let model = file.model()?;
    let network = match (&integers, &trained) {
        (Some(Integers::Unsigned(model)), _) => Network::Integers(model),
        (Some(Integers::Affine(model)), _) => Network::Affine(model),
        (None, Some(trained)) => Network::Floats(trained),
        _ => return Err("the file holds no network".into()),
    };
    cost::check(&model, &args.network, 0, 1, console)?;
    let test = if args.no_images { None } else { test_images(args, &loaded, &model, console)? };
    let name = title(&args.network);
    let stored = loaded.stored_type().unwrap_or(WeightType::F32);
    let demo = Demo { name: &name, file: file.bytes(), model: &model, stored, network, test: test.as_ref() };
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

/// Returns the test images that the flags name; without such flags, those of the run. If the run's images are gone, prints
/// a note and returns `None`.
fn test_images(args: &DemoArgs, loaded: &Loaded, model: &Model<'_>, console: &Console) -> Outcome<Option<Dataset>> {
    let found = loaded.known()?.load(&args.images, model.plan().spec().input(), Others::Taken, console);
    match found {
        Ok(Found { splits, .. }) => Ok(Some(splits.test)),
        Err(error) if args.images.are_named() => Err(error),
        Err(error) => {
            console.warn(format_args!("the page has no test images: {error}"));
            Ok(None)
        }
    }
}

/// Returns the page's title: the name of the run's folder for its `model.nin`, otherwise the name of the file.
fn title(network: &Path) -> String {
    let stem = network.file_stem().unwrap_or_default().to_string_lossy();
    if matches!(&*stem, "model" | "checkpoint" | "best") { run_name(network) } else { stem.into_owned() }
}
