//! `nin-train report`: writes the page of a run, or a page that compares several.

use std::path::{Path, PathBuf};

use clap::Args;
use nin_train::data::survey::Shared;
use nin_train::report::html::{Findings, Run, RunImages, comparison, page};
use nin_train::support::files;
use nin_train::training::checkpoint::Checkpoint;
use nin_train::training::evaluation::evaluator;
use serde_json::Value;

use super::images::{self, ImageArgs};
use super::known::{Found, Known, Others};
use super::run_folder::{BEST, CHECKPOINT, METRICS, REPORT, run_name};
use super::{Console, Outcome, threads_of};

/// Flags of `report`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train report runs/fashion                  write runs/fashion/report.html again
  nin-train report runs/a runs/b --out ab.html   two runs side by side

The images are those that the run was trained on. A page is one HTML file that needs neither an internet connection nor
another file. The same run gives the same bytes.")]
pub struct ReportArgs {
    /// Runs: their folders or checkpoints
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// The file to write [default: report.html in the run's folder; comparison.html for several runs]
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
        [run] => single(args, &checkpoint_of(run), console)?,
        runs => {
            let run = |run: &PathBuf| {
                let path = checkpoint_of(run);
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
