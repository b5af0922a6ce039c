//! `nin-train predict`: what is on a picture.

mod arrays;

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use clap::Args;
use nin_core::Model;
use nin_train::engine::arrays::logits as logits_of;
use nin_train::engine::streaming::{finite, softmax};
use nin_train::support::files::FileError;
use nin_train::support::text::visible;
use serde_json::json;

use super::{Console, Outcome};
use super::{cost, networks};

/// Flags of `predict`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train predict runs/fashion/model.nin shoe.png
  nin-train predict runs/fashion/model.nin --invert photos/*.jpg
  nin-train predict runs/fashion/model.nin --logits shoe.png
  nin-train predict runs/fashion/model.nin set.npz --npz logits.npz

A picture is cut to the network's aspect ratio about its centre, scaled and, for a network with one channel, turned
grey. An .npy file gives all images of its array, an .npz file the test images of its data set; docs/arrays.md describes
both. Fashion-MNIST and MNIST are white on black: use --invert for pictures on a light ground.
The numbers are those that a board computes from the same model file, bit for bit,
if its firmware does not fuse the sums of floats.")]
pub struct PredictArgs {
    /// A model file, checkpoint or safetensors file
    #[arg(value_name = "MODEL")]
    network: PathBuf,

    /// Picture files (PNG, JPEG, WebP, BMP, GIF, TIFF), or arrays of uint8 images in .npy or .npz files
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,

    /// Turn light into dark
    #[arg(long)]
    invert: bool,

    /// How many classes to show
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,

    /// Print the raw logits, one JSON object a line
    #[arg(long)]
    logits: bool,

    /// Write arrays for NumPy instead of printing classes: `images` (images x rows x columns x channels) and `logits`
    /// (images x classes)
    #[arg(long, value_name = "FILE.npz", conflicts_with_all = ["logits", "top"])]
    npz: Option<PathBuf>,

    /// Write the output of each layer, too: arrays `layer_NN_KIND` (images x rows x columns x channels), as bytes for a
    /// model of integers
    #[arg(long, requires = "npz")]
    activations: bool,
}

/// Prints the likeliest classes of each picture. A picture that cannot be read does not keep the others waiting.
pub fn run(args: &PredictArgs, console: &Console) -> Outcome {
    let bytes = networks::load(&args.network)?.fast_model()?;
    let model = bytes.model()?;
    cost::check(&model, &args.network, args.images.len(), 1, console)?;
    if let Some(out) = &args.npz {
        let PredictArgs { network, images, invert, activations, .. } = args;
        let request = arrays::Request { network, images, invert: *invert, activations: *activations, out };
        return arrays::write(&request, &model, console);
    }
    let mut failed = 0;
    for path in &args.images {
        match logits(&model, path, args.invert) {
            Ok(logits) => {
                let single = logits.len() == 1;
                for (number, logits) in logits.iter().enumerate() {
                    // The next picture would fare no better: the network is broken.
                    let logits = finite(logits.clone()).map_err(FileError::at(&args.network))?;
                    let name = path.display().to_string();
                    let name = if single { name } else { format!("{name}[{number}]") };
                    show(args, console, &model, &name, &logits);
                }
            }
            Err(error) => {
                failed += 1;
                console.warn(format_args!("{error}"));
            }
        }
    }
    match failed {
        0 => Ok(()),
        1 => Err("one picture could not be read".into()),
        _ => Err(format!("{failed} pictures could not be read").into()),
    }
}

/// The logits of each image in a file: a picture has one.
fn logits(model: &Model<'_>, path: &Path, invert: bool) -> Outcome<Vec<Vec<f32>>> {
    let images = arrays::read(path, model.plan().spec().input(), invert)?;
    let logits = logits_of(model, images.view());
    let logits = logits.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(logits.outer_iter().map(|row| row.to_vec()).collect())
}

fn show(args: &PredictArgs, console: &Console, model: &Model<'_>, file: &str, logits: &[f32]) {
    let name = |class: usize| model.class_name(class).map_or_else(|| format!("class {class}"), str::to_owned);
    // The order of the board's argmax: largest first, the earlier class among equals.
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].partial_cmp(&logits[a]).unwrap_or(Ordering::Equal));
    let best = order.first().copied().unwrap_or(0);
    if args.logits {
        // Not by way of a JSON value, whose numbers are f64: as text, an f32 has fewer digits.
        let line = serde_json::to_string(logits).map(|logits| {
            format!("{{\"image\":{},\"class\":{best},\"name\":{},\"logits\":{logits}}}", json!(file), json!(name(best)))
        });
        match line {
            Ok(line) => console.result(format_args!("{line}")),
            Err(error) => console.warn(format_args!("{}: {error}", visible(file))),
        }
        return;
    }
    if console.quiet {
        console.result(format_args!("{}: {}", visible(file), visible(&name(best))));
        return;
    }
    console.result(format_args!("{}", visible(file)));
    let probabilities = softmax(logits);
    let name = |class: usize| visible(&name(class)).into_owned();
    let width = order.iter().take(args.top.into()).map(|&class| name(class).chars().count()).max().unwrap_or(0);
    for &class in order.iter().take(args.top.into()) {
        console.result(format_args!("  {:width$} {:6.2} %", name(class), 100.0 * probabilities[class]));
    }
}
