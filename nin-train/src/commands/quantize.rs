//! `nin-train quantize`: converts a trained network to 8-bit integers.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use nin_core::{Kernels, Lanes, WeightType};
use nin_train::engine::streaming::{ModelBytes, ModelEvaluation, evaluate};
use nin_train::formats::model_file::{ExportError, Integers, RustSource, rust_source, with_decision};
use nin_train::integers::WeightBits;
use nin_train::network::trained::Trained;
use nin_train::quantize::{self, Options, Report, within};
use nin_train::support::text::{bytes, percent, visible_path};
use nin_train::{
    formats::onnx,
    support::{files, memory, threads},
};

use serde_json::{Value, json};

use super::budget::EMULATED;
use super::export::{beside, command, refuse_input, refuse_twice};
use super::images::ImageArgs;
use super::known::{Found, Others};
use super::rejection::RejectionArgs;
use super::size::{check_ram, size};
use super::{Console, Outcome, cost, networks, program, threads_of, word};

/// Flags of `quantize`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train quantize runs/fashion/checkpoint                       report of the error, layer by layer
  nin-train quantize runs/fashion/checkpoint --out fashion-int8.nin
  nin-train quantize runs/fashion/checkpoint --rust src/fashion.rs --lanes 1
  nin-train quantize runs/fashion/checkpoint --weights 4bit        half the flash
  nin-train quantize runs/fashion/checkpoint --flash 50000         4 bits in as many layers as necessary

Weights become signed bytes with one scale per output channel, activations unsigned bytes with one scale per layer. The
ranges of activations are found on a sample of training images: those of the run, unless --data names others.
docs/int8.md defines the arithmetic. Board and host compute the same, bit for bit. A run with train --qat has its
integers already; they are written unchanged.")]
pub struct QuantizeArgs {
    /// A checkpoint, model file or safetensors file, with float weights
    #[arg(value_name = "NETWORK")]
    network: PathBuf,

    #[command(flatten)]
    images: ImageArgs,

    /// Number of training images for the calibration, which finds the ranges of activations
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    calibration: u64,

    /// Bits of the weights: 8bit, 4bit, or 4bit:3,5 for the third and fifth layer with weights [default: 8bit]
    #[arg(long, value_name = "BITS")]
    weights: Option<WeightBits>,

    /// Limit of the model file: layers get 4-bit weights until it fits, in the order of the change in the logits per byte
    /// saved, smallest first
    #[arg(long, value_name = "BYTES", value_parser = size, conflicts_with = "weights")]
    flash: Option<u64>,

    /// Do not correct biases for the mean rounding error of their output
    #[arg(long)]
    no_correction: bool,

    /// Rescale channels before rounding, so that those of a map have similar ranges; the float network stays the same
    #[arg(long)]
    equalize: bool,

    /// The model file to write [default with --rust: the same name with the extension .nin]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Outputs interleaved in memory: 2 for Cortex-M4 and M7, and for M33 if the firmware is compiled for it (-C
    /// target-cpu=cortex-m33); 1 for other boards (M0, M3, M55, RISC-V), 16 for a host; results are the same
    #[arg(long, value_name = "L", default_value_t = Lanes::Two)]
    lanes: Lanes,

    /// Write Rust source that compiles the model into a firmware
    #[arg(long, value_name = "FILE")]
    rust: Option<PathBuf>,

    /// Write an ONNX file in QDQ form, for onnxruntime, tract and others; it reads images as bytes
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,

    #[command(flatten)]
    rejection: RejectionArgs,

    /// Limit of the network's RAM, which the Rust source asserts: bytes, or with K or M [default: the RAM needed,
    /// rounded up to KiB]
    #[arg(long, value_name = "BYTES", value_parser = size, requires = "rust")]
    ram_budget: Option<u64>,

    /// Threads [default: one for each processor]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Print the result as one JSON object; docs/json.md describes it
    #[arg(long)]
    json: bool,
}

/// Quantises the network, prints a report and writes the requested files.
pub fn run(args: &QuantizeArgs, console: &Console) -> Outcome {
    let console = &Console { quiet: console.quiet || args.json };
    let result = |text: fmt::Arguments<'_>| {
        if !args.json {
            console.result(text);
        }
    };
    let out = match (&args.out, &args.rust) {
        (None, Some(rust)) => Some(rust.with_extension("nin")),
        (out, _) => out.clone(),
    };
    if out.is_none() && args.lanes != Lanes::Two && args.flash.is_none() {
        return Err("--lanes applies to the model file only: pass --out FILE or --rust FILE, too".into());
    }
    if !Lanes::INT8.contains(&args.lanes) {
        return Err(ExportError::Packing { lanes: args.lanes, weight_type: WeightType::Int8.name() }.into());
    }
    if args.out.is_none() {
        refuse_input(&args.network, out.as_deref())?;
    }
    refuse_twice(out.as_deref(), args.rust.as_deref())?;
    [&out, &args.rust, &args.onnx].into_iter().flatten().try_for_each(|path| files::check_folder_of(path))?;
    let source = args.rust.as_deref().zip(out.as_deref());
    let source = source.map(|(rust, out)| beside(out, rust).map(|name| (rust, name))).transpose()?;
    let loaded = networks::load(&args.network)?;
    if loaded.stored_type().is_some_and(WeightType::is_integer) {
        return Err(format!(
            "{}: the model has integers already; `export` and `firmware` write it for boards. To quantise with other \
             flags, use the checkpoint it was made from",
            visible_path(&args.network)
        )
        .into());
    }
    let trained = loaded.trained()?;
    let plan = trained.plan();
    let threads = threads_of(args.threads.unwrap_or(0), console);
    let float = ModelBytes::new(&trained.to_model(WeightType::F32, Lanes::Sixteen)?);
    let cost = |images| cost::check(&float.model()?, &args.network, images, threads, console);
    cost(0)?;
    let Found { mut splits, .. } = loaded.known()?.load(&args.images, plan.spec().input(), Others::Noted, console)?;
    cost(splits.test.len())?;
    let sampled = (args.calibration).min(splits.train.len() as u64).saturating_mul(plan.spec().input().len() as u64);
    if let Some(left) = memory::shortage(sampled) {
        return Err(format!(
            "the calibration images need {} of memory, but {} are available: use fewer with --calibration",
            bytes(sampled),
            bytes(left)
        )
        .into());
    }
    let pool = threads::pool(threads)?;

    let mut report = None;
    let model = match loaded.integers()? {
        // The network was trained as these integers, so the flags cannot change them.
        Some(_) if args.weights.is_some() || args.flash.is_some() || args.equalize => {
            return Err(
                "the network was trained with quantisation, so --weights, --flash and --equalize cannot change \
                        its integers; start another run with train --from"
                    .into(),
            );
        }
        Some(model) => {
            console
                .say(format_args!("\nThe network was trained with quantisation; its integers are used unchanged.\n"));
            model
        }
        None => {
            let sample = quantize::sample(&splits.train, plan.spec().input(), args.calibration as usize)?;
            let (model, calibration) = pool.install(|| match args.equalize {
                true => calibrated(args, &quantize::equalize(&trained, &sample)?, &sample, console),
                false => calibrated(args, &trained, &sample, console),
            })?;
            report = Some(calibration);
            model
        }
    };

    // Before anything is written: the firmware asserts the same.
    let state = plan.bytes(model.weight_type(), kernels(args.lanes)).total();
    check_ram(state, args.ram_budget, &format!("{}: the network", visible_path(&args.network)))?;

    let accuracy = |what: &str, model: &ModelBytes| -> Outcome<ModelEvaluation> {
        let model = model.model()?;
        let bar = console.bar(splits.test.len() as u64, "{msg} {wide_bar} {pos}/{len} images {eta}");
        bar.set_message(what.to_owned());
        let evaluation = pool.install(|| evaluate(&model, &splits.test, &|images| bar.inc(images as u64)));
        bar.finish_and_clear();
        let evaluation = evaluation.map_err(files::FileError::at(&args.network))?;
        let (correct, total) = (evaluation.confusion.correct(), evaluation.confusion.total());
        let loss = evaluation.loss;
        result(format_args!(
            "{what:<5} accuracy {}: {correct} of {total} test images, loss {loss:.4}",
            percent(correct, total)
        ));
        Ok(evaluation)
    };
    let before = accuracy("f32", &float)?;
    let weight_type = model.weight_type();
    let after = accuracy(weight_type.name(), &ModelBytes::new(&model.to_bytes(Lanes::Sixteen)?))?;
    let advice = if args.equalize { "train --qat" } else { "--equalize or train --qat" };
    result(format_args!("{}", difference(weight_type, &before, &after, report.as_ref(), advice)));
    let mut json = json!({
        "network": args.network.to_string_lossy(),
        "weights": weight_type.name(),
        "images": { "source": splits.source, "training": splits.train.len(), "test": splits.test.len() },
        "before": measured(&before),
        "after": measured(&after),
        "calibration": report.as_ref().map(Report::json),
        "ram": state,
        "files": {},
    });

    let decision = args.rejection.decide(&loaded, &model, &mut splits, &pool, console)?;

    if let Some(path) = &args.onnx {
        let file = onnx::integers(&model);
        files::write(path, &file)?;
        result(format_args!("{}: {}", path.display(), bytes(file.len() as u64)));
        json["files"]["onnx"] = path.to_string_lossy().into();
    }
    let file = with_decision(&model.to_bytes(args.lanes)?, &decision)?;
    json["flash"] = file.len().into();
    if let Some(out) = &out {
        files::write(out, &file)?;
        let length = bytes(file.len() as u64);
        result(format_args!("{}: {} weights, {length} of flash", out.display(), weight_type.name()));
        json["files"]["model"] = out.to_string_lossy().into();
    }
    if let Some((rust, name)) = &source {
        let text = rust_source(&RustSource {
            plan: &plan,
            weight_type,
            kernels: kernels(args.lanes),
            class_names: &trained.class_names,
            model_file: name,
            ram_budget: args.ram_budget.map_or_else(|| state.next_multiple_of(1024), |budget| budget as usize),
            command: &command(),
        });
        files::write(rust, text.as_bytes())?;
        result(format_args!("{}: Rust source, {} of RAM", rust.display(), bytes(state as u64)));
        json["files"]["rust"] = rust.to_string_lossy().into();
    }
    if args.json {
        console.result(format_args!("{json}"));
    }
    if let (Some(out), None) = (&out, &source) {
        let (program, out) = (program(), word(out));
        console.say(format_args!(
            "\nNext:\n  {program} predict {out} picture.png\n  {program} firmware {out} --board {EMULATED} --out my-classifier"
        ));
    }
    Ok(())
}

/// Returns an evaluation as JSON.
fn measured(evaluation: &ModelEvaluation) -> Value {
    let ModelEvaluation { confusion, loss, .. } = evaluation;
    json!({
        "correct": confusion.correct(),
        "images": confusion.total(),
        "accuracy": confusion.accuracy(),
        "loss": loss,
    })
}

/// Quantises the network with ranges from a sample of images, and prints the report.
fn calibrated(
    args: &QuantizeArgs,
    trained: &Trained,
    sample: &[Vec<u8>],
    console: &Console,
) -> Outcome<(Integers, Report)> {
    let weights = match args.flash {
        Some(budget) => {
            let weights = within(trained, sample, budget as usize, args.lanes)?;
            console.say(format_args!("\nTo fit {}: --weights {weights}", bytes(budget)));
            weights
        }
        None => args.weights.clone().unwrap_or_default(),
    };
    let options = Options { weights, correct_biases: !args.no_correction, ..Options::default() };
    let bar = console.bar(0, "calibrating {wide_bar} pass {pos} of {len}");
    let (model, report) = quantize::calibrated(trained, sample, &options, |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    console.explain(format_args!("\n{report:width$}\n", width = console.columns()));
    Ok((model, report))
}

/// Returns the difference in accuracy as a sentence. A quantised network whose logits differ from the float network's may
/// have the same accuracy by chance, which does not count as free. `advice` is what may help.
fn difference(
    weight_type: WeightType,
    before: &ModelEvaluation,
    after: &ModelEvaluation,
    report: Option<&Report>,
    advice: &str,
) -> String {
    let change = 100.0 * (after.confusion.accuracy() - before.confusion.accuracy());
    words(weight_type.bits(), change, report, advice)
}

/// Returns the words for a change of the accuracy by `change` percentage points.
fn words(bits: usize, change: f64, report: Option<&Report>, advice: &str) -> String {
    if let Some(report) = report.filter(|report| !report.is_faithful()) {
        return format!(
            "{bits} bits differ too much from the floats: the logits' signal-to-noise ratio is {:.1} dB, and {:.2} % of \
             the calibration images get the same class; the accuracy changes by {change:+.2} points; try {advice}",
            report.logits,
            100.0 * report.agreement
        );
    }
    if let Some(report) = report.filter(|report| change >= 0.0 && !report.is_close()) {
        return format!(
            "{bits} bits keep the accuracy on these test images ({change:+.2} points), but change predictions: {:.2} % of \
             the calibration images get the same class, and the logits' signal-to-noise ratio is {:.1} dB",
            100.0 * report.agreement,
            report.logits
        );
    }
    match change {
        change if change < 0.0 => format!("{bits} bits cost {:.2} percentage points", -change),
        change if change > 0.0 => format!("{bits} bits cost nothing: {change:.2} percentage points more"),
        _ => format!("{bits} bits cost nothing: the same accuracy"),
    }
}

/// Returns the kernels of the boards for which a packing is made.
fn kernels(lanes: Lanes) -> Kernels {
    match lanes {
        Lanes::Two => Kernels::Dsp,
        Lanes::Sixteen => Kernels::Wide,
        Lanes::One | Lanes::Four => Kernels::Plain,
    }
}

#[cfg(test)]
mod tests {
    use nin_train::quantize::Report;

    use super::words;

    /// Bits cost nothing only if accuracy, agreement and signal-to-noise ratio all show it.
    #[test]
    fn bits_are_free_only_if_every_measure_agrees() {
        let report = |logits, agreement| {
            Some(Report { layers: Vec::new(), logits, agreement, images: 100, corrected: true, border: false })
        };
        let said = |change, report: Option<Report>| words(8, change, report.as_ref(), "--equalize or train --qat");
        assert_eq!(said(0.0, report(35.0, 0.99)), "8 bits cost nothing: the same accuracy");
        assert_eq!(said(0.25, report(35.0, 0.99)), "8 bits cost nothing: 0.25 percentage points more");
        assert_eq!(said(0.0, None), "8 bits cost nothing: the same accuracy");
        assert_eq!(said(-0.5, report(35.0, 0.99)), "8 bits cost 0.50 percentage points");
        for (logits, agreement) in [(35.0, 0.97), (19.0, 0.99)] {
            let said = said(0.0, report(logits, agreement));
            assert!(said.starts_with("8 bits keep the accuracy on these test images (+0.00 points), but"), "{said}");
        }
        for (logits, agreement) in [(35.0, 0.8), (9.0, 0.99)] {
            assert!(said(0.0, report(logits, agreement)).starts_with("8 bits differ too much from the floats"));
        }
    }
}
