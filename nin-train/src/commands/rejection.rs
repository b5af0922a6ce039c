//! Flags for the rejection of images that belong to none of the classes.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use nin_core::{Decision, Lanes, Score};
use nin_train::data::Splits;
use nin_train::engine::confidence::{self, Found, KEEP, Rejection, unknown_class};
use nin_train::engine::streaming::ModelBytes;
use nin_train::formats::model_file::Integers;
use nin_train::support::files::FileError;
use nin_train::support::text::grouped;

use super::networks::Loaded;
use super::{Console, Outcome};

/// Flags that determine when an image is rejected.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Validation")]
pub struct RejectionArgs {
    /// Share of the right answers on validation images that the threshold keeps; images with a lower score are answered
    /// "none of these". With off, every image gets a class [default: 0.95]
    #[arg(long, value_name = "SHARE|off")]
    keep: Option<Keep>,

    /// Score of an image that is compared with the threshold
    #[arg(long, value_name = "SCORE", default_value = "logit")]
    reject_by: RejectBy,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RejectBy {
    /// The largest logit
    Logit,
    /// The logarithm of the sum of the exponentials of all logits
    Energy,
}

#[derive(Clone, Copy, Debug)]
struct Keep(Option<f64>);

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Keep, String> {
        match (text, text.parse::<f64>()) {
            ("off", _) => Ok(Keep(None)),
            (_, Ok(share)) if share > 0.0 && share <= 1.0 => Ok(Keep(Some(share))),
            _ => Err("a number above 0 and up to 1, like 0.95, or off".to_owned()),
        }
    }
}

impl RejectionArgs {
    /// Returns how images are rejected; `None` if never.
    pub fn rejection(&self) -> Option<Rejection> {
        let score = match self.reject_by {
            RejectBy::Logit => Score::Logit,
            RejectBy::Energy => Score::Energy,
        };
        self.share().map(|keep| Rejection { score, keep })
    }

    /// Returns the share of right answers that is kept; `None` if no image is rejected.
    fn share(&self) -> Option<f64> {
        self.keep.map_or(Some(KEEP), |Keep(share)| share)
    }

    /// Finds temperature and threshold of a quantised network on the images that its run, or its data set, kept for
    /// validation, and prints them. Without any, it keeps those of the network that it was made from: its logits are
    /// nearly the same.
    pub fn decide(
        &self,
        loaded: &Loaded,
        model: &Integers,
        splits: &mut Splits,
        pool: &rayon::ThreadPool,
        console: &Console,
    ) -> Outcome<Decision> {
        let Some(validation) = loaded.known()?.validation(splits)? else {
            let unknown = unknown_class(model.class_names());
            let decision = loaded.decision()?;
            let threshold = match self.keep {
                Some(Keep(None)) => None,
                Some(Keep(Some(_))) => {
                    console.warn(format_args!(
                        "--keep is not used: a threshold is found on validation images, and the run had none (train \
                         --validation 0.1)"
                    ));
                    decision.threshold
                }
                None => decision.threshold,
            };
            return Ok(Decision { threshold, unknown: decision.unknown.or(unknown), ..decision });
        };
        let bytes = ModelBytes::new(&model.to_bytes(Lanes::Sixteen)?);
        let bytes = bytes.model()?;
        let found = pool.install(|| confidence::find(&bytes, &validation, self.rejection()));
        let found = found.map_err(FileError::at(loaded.path()))?;
        self.say(&found, console);
        Ok(found.decision)
    }

    /// Prints the temperature and the threshold that were found on the validation images.
    pub fn say(&self, found: &Found, console: &Console) {
        let [before, after] = found.calibration_error.map(|error| 100.0 * error);
        let Decision { temperature, threshold, unknown } = found.decision;
        console.say(format_args!(
            "On {} validation images: temperature {temperature:.3}, calibration error {before:.1} % before, {after:.1} % after",
            grouped(found.images as u64)
        ));
        if let (Some(threshold), Some(keep)) = (threshold, self.share()) {
            let score = score_name(threshold.score);
            console.say(format_args!(
                "\"None of these\" below {score} {:.3}: {} % of the right answers are kept (--keep)",
                threshold.value,
                Percent(100.0 * keep)
            ));
        }
        if unknown.is_some() {
            console.say(format_args!("\"None of these\" also if the class _unknown has the largest logit"));
        }
    }
}

/// Returns a score's name in a sentence.
pub fn score_name(score: Score) -> &'static str {
    match score {
        Score::Energy => "an energy of",
        _ => "a largest logit of",
    }
}

/// A share in percent, without superfluous digits.
struct Percent(f64);

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rounded = (self.0 * 100.0).round() / 100.0;
        rounded.fmt(f)
    }
}
