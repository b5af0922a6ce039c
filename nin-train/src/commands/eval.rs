//! `nin-train eval`: measures the accuracy of a network.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use nin_core::Decision;
use nin_train::engine::confusion::Mistake;
use nin_train::engine::streaming::evaluate;
use nin_train::report::channels::{Channels, LayerChannels};
use nin_train::support::files::FileError;
use nin_train::support::text::percent;
use nin_train::support::threads;
use serde_json::json;

use super::images::ImageArgs;
use super::known::{Found, Others};
use super::{Console, Outcome, cost, networks, say_never_answered, suspects, threads_of};

/// The largest number of mistakes in the JSON object.
const MISTAKES: usize = 20;

/// Flags of `eval`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train eval runs/fashion/model.nin
  nin-train eval runs/fashion/checkpoint --training
  nin-train eval fashion-f16.nin --json
  nin-train eval runs/photos/checkpoint --training --suspects   labels that may be wrong

The images run through the engine that runs on the board, with the same numbers. Without --data they are the test images
of the run that trained the network.")]
pub struct EvalArgs {
    /// A model file, checkpoint or safetensors file
    #[arg(value_name = "MODEL")]
    network: PathBuf,

    #[command(flatten)]
    images: ImageArgs,

    /// Use the training images instead of the test images
    #[arg(long)]
    training: bool,

    /// Threads [default: one for each processor]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Also print the number of dead channels of each layer: those that are 0 for every image
    #[arg(long)]
    channels: bool,

    /// List at most N images whose predicted class differs from their label, most confident first [default: 20]. Some of
    /// these labels may be wrong; --training checks the training images
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "20")]
    suspects: Option<usize>,

    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints accuracy and confusion matrix, and dead channels if asked.
pub fn run(args: &EvalArgs, console: &Console) -> Outcome {
    let console = &Console { quiet: console.quiet || args.json };
    let loaded = networks::load(&args.network)?;
    let bytes = loaded.fast_model()?;
    let model = bytes.model()?;
    let input = model.plan().spec().input();
    let threads = threads_of(args.threads.unwrap_or(0), console);
    // Checked before the images are resized, which an absurd input size would make expensive; their number is known later.
    cost::check(&model, &args.network, 0, threads, console)?;
    let Found { splits, .. } = loaded.known()?.load(&args.images, input, Others::Taken, console)?;
    let dataset = if args.training { &splits.train } else { &splits.test };
    cost::check(&model, &args.network, dataset.len(), threads, console)?;
    let pool = threads::pool(threads)?;

    let bar = || console.bar(dataset.len() as u64, "{wide_bar} {pos}/{len} images {eta}");
    let (evaluating, start) = (bar(), Instant::now());
    let evaluation = pool.install(|| evaluate(&model, dataset, &|images| evaluating.inc(images as u64)));
    let rate = dataset.len() as f64 / start.elapsed().as_secs_f64();
    evaluating.finish_and_clear();
    let evaluation = evaluation.map_err(FileError::at(&args.network))?;
    let confusion = &evaluation.confusion;
    let mut channels = None;
    if args.channels {
        let observing = bar();
        let observed = pool.install(|| Channels::observe(&model, dataset, &|images| observing.inc(images as u64)));
        observing.finish_and_clear();
        channels = Some(observed?);
    }
    let mut suspected = None;
    if let Some(most) = args.suspects {
        let classifying = bar();
        let found = pool.install(|| suspects::of(&model, dataset, most, &|images| classifying.inc(images as u64)));
        classifying.finish_and_clear();
        suspected = Some(found.map_err(FileError::at(&args.network))?);
    }
    if args.json {
        let mistake = |mistake: &Mistake| {
            json!({
                "label": confusion.class(mistake.label),
                "predicted": confusion.class(mistake.prediction),
                "images": mistake.images,
            })
        };
        let mut line = json!({
            "images": confusion.total(),
            "correct": confusion.correct(),
            "accuracy": confusion.accuracy(),
            "balanced_accuracy": confusion.balanced_accuracy(),
            "loss": evaluation.loss,
            "classes": confusion.labels(),
            "confusion": confusion.rows().collect::<Vec<_>>(),
            "mistakes": confusion.mistakes(MISTAKES).iter().map(mistake).collect::<Vec<_>>(),
        });
        if *model.decision() != Decision::PLAIN {
            line["accepted"] = evaluation.accepted.0.into();
            line["accepted_correct"] = evaluation.accepted.1.into();
        }
        if let Some(Channels { layers }) = channels {
            let layer = |layer: LayerChannels| json!({ "layer": layer.name(), "channels": layer.channels(), "dead": layer.dead });
            line["layers"] = layers.into_iter().map(layer).collect();
        }
        if let Some(suspected) = suspected {
            line["suspects"] = suspects::json(&suspected, dataset);
        }
        console.result(format_args!("{line}"));
        return Ok(());
    }
    console.explain(format_args!("\n{confusion:width$}\n", width = console.columns()));
    if let Some(channels) = channels {
        console.result(format_args!("{channels}\n"));
    }
    console.result(format_args!(
        "accuracy {}: {} of {} images, loss {:.4}",
        percent(confusion.correct(), confusion.total()),
        confusion.correct(),
        confusion.total(),
        evaluation.loss
    ));
    let (accepted, right) = evaluation.accepted;
    if *model.decision() != Decision::PLAIN {
        console.result(format_args!(
            "accepted {}: {accepted} of {} images, and {} of these are right",
            percent(accepted, confusion.total()),
            confusion.total(),
            percent(right, accepted)
        ));
    }
    say_never_answered(confusion, console);
    match suspected.as_deref() {
        None => {}
        Some([]) => console.result(format_args!("The network contradicts no label.")),
        Some(suspected) => console.result(format_args!(
            "\nPredictions that contradict a label, most confident first; check these labels:\n\n{}\n",
            suspects::table(suspected, dataset)
        )),
    }
    console.say(format_args!("{rate:.0} images/s"));
    Ok(())
}
