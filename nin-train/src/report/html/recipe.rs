//! A recipe as text.

use serde_json::Value;

use crate::network::parameters::Init;
use crate::training::optim::Optimizer;
use crate::training::recipe::{Origin, Recipe};
use crate::training::schedule::Schedule;

/// Returns the recipe as one sentence.
pub(super) fn words(recipe: &Recipe) -> String {
    let mut parts = vec![
        format!("{} epoch{} with batches of {} images", recipe.epochs, plural(recipe.epochs.into()), recipe.batch),
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
        parts.push("images mirrored with probability 0.5".to_owned());
    }
    if recipe.augment.crop > 0 {
        let pixels = recipe.augment.crop;
        parts.push(format!("images shifted by up to {pixels} pixel{} in each direction", plural(pixels.into())));
    }
    if recipe.augment.rotate > 0 {
        parts.push(format!("images rotated by up to {}° in each direction", recipe.augment.rotate));
    }
    if recipe.augment.erase > 0.0 {
        parts.push(format!("a rectangle blackened in a share of {} of the images", recipe.augment.erase));
    }
    for (what, most) in [("brightness", recipe.augment.brightness), ("contrast", recipe.augment.contrast)] {
        if most > 0.0 {
            parts.push(format!("{what} changed by a factor within 1 ± {most}"));
        }
    }
    if recipe.balanced {
        parts.push("images of rare classes weighted more in the loss".to_owned());
    }
    if recipe.mixup > 0.0 {
        parts.push(format!("mixup with α {}", recipe.mixup));
    }
    if let Some(images) = recipe.batch_norm {
        parts.push(format!("batch normalisation over {images} images"));
    }
    if let Some(distill) = recipe.distill {
        parts.push(format!(
            "distillation with a teacher’s share of {} in the loss, at temperature {}",
            distill.share, distill.temperature
        ));
    }
    if let Some(weights) = &recipe.quantize {
        parts.push(format!("quantisation-aware with {weights} weights"));
    }
    if recipe.ema > 0.0 {
        parts.push(format!("an exponential moving average of the weights with decay {}", recipe.ema));
    }
    if recipe.validation > 0.0 {
        let patience = match recipe.patience {
            0 => String::new(),
            epochs => format!(", stopped early after {epochs} epoch{} without improvement", plural(epochs.into())),
        };
        parts.push(format!("the best epoch selected on {} of the training images{patience}", recipe.validation));
    }
    let weights = match recipe.init {
        Init::Xavier => "Xavier-uniform weights",
        Init::XavierBook => "the book's weights",
        Init::He => "He-uniform weights",
        Init::Pytorch => "PyTorch’s default weights",
    };
    parts.push(match &recipe.from {
        None => format!("{weights} at the start"),
        Some(Origin { file, layers, of }) if layers == of => format!("starting from the weights of {file}"),
        Some(Origin { file, layers, of }) => {
            format!("starting from the first {layers} of {of} layers of {file}, the others with {weights}")
        }
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
        Schedule::Cosine => format!("learning rate falling from {lr} to 0 along a cosine"),
        Schedule::OneCycle { rise } => {
            format!("learning rate rising to {lr} over {:.0} % of the steps, then falling to almost 0", 100.0 * rise)
        }
    }
}

/// Returns a recipe's values by name; nested names are joined by dots, as in `schedule.rise`.
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
        // An f32 printed as f64 would have more digits than were typed.
        Value::Number(number) => {
            let short = number.as_f64().filter(|_| number.is_f64()).map(|value| (value as f32).to_string());
            flat.push((name.to_owned(), short.unwrap_or_else(|| number.to_string())));
        }
        other => flat.push((name.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::{parts, words};
    use crate::engine::distill::Distill;
    use crate::integers::WeightBits;
    use crate::training::recipe::{Origin, Recipe};

    #[test]
    fn recipes_read_like_sentences() {
        let mut recipe = Recipe::default();
        recipe.augment.crop = 1;
        assert_eq!(
            words(&recipe),
            "10 epochs with batches of 128 images, AdamW, weight decay 0.01, learning rate rising to 0.003 over \
             30 % of the steps, then falling to almost 0, images shifted by up to 1 pixel in each direction, \
             He-uniform weights at the start; seed 1."
        );
        assert!(words(&Recipe::book(0.1)).contains("plain SGD, learning rate 0.1, the book's weights"));
    }

    #[test]
    fn every_option_has_words() {
        let mut recipe = Recipe { mixup: 0.2, batch_norm: Some(16), ema: 0.99, validation: 0.1, ..Recipe::default() };
        recipe.patience = 3;
        recipe.distill = Some(Distill { share: 0.7, temperature: 3.0 });
        recipe.quantize = Some(WeightBits::FourIn(vec![3]));
        recipe.augment.rotate = 10;
        recipe.augment.erase = 0.25;
        recipe.augment.brightness = 0.3;
        recipe.augment.contrast = 0.5;
        recipe.balanced = true;
        recipe.from = Some(Origin { file: "a.nin".to_owned(), layers: 3, of: 5 });
        let words = words(&recipe);
        for part in [
            "rotated by up to 10°",
            "blackened in a share of 0.25",
            "brightness changed by a factor within 1 ± 0.3",
            "contrast changed by a factor within 1 ± 0.5",
            "rare classes weighted more",
            "the first 3 of 5 layers of a.nin, the others with He-uniform weights",
            "α 0.2",
            "over 16 images",
            "decay 0.99",
            "a teacher’s share of 0.7 in the loss, at temperature 3",
            "quantisation-aware with 4bit:3 weights",
            "0.1 of the training images, stopped early after 3 epochs",
        ] {
            assert!(words.contains(part), "{words}");
        }
    }

    #[test]
    fn parts_have_the_names_of_the_checkpoint() {
        let parts = parts(&Recipe::default());
        assert!(parts.contains(&("lr".into(), "0.003".into())), "{parts:?}");
        assert!(parts.contains(&("schedule.kind".into(), "one-cycle".into())), "{parts:?}");
    }
}
