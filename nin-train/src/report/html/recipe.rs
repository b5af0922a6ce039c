//! A recipe in words.

use serde_json::Value;

use crate::optim::Optimizer;
use crate::parameters::Init;
use crate::schedule::Schedule;
use crate::train::Recipe;

/// Parts of a recipe that have words of their own here.
const TOLD: [&str; 10] =
    ["seed", "epochs", "batch", "lr", "warmup", "schedule", "optimizer", "init", "smoothing", "augment"];
/// The same of its augmentation.
const CHANGES: [&str; 2] = ["flip", "crop"];

/// The recipe as one sentence.
pub(super) fn words(recipe: &Recipe) -> String {
    let mut parts = vec![
        format!("{} epoch{} in steps of {} images", recipe.epochs, plural(recipe.epochs.into()), recipe.batch),
        optimizer(&recipe.optimizer),
        rate(recipe),
    ];
    if recipe.warmup > 0.0 {
        parts.push(format!("a warm-up over {} epoch(s)", recipe.warmup));
    }
    if recipe.smoothing > 0.0 {
        parts.push(format!("labels smoothed by {}", recipe.smoothing));
    }
    if recipe.augment.flip {
        parts.push("every second image mirrored".to_owned());
    }
    if recipe.augment.crop > 0 {
        let pixels = recipe.augment.crop;
        parts.push(format!("images shifted by up to {pixels} pixel{} each way", plural(pixels.into())));
    }
    let value = serde_json::to_value(recipe).unwrap_or_default();
    parts.extend(others(&value["augment"], &CHANGES));
    parts.extend(others(&value, &TOLD));
    parts.push(match recipe.init {
        Init::Xavier => "Xavier-uniform weights at the start".to_owned(),
        Init::XavierBook => "the book's weights at the start".to_owned(),
        Init::He => "He-uniform weights at the start".to_owned(),
    });
    format!("{}; seed {}.", parts.join(", "), recipe.seed)
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn optimizer(optimizer: &Optimizer) -> String {
    let (name, decay) = match *optimizer {
        Optimizer::Sgd { momentum: 0.0, decay, .. } => ("plain SGD".to_owned(), decay),
        Optimizer::Sgd { momentum, decay, nesterov } => {
            (format!("SGD with {}momentum {momentum}", if nesterov { "Nesterov’s " } else { "" }), decay)
        }
        Optimizer::AdamW { decay, .. } => ("AdamW".to_owned(), decay),
    };
    if decay > 0.0 { format!("{name}, weight decay {decay}") } else { name }
}

fn rate(recipe: &Recipe) -> String {
    let lr = recipe.lr;
    match recipe.schedule {
        Schedule::Constant => format!("learning rate {lr}"),
        Schedule::Step { epochs, factor } => {
            format!("learning rate {lr}, times {factor} after every {epochs} epoch{}", plural(epochs.into()))
        }
        Schedule::Cosine => format!("learning rate from {lr} down to 0 along a cosine"),
        Schedule::OneCycle { rise } => {
            format!("learning rate up to {lr} over {:.0} % of the steps, then down to almost 0", 100.0 * rise)
        }
    }
}

/// What a recipe says beside the parts that have words, if it says anything.
fn others(recipe: &Value, told: &[&str]) -> Vec<String> {
    let mut flat = Vec::new();
    if let Value::Object(parts) = recipe {
        for (name, value) in parts.iter().filter(|(name, _)| !told.contains(&name.as_str())) {
            flatten(name, value, &mut flat);
        }
    }
    let idle = ["0", "0.0", "false", "null", ""];
    flat.retain(|(_, value)| !idle.contains(&value.as_str()));
    flat.into_iter().map(|(name, value)| format!("{} {value}", name.replace(['_', '.'], " "))).collect()
}

/// A recipe's parts by name, those within parts as `schedule.rise`.
pub(super) fn parts(recipe: &Recipe) -> Vec<(String, String)> {
    let mut flat = Vec::new();
    flatten("", &serde_json::to_value(recipe).unwrap_or_default(), &mut flat);
    flat
}

fn flatten(name: &str, value: &Value, flat: &mut Vec<(String, String)>) {
    match value {
        Value::Object(parts) => {
            for (part, value) in parts {
                let name = if name.is_empty() { part.clone() } else { format!("{name}.{part}") };
                flatten(&name, value, flat);
            }
        }
        Value::String(text) => flat.push((name.to_owned(), text.clone())),
        // An f32 as f64 has digits that nobody typed.
        Value::Number(number) => {
            let short = number.as_f64().filter(|_| number.is_f64()).map(|value| (value as f32).to_string());
            flat.push((name.to_owned(), short.unwrap_or_else(|| number.to_string())));
        }
        other => flat.push((name.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{CHANGES, TOLD, others, parts, words};
    use crate::train::Recipe;

    #[test]
    fn recipes_read_like_sentences() {
        let mut recipe = Recipe::default();
        recipe.augment.crop = 1;
        assert_eq!(
            words(&recipe),
            "10 epochs in steps of 128 images, SGD with Nesterov’s momentum 0.9, weight decay 0.0005, learning rate up \
             to 0.05 over 30 % of the steps, then down to almost 0, images shifted by up to 1 pixel each way, \
             He-uniform weights at the start; seed 1."
        );
        assert!(words(&Recipe::book(0.1)).contains("plain SGD, learning rate 0.1, the book's weights"));
    }

    /// A part that has no words here is told by its name rather than left out.
    #[test]
    fn nothing_is_left_out() {
        let recipe = json!({ "seed": 1, "clip_norm": 0.5, "mean": { "decay": 0.99 }, "none": null, "off": false });
        assert_eq!(others(&recipe, &TOLD), ["clip norm 0.5", "mean decay 0.99"]);
        assert_eq!(others(&json!({ "flip": true, "cutout": 4, "erase": 0 }), &CHANGES), ["cutout 4"]);
        let parts = parts(&Recipe::default());
        assert!(parts.contains(&("lr".into(), "0.05".into())), "{parts:?}");
        assert!(parts.contains(&("schedule.kind".into(), "one-cycle".into())), "{parts:?}");
    }
}
