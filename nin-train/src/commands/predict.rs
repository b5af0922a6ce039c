//! `nin-train predict`: what is on a picture.

use std::path::{Path, PathBuf};

use clap::Args;
use nin_core::Model;
use nin_train::dataset::load_image;
use nin_train::streaming::{Streaming, softmax};
use serde_json::json;

use super::networks;
use super::{Console, Outcome};

/// Flags of `predict`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train predict runs/fashion/model.nin shoe.png
  nin-train predict runs/fashion/model.nin --invert photos/*.jpg
  nin-train predict runs/fashion/model.nin --logits shoe.png

A picture is cut to the network's aspect ratio about its centre, scaled and, for a network with one channel, turned
grey. Fashion-MNIST and MNIST are white on black: use --invert for pictures on a light ground.
The numbers are those that a board computes from the same model file, bit for bit,
if its firmware does not fuse the sums of floats.")]
pub struct PredictArgs {
    /// A model file, checkpoint or safetensors file
    #[arg(value_name = "MODEL")]
    network: PathBuf,

    /// PNG or JPEG files
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,

    /// Turn light into dark
    #[arg(long)]
    invert: bool,

    /// How many classes to show
    #[arg(long, value_name = "N", default_value_t = 3)]
    top: usize,

    /// Print the raw logits, one JSON object a line
    #[arg(long)]
    logits: bool,
}

/// Prints the likeliest classes of each picture. A picture that cannot be read does not keep the others waiting.
pub fn run(args: &PredictArgs, console: &Console) -> Outcome {
    let bytes = networks::load(&args.network)?.fast_model()?;
    let model = bytes.model()?;
    let mut failed = 0;
    for path in &args.images {
        match logits(&model, path, args.invert) {
            Ok(logits) => show(args, console, &model, path, &logits),
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

fn logits(model: &Model<'_>, path: &Path, invert: bool) -> Outcome<Vec<f32>> {
    let shape = model.plan().spec().input();
    let image = load_image(path, shape.channels, shape.rows, shape.columns, invert)?;
    Ok(Streaming::new(model).classify(&image, shape)?)
}

fn show(args: &PredictArgs, console: &Console, model: &Model<'_>, path: &Path, logits: &[f32]) {
    let name = |class: usize| model.class_name(class).map_or_else(|| format!("class {class}"), str::to_owned);
    // The order of the board's argmax: largest first, the earlier class among equals.
    let mut order: Vec<usize> = (0..logits.len()).collect();
    let nan_last = |a: usize, b: usize| logits[a].is_nan().cmp(&logits[b].is_nan());
    order.sort_by(|&a, &b| logits[b].partial_cmp(&logits[a]).unwrap_or_else(|| nan_last(a, b)));
    let best = order.first().copied().unwrap_or(0);
    if args.logits {
        // Not by way of a JSON value, whose numbers are f64: as text, an f32 has fewer digits.
        let line = serde_json::to_string(logits).map(|logits| {
            format!(
                "{{\"image\":{},\"class\":{best},\"name\":{},\"logits\":{logits}}}",
                json!(path.display().to_string()),
                json!(name(best))
            )
        });
        match line {
            Ok(line) => console.result(format_args!("{line}")),
            Err(error) => console.warn(format_args!("{}: {error}", path.display())),
        }
        return;
    }
    if console.quiet {
        console.result(format_args!("{}: {}", path.display(), name(best)));
        return;
    }
    console.result(format_args!("{}", path.display()));
    let probabilities = softmax(logits);
    let width = order.iter().take(args.top).map(|&class| name(class).chars().count()).max().unwrap_or(0);
    for &class in order.iter().take(args.top) {
        console.result(format_args!("  {:width$} {:6.2} %", name(class), 100.0 * probabilities[class]));
    }
}
