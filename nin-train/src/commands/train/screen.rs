//! The terminal output of a training run.

use std::path::Path;

use indicatif::ProgressBar;
use nin_train::Recipe;
use nin_train::engine::confusion::Confusion;
use nin_train::support::text::{grouped, percent};
use nin_train::training::evaluation::Evaluation;
use nin_train::training::position::{EpochReport, Position};
use nin_train::training::trainer::Progress;

use super::super::run_folder::RunFolder;
use super::super::{Console, program, say_never_answered, word};

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
        self.console.say(format_args!(
            "{epochs} epochs of {} images at about {} images/s: {}\n",
            grouped(self.images as u64),
            grouped(images_per_second.round() as u64),
            duration(images as f64 / images_per_second)
        ));
    }

    /// Prints the heading of the epoch table and the epochs already done.
    pub fn heading(&self, history: &[EpochReport]) {
        let measured = self.measured;
        self.console.say(format_args!(
            "epoch       lr    loss  accuracy  {measured} loss  {measured} accuracy  images/s  seconds"
        ));
        history.iter().for_each(|report| self.epoch(report));
    }

    /// Shows the progress bar of an epoch that starts or continues.
    pub fn begin(&mut self, position: &Position) {
        let template =
            format!("epoch {}/{} {{bar:30}} {{pos}}/{{len}} {{msg}} {{eta}}", position.epoch + 1, self.epochs);
        self.bar = self.console.bar(self.images as u64, &template);
        self.bar.set_position(position.images as u64);
        self.bar.reset_eta();
    }

    /// Updates the progress bar after a step.
    pub fn step(&self, progress: Progress) {
        self.bar.set_position(progress.images as u64);
        self.bar.set_message(format!("loss {:.3}  {:.0} images/s", progress.loss, progress.images_per_second));
    }

    /// Removes the progress bar when the epoch has ended or was stopped.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// Prints an epoch's row of the table.
    pub fn epoch(&self, report: &EpochReport) {
        let test =
            |value: Option<f64>, digits: usize| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.digits$}"));
        self.console.say(format_args!(
            "{:>2}/{:<2} {:>8.5} {:>7.4} {:>7.2} % {:>10} {:>12} % {:>9.0} {:>8.1}",
            report.epoch,
            self.epochs,
            report.lr,
            report.loss,
            100.0 * report.accuracy,
            test(report.test_loss, 4),
            test(report.test_accuracy.map(|accuracy| 100.0 * accuracy), 2),
            report.images_per_second,
            report.seconds
        ));
    }

    /// Prints the trained network's confusion matrix and test accuracy.
    pub fn result(&self, evaluation: &Evaluation, names: &[String]) {
        let predictions = evaluation.confusion.first().map_or(0, Vec::len);
        let mut confusion = Confusion::new(names, predictions);
        for (label, row) in evaluation.confusion.iter().enumerate() {
            for (prediction, &count) in row.iter().enumerate() {
                confusion.add(label, prediction, count as usize);
            }
        }
        self.console.say(format_args!("\n{confusion}\n"));
        let (correct, total) = (confusion.correct(), confusion.total());
        self.console.result(format_args!(
            "test accuracy {}: {} of {} images, loss {:.4}",
            percent(correct, total),
            grouped(correct as u64),
            grouped(total as u64),
            evaluation.loss
        ));
        if say_never_answered(&confusion, self.console) {
            self.console
                .say(format_args!("Dead ReLUs may be the cause; `eval --channels` counts them layer by layer."));
        }
    }

    /// Prints the files written and the commands to run next.
    pub fn next(&self, folder: &RunFolder, report: Option<&Path>, sample: Option<&Path>, integers: bool) {
        let (checkpoint, model) = (folder.checkpoint(), folder.model());
        let (checkpoint, model) = (word(&checkpoint), word(&model));
        // The checkpoint that the model is exported from.
        let best = (self.measured != "test").then(|| word(&folder.best()));
        self.console
            .say(format_args!("\nWritten:\n  {checkpoint}  to continue training\n  {model}  to run on a board"));
        if let Some(best) = &best {
            self.console.say(format_args!("  {best}  the best epoch, the model's source"));
        }
        let kept = best.unwrap_or(checkpoint);
        if let Some(report) = report {
            self.console.say(format_args!("  {}  to open in a browser", report.display()));
        }
        self.console.say(format_args!("\nNext:"));
        let program = program();
        if let Some(sample) = sample {
            self.console.say(format_args!("  {program} predict {model} {}", word(sample)));
        }
        let source = |name| word(&folder.path().join(name));
        self.console.say(format_args!("  {program} eval {model}"));
        self.console.say(format_args!("  {program} quantize {kept} --rust {}", source("model_int8.rs")));
        if !integers {
            self.console.say(format_args!("  {program} export {kept} --rust {} --type f16", source("model_f16.rs")));
        }
    }
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
    use super::duration;

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
