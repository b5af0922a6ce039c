//! Lists the labels that a network contradicts, most confident first. Such a label may be wrong.

use nin_core::{Model, argmax};
use nin_train::data::Dataset;
use nin_train::engine::streaming::{Streaming, StreamingError, softmax};
use nin_train::support::text::{Align, Table};
use rayon::prelude::*;
use serde_json::{Value, json};

/// An image whose label the network contradicts.
pub struct Suspect {
    index: usize,
    label: usize,
    prediction: usize,
    /// The probability of the predicted class.
    probability: f64,
}

/// Returns at most `most` images whose predicted class differs from their label, in the order of the prediction's
/// probability, highest first.
///
/// # Errors
///
/// Those of the engine.
pub fn of(
    model: &Model<'_>,
    images: &Dataset,
    most: usize,
    done: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Suspect>, StreamingError> {
    let judged = |streaming: &mut Streaming<'_>, index: usize| {
        let logits = streaming.classify(images.image(index), images.shape())?;
        done(1);
        let (label, prediction) = (images.label(index), argmax(&logits).unwrap_or(0));
        let probability = softmax(&logits).get(prediction).copied().unwrap_or(0.0);
        Ok((prediction != label).then_some(Suspect { index, label, prediction, probability }))
    };
    let indices: Vec<usize> = (0..images.len()).collect();
    let judged: Result<Vec<Option<Suspect>>, StreamingError> =
        indices.par_iter().map_init(|| Streaming::new(model), |streaming, &index| judged(streaming, index)).collect();
    let mut suspects: Vec<Suspect> = judged?.into_iter().flatten().collect();
    // Stable: equal probabilities stay in the order of the images.
    suspects.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    suspects.truncate(most);
    Ok(suspects)
}

/// Returns the suspects as a table.
pub fn table(suspects: &[Suspect], images: &Dataset) -> Table {
    let mut table = Table::new([
        ("image", Align::Left),
        ("label", Align::Left),
        ("predicted", Align::Left),
        ("probability", Align::Right),
    ]);
    for suspect in suspects {
        let name = images.file(suspect.index).map_or_else(|| suspect.index.to_string(), str::to_owned);
        let class = |class: usize| images.class_names().get(class).cloned().unwrap_or_else(|| format!("class {class}"));
        let (label, prediction) = (class(suspect.label), class(suspect.prediction));
        table.row([name, label, prediction, format!("{:.1} %", 100.0 * suspect.probability)]);
    }
    table
}

/// Returns the suspects as JSON.
pub fn json(suspects: &[Suspect], images: &Dataset) -> Value {
    let one = |suspect: &Suspect| {
        json!({
            "index": suspect.index,
            "file": images.file(suspect.index),
            "label": images.class_names().get(suspect.label),
            "predicted": images.class_names().get(suspect.prediction),
            "probability": suspect.probability,
        })
    };
    suspects.iter().map(one).collect()
}
