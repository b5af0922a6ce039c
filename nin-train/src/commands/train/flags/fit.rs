//! Chooses network and recipe by the user's images, and prints the choice.

use std::fmt::Write;

use nin_core::{Plan, Shape};
use nin_train::Recipe;
use nin_train::data::{Dataset, Splits};
use nin_train::network::architecture::Architecture;
use nin_train::network::family::{self, MACS};
use nin_train::network::resources::Resources;
use nin_train::support::text::{bytes, counted, grouped, visible};
use nin_train::training::fitting::are_uneven;

use super::super::super::budget::BudgetArgs;
use super::super::{Console, Outcome};

/// The most classes whose counts are printed.
const LISTED: usize = 12;

/// Returns the network of the family that fits these images and the budget.
pub fn network(splits: &Splits, shape: Option<Shape>, budget: &BudgetArgs) -> Outcome<Architecture> {
    let (shape, names) = (shape.unwrap_or(splits.train.shape()), splits.train.class_names());
    let plan = family::fitting(shape, names.len(), &budget.budget(names, MACS)).ok_or_else(|| {
        format!(
            "no network for {shape} and {} classes fits {budget}: allow more with --board, --flash or --ram, choose \
             smaller images with --shape, or write a --line",
            names.len()
        )
    })?;
    Ok(Architecture::of(*plan.spec()))
}

/// Prints a note if a named network exceeds a named budget.
pub fn warn_of_budget(plan: &Plan, splits: &Splits, budget: &BudgetArgs, console: &Console) {
    let limits = budget.budget(splits.train.class_names(), u64::MAX);
    if budget.given().is_some() && !limits.holds(plan) {
        let Resources { flash_int8, streaming_int8, .. } = Resources::new(plan);
        console.warn(format_args!(
            "in 8 bits the network needs {} of flash and {} of RAM, more than {budget}; without --line and --preset, one \
             that fits is chosen",
            bytes(flash_int8),
            bytes(streaming_int8)
        ));
    }
}

/// Prints the choice, each part with the flag that changes it.
pub fn say(recipe: &Recipe, chosen: Option<(&Architecture, &BudgetArgs)>, splits: &Splits, console: &Console) {
    let train = &splits.train;
    let mut text = "Chosen for these images; the flags in brackets change it:\n".to_owned();
    let mut row = |name: &str, what: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:11} {what}");
    };
    if let Some((architecture, budget)) = chosen {
        row("network", format!("{} (--line)", architecture.spec));
        row("", format!("for {budget}"));
        row("", "(--board, --flash, --ram, --shape)".to_owned());
    }
    let steps = train.len().div_ceil(recipe.batch);
    let (epochs, steps) = (counted(recipe.epochs as usize, "epoch"), counted(steps, "step"));
    row("training", format!("{epochs} (--epochs) of about {steps} (--batch)"));
    match recipe.validation {
        0.0 => row("validation", "none: all images are training images (--validation)".to_owned()),
        share => {
            let images = match &splits.validation {
                Some(own) => format!("the data set's {} images", grouped(own.len() as u64)),
                None => format!("{} % of the training images", (100.0 * share).round()),
            };
            row("validation", format!("{images} (--validation); the best epoch is exported"));
        }
    }
    if recipe.patience > 0 {
        let epochs = counted(recipe.patience as usize, "epoch");
        row("", format!("stops after {epochs} without improvement (--patience)"));
    }
    match recipe.augment.crop {
        0 => {}
        crop => row("augment", format!("images are shifted by up to {} (--crop)", counted(crop as usize, "pixel"))),
    }
    if let Some(images) = recipe.batch_norm {
        row("normalise", format!("batch normalisation over {images} images (--batch-norm)"));
    }
    if are_uneven(train) {
        let weights = match recipe.balanced {
            true => "rare classes count more (--balanced false)",
            false => "all images count the same (--balanced)",
        };
        row("balance", format!("the classes are uneven, {weights}:"));
        row("", counts(train));
    }
    text += "If a mirrored object keeps its class, add --flip.";
    console.say(format_args!("\n{text}"));
}

/// Returns the number of training images of each class, largest first; of many classes, the largest and the smallest.
fn counts(train: &Dataset) -> String {
    let mut counts: Vec<(usize, &String)> = train.class_counts().into_iter().zip(train.class_names()).collect();
    counts.sort_by(|(a, _), (b, _)| b.cmp(a));
    let told: Vec<String> =
        counts.iter().map(|(count, name)| format!("{} {}", visible(name), grouped(*count as u64))).collect();
    if told.len() <= LISTED {
        return told.join(", ");
    }
    let (first, last) = (&told[..LISTED / 2], &told[told.len() - LISTED / 2..]);
    format!("{}, …, {}", first.join(", "), last.join(", "))
}
