//! The terminal output of a training run.

use std::path::Path;

use indicatif::ProgressBar;
use nin_core::Plan;
use nin_train::Recipe;
use nin_train::engine::confusion::Confusion;
use nin_train::support::text::{counted, grouped, percent, visible};
use nin_train::training::evaluation::Evaluation;
use nin_train::training::position::{EpochReport, Position};
use nin_train::training::trainer::Progress;

use super::super::run_folder::RunFolder;
use super::super::{Console, program, say_never_answered, word};

/// The width from which on the epoch table has all columns.
const WIDE: usize = 80;

/// Prints a training run.
pub struct Screen<'a> {
    console: &'a Console,
    epochs: u32,
    images: usize,
    /// The images that each epoch is evaluated on: `val.` or `test`.
    measured: &'static str,
    bar: ProgressBar,
}

impl<'a> Screen<'a> {
    /// Returns the output for a run of this recipe with `images` training images.
    pub fn new(console: &'a Console, recipe: &Recipe, images: usize) -> Self {
        let measured = if recipe.validation > 0.0 { "val." } else { "test" };
        Self { console, epochs: recipe.epochs, images, measured, bar: ProgressBar::hidden() }
    }

    /// Prints an estimate of the remaining time from the number of images per second.
    pub fn estimate(&self, images_per_second: f64, position: &Position) {
        let epochs = self.epochs - position.epoch;
        let images = u64::from(epochs) * self.images as u64 - position.images as u64;
        self.console.explain(format_args!(
            "{} of {} at about {} images/s: {}\n",
            counted(epochs as usize, "epoch"),
            counted(self.images, "image"),
            grouped(images_per_second.round() as u64),
            duration(images as f64 / images_per_second)
        ));
    }

    /// Prints the heading of the epoch table and the epochs already done.
    pub fn heading(&self, history: &[EpochReport]) {
        let measured = self.measured;
        match self.console.columns() < WIDE {
            true => self.console.say(format_args!("epoch    loss  accuracy  {measured} loss  {measured} accuracy")),
            false => self.console.say(format_args!(
                "epoch       lr    loss  accuracy  {measured} loss  {measured} accuracy  images/s  seconds"
            )),
        }
        history.iter().for_each(|report| self.epoch(report));
    }

    /// Shows the progress bar of an epoch that starts or continues.
    pub fn begin(&mut self, position: &Position) {
        let template =
            format!("epoch {}/{} {{wide_bar}} {{pos}}/{{len}} {{msg}} {{eta}}", position.epoch + 1, self.epochs);
        self.bar = self.console.bar(self.images as u64, &template);
        self.bar.set_position(position.images as u64);
        self.bar.reset_eta();
    }

    /// Updates the progress bar after a step.
    pub fn step(&self, progress: Progress) {
        self.bar.set_position(progress.images as u64);
        self.bar.set_message(format!("loss {:.3} {:.0}/s", progress.loss, progress.images_per_second));
    }

    /// Removes the progress bar when the epoch has ended or was stopped, and the `^C` of a terminal that no bar covers.
    pub fn end(&self) {
        self.bar.finish_and_clear();
        self.console.clear_line();
    }

    /// Prints an epoch's row of the table.
    pub fn epoch(&self, report: &EpochReport) {
        let test =
            |value: Option<f64>, digits: usize| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.digits$}"));
        let (loss, accuracy) =
            (test(report.test_loss, 4), test(report.test_accuracy.map(|accuracy| 100.0 * accuracy), 2));
        if self.console.columns() < WIDE {
            self.console.row(format_args!(
                "{:>2}/{:<2} {:>7.4} {:>7.2} % {loss:>10} {accuracy:>12} %",
                report.epoch,
                self.epochs,
                report.loss,
                100.0 * report.accuracy
            ));
            return;
        }
        self.console.row(format_args!(
            "{:>2}/{:<2} {:>8.5} {:>7.4} {:>7.2} % {loss:>10} {accuracy:>12} % {:>9.0} {:>8.1}",
            report.epoch,
            self.epochs,
            report.lr,
            report.loss,
            100.0 * report.accuracy,
            report.images_per_second,
            report.seconds
        ));
    }

    /// Prints the trained network's confusion matrix and test accuracy.
    pub fn result(&self, evaluation: &Evaluation, run: Run<'_>) {
        let names = run.names;
        let confusion = Confusion::of_rows(names, &evaluation.confusion);
        self.console.explain(format_args!("\n{confusion:width$}\n", width = self.console.columns()));
        let (correct, total) = (confusion.correct(), confusion.total());
        self.console.result(format_args!(
            "test accuracy {}: {} of {} images, loss {:.4}",
            percent(correct, total),
            grouped(correct as u64),
            grouped(total as u64),
            evaluation.loss
        ));
        if say_never_answered(&confusion, self.console) {
            let lost = (0..names.len()).filter(|class| evaluation.confusion.iter().all(|row| row[*class] == 0));
            self.console.explain(format_args!("{}", advice(&lost.collect::<Vec<_>>(), run)));
        }
    }

    /// Prints the files written and the commands to run next; `board` is the one to write firmware for.
    pub fn next(&self, folder: &RunFolder, report: Option<&Path>, sample: Option<&Path>, integers: bool, board: &str) {
        let (checkpoint, model) = (folder.checkpoint(), folder.model());
        let (checkpoint, model) = (word(&checkpoint), word(&model));
        // The checkpoint that the model is exported from.
        let best = (self.measured != "test").then(|| word(&folder.best()));
        let mut written = vec![(checkpoint.clone(), "to continue training"), (model.clone(), "to run on a board")];
        written.extend(best.clone().map(|best| (best, "the best epoch, from which the model was exported")));
        written.extend(report.map(|report| (report.display().to_string(), "to open in a browser")));
        let kept = best.unwrap_or(checkpoint);
        let width = written.iter().map(|(file, _)| file.chars().count()).max().unwrap_or(0);
        self.console.say(format_args!("\nWritten:"));
        written.iter().for_each(|(file, purpose)| self.console.say(format_args!("  {file:width$}  {purpose}")));
        self.console.say(format_args!("\nNext:"));
        let program = program();
        if let Some(sample) = sample {
            self.console.say(format_args!("  {program} predict {model} {}", word(sample)));
        }
        let source = |name| word(&folder.path().join(name));
        self.console.say(format_args!("  {program} eval {model}"));
        let int8 = if integers { model.clone() } else { source("model_int8.nin") };
        if !integers {
            self.console.say(format_args!("  {program} quantize {kept} --rust {}", source("model_int8.rs")));
        }
        self.console.say(format_args!("  {program} firmware {int8} --board {board} --out my-classifier"));
        if !integers {
            self.console.say(format_args!("  {program} export {kept} --rust {} --type f16", source("model_f16.rs")));
        }
    }
}

/// The images, network and recipe of a run, which may explain classes that are never predicted.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The names of the classes.
    pub names: &'a [String],
    /// The number of training images of each class.
    pub counts: &'a [usize],
    /// The network.
    pub plan: &'a Plan,
    /// The recipe.
    pub recipe: &'a Recipe,
}

/// A class is rare if it has less than this share of a class's mean number of images.
const RARE: f64 = 0.5;

/// Returns the most likely reason why the network never predicts the `lost` classes, and a remedy.
fn advice(lost: &[usize], run: Run<'_>) -> String {
    let Run { names, counts, plan, recipe } = run;
    let classes = counts.iter().filter(|count| **count > 0).count().max(1);
    let mean = counts.iter().sum::<usize>() as f64 / classes as f64;
    let count = |class: usize| counts.get(class).copied().unwrap_or(0);
    let rarest = lost.iter().copied().min_by_key(|class| count(*class));
    if let Some(rarest) = rarest.filter(|class| (count(*class) as f64) < RARE * mean) {
        let (name, images) = (visible(&names[rarest]), grouped(count(rarest) as u64));
        let all = grouped(counts.iter().sum::<usize>() as u64);
        return match (count(rarest), recipe.balanced) {
            (0, _) => format!("There is no training image of {name}."),
            (_, false) => format!(
                "Only {images} of the {all} training images are of {name}: train with --balanced, and add images of it."
            ),
            (_, true) => format!("Only {images} of the {all} training images are of {name}: add images of it."),
        };
    }
    // The book's head: as many channels as classes, each with a ReLU, and their average.
    let line = plan.spec().to_string();
    if line.ends_with(" gap") {
        return format!(
            "A dead ReLU in the last block may be the reason. Use a wide last block and a linear layer: end the line in \
             nin3+1:64,64 gap fc{0}, not in {0} channels and gap. `eval --channels` counts dead ReLUs.",
            plan.classes()
        );
    }
    format!(
        "The training may have been too short, or ReLUs are dead: try --epochs {}, or --batch-norm if it was off. \
         `eval --channels` counts dead ReLUs.",
        recipe.epochs.saturating_mul(2)
    )
}

/// Returns a rounded duration as text, in seconds, minutes or hours.
fn duration(seconds: f64) -> String {
    let about = |amount: f64, unit: &str| match amount.round() as u64 {
        0 | 1 => format!("about one {unit}"),
        amount => format!("about {} {unit}s", grouped(amount)),
    };
    match seconds {
        ..90.0 => about(seconds, "second"),
        90.0..5400.0 => about(seconds / 60.0, "minute"),
        _ => about(seconds / 3600.0, "hour"),
    }
}

#[cfg(test)]
mod tests {
    use nin_core::{Plan, Spec};
    use nin_train::Recipe;

    use super::{Run, advice, duration};

    #[test]
    fn lost_classes_have_their_likeliest_reason() {
        let names = ["a".to_owned(), "b".to_owned()];
        let [narrow, wide] = ["1x8x8 nin3+1:8,2 gap", "1x8x8 nin3+1:8 gap fc2"].map(|line| Plan::new(Spec::new(line)));
        let (plain, balanced) = (Recipe::default(), Recipe { balanced: true, ..Recipe::default() });
        let told =
            |counts: [usize; 2], plan, recipe| advice(&[1], Run { names: &names, counts: &counts, plan, recipe });
        assert!(
            told([200, 3], &narrow, &plain)
                .contains("Only 3 of the 203 training images are of b: train with --balanced")
        );
        assert!(!told([200, 3], &narrow, &balanced).contains("--balanced"));
        assert!(told([100, 100], &narrow, &plain).contains("end the line in nin3+1:64,64 gap fc2"));
        assert!(told([100, 100], &wide, &plain).contains("--epochs 20"));
    }

    #[test]
    fn durations_have_a_unit_that_fits() {
        for (seconds, text) in [
            (0.2, "about one second"),
            (1.6, "about 2 seconds"),
            (89.0, "about 89 seconds"),
            (91.0, "about 2 minutes"),
            (3000.0, "about 50 minutes"),
            (5400.0, "about 2 hours"),
            (9_000_000.0, "about 2,500 hours"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }
}
