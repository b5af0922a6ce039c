//! `nin-train train`: trains a network on images.

mod flags;
mod metrics;
mod screen;

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nin_core::{Decision, Lanes, WeightType};
use nin_train::data::{Dataset, DatasetKind, Part};
use nin_train::engine::confidence::{self, unknown_class};
use nin_train::engine::streaming::ModelBytes;
use nin_train::formats::model_file::with_decision;
use nin_train::network::trained::Trained;
use nin_train::quantize::aware;
use nin_train::report::LayerTable;
use nin_train::report::html::Findings;
use nin_train::support::text::counted;
use nin_train::support::threads;
use nin_train::training::checkpoint::Checkpoint;
use nin_train::training::evaluation::evaluator;
use nin_train::training::trainer::{Ended, Trainer};

use super::known::Found;
use super::run_folder::RunFolder;
use super::{Console, Outcome, images, interrupt, networks, program, survey, threads_of, word};
pub use flags::TrainArgs;
use metrics::Metrics;
use screen::{Run, Screen};

/// Trains a network and writes its files.
pub fn run(args: &TrainArgs, console: &Console) -> Outcome<ExitCode> {
    // Locked before its checkpoint is read, so that no other program continues the run in between.
    let in_place = args.resumed_in_place()?;
    let threads = threads_of(args.threads, console);
    // Errors of the flags come before anything that takes time.
    let mut start = args.start(console)?;
    if let Some(plan) = start.plan() {
        start.check_memory(&plan, threads)?;
    }
    let found = start.images(args, console)?;
    let plan = start.fit(args, &found, console)?;
    let Found { mut splits, record, .. } = found;
    start.check_memory(&plan, threads)?;
    images::check(plan.spec().input(), plan.classes(), &splits)?;
    let fingerprint = splits.train.fingerprint();
    if record.kind == DatasetKind::Folder && splits.validation.is_some() {
        start.use_validation();
    }
    let shared = images::shared_test_images(record.kind, &splits);
    if let Some(line) = survey::shared_line(&shared, Part::Test, &splits) {
        console.warn(format_args!("{line}; `{} data` with the same images lists them", program()));
    }
    let validation = images::split_off(start.recipe(), &mut splits)?;
    if let Some(unused) = &splits.validation {
        let images = unused.len();
        console.warn(format_args!(
            "the data set's {images} validation images are not used; with --validation 0.1 they choose the best epoch"
        ));
    }
    start.choose_epochs(splits.train.len());
    let checkpoint = start.checkpoint(&plan, &splits.train, fingerprint, record)?;
    let metrics = metrics::Start::new(&checkpoint, &plan, &splits, validation.as_ref());
    let mut trainer = Trainer::resume(checkpoint, threads)?;
    trainer.check(&splits.train)?;
    let folder = match in_place {
        Some(folder) => folder,
        None => args.new_folder(&plan)?,
    };
    if let Some(resumed) = args.resumed_folder() {
        folder.adopt_best(&resumed, &trainer.checkpoint())?;
    }
    // A run that was killed after its last epoch has not written its model yet.
    if trainer.is_done() && folder.has_model(&Exported::of(&trainer, &folder)?.model) {
        let epochs = trainer.recipe().epochs;
        return Err(match trainer.has_stalled() {
            true => "this run has stopped early (patience reached); start another with --from".into(),
            false => {
                let epochs = counted(epochs as usize, "epoch");
                format!("this run has completed its {epochs}; pass a larger number with --epochs").into()
            }
        });
    }
    let mut metrics = Metrics::create(args.metrics.clone().unwrap_or_else(|| folder.metrics()), &metrics, console)?;
    trainer.history().iter().for_each(|report| metrics.epoch(report));
    if trainer.is_done() && !folder.checkpoint().exists() {
        // In another folder: no epoch is left that would write it.
        folder.save(&trainer.checkpoint())?;
    }
    interrupt::listen()?;

    let layers = LayerTable { plan: &plan, batch: trainer.recipe().batch as u64 };
    console.explain(format_args!("\n{layers:width$}\n", width = console.columns()));
    let mut screen = Screen::new(console, trainer.recipe(), splits.train.len());
    if !trainer.is_done() {
        screen.estimate(trainer.measure(&splits.train)?, trainer.position());
    }
    screen.heading(trainer.history());
    let measured = validation.as_ref().unwrap_or(&splits.test);
    let every = Duration::from_secs(60 * u64::from(args.checkpoint_every));
    let stopped = epochs(&mut trainer, [&splits.train, measured], &folder, every, &mut metrics, &mut screen)?;
    if stopped {
        console.result(format_args!("\nStopped. The run is saved in {}.", folder.checkpoint().display()));
        console.say(format_args!("Continue with:\n  {} train --resume {}", program(), word(&folder.checkpoint())));
        return Ok(ExitCode::from(130));
    }

    let Exported { mut checkpoint, trained, mut model, integers } = Exported::of(&trainer, &folder)?;
    let mut found = None;
    if let Some(validation) = &validation {
        let bytes = ModelBytes::new(&model);
        let bytes = bytes.model()?;
        let pool = threads::pool(threads)?;
        let result = pool.install(|| confidence::find(&bytes, validation, args.rejection.rejection()))?;
        checkpoint.decision = result.decision;
        checkpoint.save(&folder.best())?;
        model = with_decision(&model, &checkpoint.decision)?;
        found = Some(result);
    }
    let findings = Findings::new(evaluator(&checkpoint, threads)?, &trained, &checkpoint.decision, &splits.test)?;
    let counts = splits.train.class_counts();
    let run = Run { names: trainer.class_names(), counts: &counts, plan: &plan, recipe: trainer.recipe() };
    screen.result(&findings.evaluation, run);
    if let Some(found) = &found {
        args.rejection.say(found, console);
    }
    metrics.test(&findings.evaluation);
    let report = folder.report(&trainer.checkpoint(), &trained, &findings, &splits, shared);
    if let Err(error) = &report {
        console.warn(format_args!("the report could not be written: {error}; all other files were written"));
    }
    let sample = folder.sample(&splits.test);
    folder.test_images(&splits.test, plan.shape(0));
    // Last: a model file shows that its run is complete.
    folder.export(&model)?;
    screen.next(&folder, report.ok().as_deref(), sample.as_deref(), integers, args.firmware_board());
    Ok(ExitCode::SUCCESS)
}

/// The result of a run.
struct Exported {
    checkpoint: Checkpoint,
    trained: Trained,
    /// The model file.
    model: Vec<u8>,
    /// Whether the model file contains the integers of quantisation-aware training.
    integers: bool,
}

impl Exported {
    /// Returns the network of the last epoch, or of the best epoch on validation images. (Test images do not choose it:
    /// their accuracy would then be too high.)
    fn of(trainer: &Trainer, folder: &RunFolder) -> Outcome<Exported> {
        let mut checkpoint = match trainer.recipe().validation > 0.0 {
            true => Checkpoint::load(&folder.best())?,
            false => trainer.checkpoint(),
        };
        let trained = checkpoint.trained();
        let integers = aware::quantized(&checkpoint).transpose()?;
        let model = match &integers {
            Some(integers) => integers.to_bytes(Lanes::Two)?,
            None => trained.to_model(WeightType::F32, Lanes::default())?,
        };
        // The rest of the decision is found on validation images later; only the class for unknown images is certain.
        if checkpoint.decision == Decision::PLAIN {
            checkpoint.decision.unknown = unknown_class(&trained.class_names);
        }
        let model = with_decision(&model, &checkpoint.decision)?;
        Ok(Exported { checkpoint, trained, model, integers: integers.is_some() })
    }
}

/// Trains to the end of the last epoch; returns true if the user stopped the run. Evaluates the network on the `measured`
/// images after each epoch. Writes the checkpoint after each epoch, in the interval `every`, and when the run is stopped;
/// with validation images also the checkpoint of the best epoch.
fn epochs(
    trainer: &mut Trainer,
    [train, measured]: [&Dataset; 2],
    folder: &RunFolder,
    every: Duration,
    metrics: &mut Metrics<'_>,
    screen: &mut Screen<'_>,
) -> Outcome<bool> {
    while !trainer.is_done() {
        screen.begin(trainer.position());
        let mut saved = Instant::now();
        loop {
            let ended = trainer.epoch(train, |progress| {
                screen.step(progress);
                let pause = interrupt::asked() || saved.elapsed() >= every;
                if pause { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if let Ended::Epoch(_) = ended {
                break;
            }
            folder.save(&trainer.checkpoint())?;
            if interrupt::asked() {
                screen.end();
                return Ok(true);
            }
            saved = Instant::now();
        }
        let evaluation = trainer.evaluate(measured)?;
        let best = trainer.record(&evaluation);
        let checkpoint = trainer.checkpoint();
        if best && trainer.recipe().validation > 0.0 {
            checkpoint.save(&folder.best())?;
        }
        folder.save(&checkpoint)?;
        screen.end();
        if let Some(report) = trainer.history().last() {
            screen.epoch(report);
            metrics.epoch(report);
        }
        if interrupt::asked() && !trainer.is_done() {
            screen.end();
            return Ok(true);
        }
    }
    Ok(false)
}
