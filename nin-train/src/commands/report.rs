//! `nin-train report`: writes the page of a run or of a model, or a page that compares several runs.

use std::path::{Path, PathBuf};

use clap::Args;
use nin_train::data::Splits;
use nin_train::data::survey::Shared;
use nin_train::report::html::{Findings, ModelPage, ModelResults, Run, RunImages, comparison, model_page, page};
use nin_train::support::files::{self, FileError};
use nin_train::support::text::visible_path;
use nin_train::support::threads;
use nin_train::training::checkpoint::Checkpoint;
use nin_train::training::evaluation::evaluator;
use serde_json::Value;

use super::export::refuse_input;
use super::images::{self, ImageArgs};
use super::known::{Found, Known, Others};
use super::networks::{self, Loaded};
use super::run_folder::{BEST, CHECKPOINT, METRICS, REPORT, network_name, run_name};
use super::{Console, Outcome, cost, threads_of};

/// Flags of `report`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train report runs/fashion                  write runs/fashion/report.html again
  nin-train report runs/a runs/b --out ab.html   two runs side by side
  nin-train report person.nin --data photos      a model file, evaluated on these images

The images are those that the run was trained on. The page of a model file or safetensors file has no training curves; if
its images are not known, it has the network, its filters and its memory. A page is one HTML file that needs neither an
internet connection nor another file. The same run gives the same bytes.")]
pub struct ReportArgs {
    /// Runs: their folders or checkpoints; or one model file or safetensors file
    #[arg(value_name = "RUN|MODEL", required = true)]
    runs: Vec<PathBuf>,

    /// The file to write [default: report.html in the run's folder; MODEL.html beside a model file; comparison.html for
    /// several runs]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    images: ImageArgs,

    /// Threads; 0 uses one per processor
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

/// Writes the page.
pub fn run(args: &ReportArgs, console: &Console) -> Outcome {
    let (out, html) = match args.runs.as_slice() {
        [run] => match networks::load(&checkpoint_of(run))? {
            loaded if loaded.is_checkpoint() => single(args, loaded.path(), console)?,
            loaded => of_model(args, &loaded, console)?,
        },
        runs => {
            let run = |run: &PathBuf| {
                let path = checkpoint_of(run);
                refuse_model(&path)?;
                let checkpoint = Checkpoint::load(&path)?;
                Ok(Run::new(run.display().to_string(), &checkpoint, noted(&path)))
            };
            let runs = runs.iter().map(run).collect::<Outcome<Vec<_>>>()?;
            (PathBuf::from("comparison.html"), comparison(&runs))
        }
    };
    let out = args.out.clone().unwrap_or(out);
    files::write(&out, html.as_bytes())?;
    console.result(format_args!("{}", out.display()));
    Ok(())
}

fn checkpoint_of(run: &Path) -> PathBuf {
    if run.is_dir() { run.join(CHECKPOINT) } else { run.to_owned() }
}

/// Returns an error if the file is a network without a run.
fn refuse_model(path: &Path) -> Outcome {
    let loaded = networks::load(path)?;
    if loaded.is_checkpoint() {
        return Ok(());
    }
    loaded.weights()?;
    Err(format!(
        "{}: this is not a checkpoint, and a page of several compares their training: name the folder of its run, or \
         write a page of this file alone",
        visible_path(path)
    )
    .into())
}

/// Returns the page of a network without a run, and the file to write it to.
fn of_model(args: &ReportArgs, loaded: &Loaded, console: &Console) -> Outcome<(PathBuf, String)> {
    let path = loaded.path();
    let weights = loaded.weights()?;
    let file = loaded.fast_model()?;
    let model = file.model()?;
    let out = path.with_extension("html");
    refuse_input(path, Some(args.out.as_ref().unwrap_or(&out)))?;
    let threads = threads_of(args.threads, console);
    cost::check(&model, path, 0, threads, console)?;
    let found = loaded.images(&args.images, model.plan().spec().input(), console)?;
    let mut findings = None;
    if let Some(Found { splits: Splits { test, .. }, .. }) = &found {
        cost::check(&model, path, test.len(), threads, console)?;
        let bar = console.bar(test.len() as u64, "{wide_bar} {pos}/{len} images {eta}");
        let done = |images| bar.inc(images as u64);
        let results = threads::pool(threads)?.install(|| Findings::of_model(&model, weights.network(), test, &done));
        bar.finish_and_clear();
        findings = Some(results.map_err(FileError::at(path))?);
    }
    let results = findings.as_ref().zip(found.as_ref()).map(|(findings, Found { splits, .. })| ModelResults {
        findings,
        test: &splits.test,
        source: &splits.source,
    });
    let stored = loaded.stored_model()?;
    let name = network_name(path);
    let html = model_page(&ModelPage { name: &name, model: &model, network: weights.network(), stored, results });
    Ok((out, html))
}

fn single(args: &ReportArgs, path: &Path, console: &Console) -> Outcome<(PathBuf, String)> {
    let checkpoint = Checkpoint::load(path)?;
    // The network that the run exported: with validation images, that of the best epoch.
    let exported = match path.with_file_name(BEST) {
        best if checkpoint.recipe.validation > 0.0 && best.exists() => Checkpoint::load(&best)?,
        _ => checkpoint.clone(),
    };
    let trained = exported.trained();
    let known = Known::of_checkpoint(path, &checkpoint);
    let Found { mut splits, record } = known.load(&args.images, trained.spec.input(), Others::Noted, console)?;
    let shared = images::shared_test_images(record.kind, &splits);
    images::split_off(&checkpoint.recipe, &mut splits)?;
    // The sentence that the run printed, so that the page does not depend on the current folder.
    let same = checkpoint.dataset.as_ref().is_some_and(|dataset| dataset.is_same(&record));
    let source = noted(path).filter(|_| same).map_or_else(|| splits.source.clone(), |noted| noted.source);
    let found = RunImages { source, training: splits.train.len(), test: splits.test.len(), shared };
    let findings = Findings::new(
        evaluator(&exported, threads_of(args.threads, console))?,
        &trained,
        &exported.decision,
        &splits.test,
    )?;
    let run = Run::new(run_name(path), &checkpoint, Some(found));
    Ok((path.with_file_name(REPORT), page(&run, &trained, &findings, &splits.test)))
}

/// Returns the run's images from the metrics in the checkpoint's folder, if they contain them.
fn noted(checkpoint: &Path) -> Option<RunImages> {
    let metrics = files::read(&checkpoint.with_file_name(METRICS)).ok()?;
    let first = metrics.split(|byte| *byte == b'\n').next()?;
    let start: Value = serde_json::from_slice(first).ok()?;
    let count = |name: &str| usize::try_from(start.get(name)?.as_u64()?).ok();
    Some(RunImages {
        source: start.get("images")?.as_str()?.to_owned(),
        training: count("training_images")?,
        test: count("test_images")?,
        shared: Shared::default(),
    })
}
