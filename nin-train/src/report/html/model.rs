//! The page of a model without a run: what its file holds, and its results on images, if there are any.

use nin_core::{Decision, Model, Score, WeightType};

use super::STYLE;
use super::findings::Findings;
use super::page::{figures, filters, footer, resources, results, section};
use super::write::Html;
use crate::data::Dataset;
use crate::network::preprocessing::Preprocessing;
use crate::report::network::{Network, type_in_words};
use crate::support::text::bytes;

/// The largest number of classes that are named.
const NAMED: usize = 30;

/// The contents of a model's page.
#[derive(Clone, Copy, Debug)]
pub struct ModelPage<'a> {
    /// The model's name on the page.
    pub name: &'a str,
    /// The model.
    pub model: &'a Model<'a>,
    /// Its weights.
    pub network: Network<'a>,
    /// The user's file; `None` if it is no model file.
    pub stored: Option<StoredModel>,
    /// Its results on test images, if there are any.
    pub results: Option<ModelResults<'a>>,
}

/// A model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredModel {
    /// The type of its weights.
    pub weight_type: WeightType,
    /// The number of outputs whose weights are interleaved.
    pub lanes: usize,
    /// Its length in bytes.
    pub length: u64,
}

/// A model's results on test images.
#[derive(Clone, Copy, Debug)]
pub struct ModelResults<'a> {
    /// The results.
    pub findings: &'a Findings,
    /// The images from which they were computed.
    pub test: &'a Dataset,
    /// A sentence that names the source of the images.
    pub source: &'a str,
}

/// Returns the page of a model: key figures, weights and resources; with images also the confusion matrix, the most
/// confident mistakes and class maps.
pub fn model_page(page: &ModelPage<'_>) -> String {
    let plan = page.model.plan();
    Html::page(&format!("{} – model report", page.name), STYLE, |html| {
        html.leaf("h1", &[], page.name);
        html.leaf("code", &[("class", "line")], &plan.spec().to_string());
        let file = page.stored.map(|stored| (stored.weight_type, stored.length));
        figures(html, plan, file, page.results.map(|results| &results.findings.evaluation));
        facts(html, page);
        if let Some(ModelResults { findings, test, .. }) = page.results {
            let names: Vec<String> = page.model.class_names().map(str::to_owned).collect();
            results(html, plan, findings, test, &names, "the model has no temperature");
        }
        if let Some(weights) = page.network.first_weights() {
            section(html, "Filters of the first layer");
            filters(html, plan, &weights);
        }
        resources(html, plan, 1);
        footer(html, "The same model and images give the same page.");
    })
}

/// Writes what the file states besides the line.
fn facts(html: &mut Html, page: &ModelPage<'_>) {
    let ModelPage { model, stored, results, .. } = page;
    let mut fact = |what: &str, text: &str| {
        html.tag("p", &[], |html| {
            html.leaf("strong", &[], &format!("{what}. "));
            html.text(text);
        });
    };
    if let Some(StoredModel { weight_type, lanes, length }) = stored {
        let lanes = match lanes {
            1 => "not interleaved".to_owned(),
            lanes => format!("those of {lanes} outputs interleaved"),
        };
        let words = type_in_words(*weight_type);
        fact("File", &format!("{}; {} weights ({words}), {lanes}.", bytes(*length), weight_type.name()));
    }
    fact("Input", &input(model));
    fact("Classes", &classes(model));
    if let (None, Some(decision)) = (results, decision(model.decision())) {
        fact("Decision", &decision);
    }
    if let Some(results) = results {
        fact("Images", results.source);
    }
}

/// Returns the input's shape, and how bytes become numbers.
fn input(model: &Model<'_>) -> String {
    let Preprocessing { mean, scale } = Preprocessing::of(model);
    let channel = |(mean, scale): (&f32, &f32)| match *mean {
        0.0 => format!("byte × {scale}"),
        mean => format!("(byte − {mean}) × {scale}"),
    };
    let mut channels: Vec<String> = mean.iter().zip(&scale).map(channel).collect();
    channels.dedup();
    let shape = model.plan().spec().input();
    let each = if channels.len() > 1 { ", channel by channel" } else { "" };
    format!("{shape} bytes (channels × rows × columns), read as {}{each}.", channels.join(", "))
}

/// Returns the names of the classes, or their number.
fn classes(model: &Model<'_>) -> String {
    let names: Vec<&str> = model.class_names().collect();
    match names.len() {
        0 => format!("{}, which the file does not name.", model.plan().classes()),
        1..=NAMED => format!("{}.", names.join(", ")),
        all => format!("{} and {} more.", names[..NAMED].join(", "), all - NAMED),
    }
}

/// Returns how logits become an answer, if other than by the largest one.
fn decision(decision: &Decision) -> Option<String> {
    let Decision { temperature, threshold, unknown } = *decision;
    let mut sentences = Vec::new();
    if temperature != 1.0 {
        sentences.push(format!("Logits are divided by the temperature {temperature:.3} before the softmax."));
    }
    if let Some(threshold) = threshold {
        let score = if threshold.score == Score::Energy { "energy" } else { "largest logit" };
        sentences.push(format!("An image is rejected if its {score} is below {:.3}.", threshold.value));
    }
    if unknown.is_some() {
        sentences.push("An image is rejected if its most likely class is _unknown.".to_owned());
    }
    (!sentences.is_empty()).then(|| sentences.join(" "))
}
