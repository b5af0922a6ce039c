//! `nin-train predict`: classifies pictures.

mod arrays;

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use clap::Args;
use nin_core::{Answer, Decision, Model};
use nin_train::engine::arrays::logits as logits_of;
use nin_train::engine::confidence::probabilities;
use nin_train::engine::streaming::finite;
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

A picture is cropped about its centre to the network's aspect ratio, resized and, for a network with one channel,
converted to grey. An .npy file gives all images of its array, an .npz file the test images of its data set
(docs/arrays.md). Fashion-MNIST and MNIST are white on black: use --invert for pictures on a light ground.
A model that was calibrated on validation images shows calibrated probabilities, and answers \"none of these\" to images
that it rejects (docs/confidence.md). A board computes the same numbers from the same model file, bit for bit, unless its
firmware uses fused multiply-add.")]
pub struct PredictArgs {
    /// A model file, checkpoint or safetensors file
    #[arg(value_name = "MODEL")]
    network: PathBuf,

    /// Picture files (PNG, JPEG, WebP, BMP, GIF, TIFF), or arrays of uint8 images in .npy or .npz files
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,

    /// Invert the pictures, so that light becomes dark
    #[arg(long)]
    invert: bool,

    /// Number of classes to show
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,

    /// Print the raw logits, one JSON object per line
    #[arg(long)]
    logits: bool,

    /// Print one JSON object with the class, probabilities and logits of each image; docs/json.md describes it
    #[arg(long, conflicts_with_all = ["logits", "npz"])]
    json: bool,

    /// Write arrays for NumPy instead of printing classes: `images` (images x rows x columns x channels) and `logits`
    /// (images x classes)
    #[arg(long, value_name = "FILE.npz", conflicts_with_all = ["logits", "top"])]
    npz: Option<PathBuf>,

    /// Write the output of each layer, too: arrays `layer_NN_KIND` (images x rows x columns x channels), as bytes for a
    /// model of integers
    #[arg(long, requires = "npz")]
    activations: bool,
}

/// The answer to an image that the model rejects.
const NONE: &str = "none of these";

/// Prints the most likely classes of each picture. A picture that cannot be read is reported, and the others go on.
pub fn run(args: &PredictArgs, console: &Console) -> Outcome {
    let bytes = networks::load(&args.network)?.fast_model()?;
    let model = bytes.model()?;
    cost::check(&model, &args.network, args.images.len(), 1, console)?;
    if let Some(out) = &args.npz {
        let PredictArgs { network, images, invert, activations, .. } = args;
        let request = arrays::Request { network, images, invert: *invert, activations: *activations, out };
        return arrays::write(&request, &model, console);
    }
    let (mut failed, mut answers) = (0, Vec::new());
    for path in &args.images {
        match logits(&model, path, args.invert) {
            Ok(logits) => {
                let single = logits.len() == 1;
                for (number, logits) in logits.iter().enumerate() {
                    // The network is broken, so the other pictures would fail too.
                    let logits = finite(logits.clone()).map_err(FileError::at(&args.network))?;
                    let name = path.display().to_string();
                    let name = if single { name } else { format!("{name}[{number}]") };
                    match args.json {
                        true => answers.push(answer(&model, &name, &logits)?),
                        false => show(args, console, &model, &name, &logits),
                    }
                }
            }
            Err(error) => {
                failed += 1;
                console.warn(format_args!("{error}"));
            }
        }
    }
    if args.json {
        let network = json!(args.network.to_string_lossy());
        console.result(format_args!("{{\"network\":{network},\"images\":[{}]}}", answers.join(",")));
    }
    match failed {
        0 => Ok(()),
        1 => Err("one picture could not be read".into()),
        _ => Err(format!("{failed} pictures could not be read").into()),
    }
}

/// Returns the logits of each image in a file. A picture has one image.
fn logits(model: &Model<'_>, path: &Path, invert: bool) -> Outcome<Vec<Vec<f32>>> {
    let images = arrays::read(path, model.plan().spec().input(), invert)?;
    let logits = logits_of(model, images.view());
    let logits = logits.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(logits.outer_iter().map(|row| row.to_vec()).collect())
}

/// Returns the name of a class, or its number.
fn class_name(model: &Model<'_>, class: usize) -> String {
    model.class_name(class).map_or_else(|| format!("class {class}"), str::to_owned)
}

/// Returns the class of the largest logit, the first among equals, like `argmax` on the board.
fn best_of(logits: &[f32]) -> usize {
    (0..logits.len()).rev().max_by(|&a, &b| logits[a].partial_cmp(&logits[b]).unwrap_or(Ordering::Equal)).unwrap_or(0)
}

/// Returns an image's answer as a JSON object.
fn answer(model: &Model<'_>, file: &str, logits: &[f32]) -> Outcome<String> {
    let best = best_of(logits);
    // Not by way of a JSON value, whose numbers are f64: as text, an f32 has fewer digits.
    let probabilities = serde_json::to_string(&probabilities(logits, model.decision().temperature))?;
    let (accepted, logits) = (model.answer(logits) != Answer::Unknown, serde_json::to_string(logits)?);
    Ok(format!(
        "{{\"image\":{},\"class\":{best},\"name\":{},\"accepted\":{accepted},\"probabilities\":{probabilities},\
         \"logits\":{logits}}}",
        json!(file),
        json!(class_name(model, best))
    ))
}

fn show(args: &PredictArgs, console: &Console, model: &Model<'_>, file: &str, logits: &[f32]) {
    let name = |class: usize| class_name(model, class);
    // The order of the board's argmax: largest first, the earlier class among equals.
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].partial_cmp(&logits[a]).unwrap_or(Ordering::Equal));
    let best = order.first().copied().unwrap_or(0);
    let unknown = model.answer(logits) == Answer::Unknown;
    if args.logits {
        // Not by way of a JSON value, whose numbers are f64: as text, an f32 has fewer digits.
        let line = serde_json::to_string(logits).map(|logits| {
            // Only a model that can reject an image has the field.
            let accepted = match *model.decision() {
                Decision::PLAIN => String::new(),
                _ => format!("\"accepted\":{},", !unknown),
            };
            let (file, name) = (json!(file), json!(name(best)));
            format!("{{\"image\":{file},\"class\":{best},\"name\":{name},{accepted}\"logits\":{logits}}}")
        });
        match line {
            Ok(line) => console.result(format_args!("{line}")),
            Err(error) => console.warn(format_args!("{}: {error}", visible(file))),
        }
        return;
    }
    if console.quiet {
        let name = if unknown { NONE.into() } else { name(best) };
        console.result(format_args!("{}: {}", visible(file), visible(&name)));
        return;
    }
    console.result(format_args!("{}", visible(file)));
    if unknown {
        console.result(format_args!("  {NONE}; most likely:"));
    }
    let probabilities = probabilities(logits, model.decision().temperature);
    let name = |class: usize| visible(&name(class)).into_owned();
    let width = order.iter().take(args.top.into()).map(|&class| name(class).chars().count()).max().unwrap_or(0);
    for &class in order.iter().take(args.top.into()) {
        console.result(format_args!("  {:width$} {:6.2} %", name(class), 100.0 * probabilities[class]));
    }
}
