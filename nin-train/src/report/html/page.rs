//! The page of one run.

use nin_core::plan::{Kernels, LayerKind};
use nin_core::{Plan, WeightType};

use super::findings::{Answer, Findings};
use super::maps::{ClassMaps, Head};
use super::pictures::{Picture, signed, warm};
use super::tables::{self, scroll, upright};
use super::write::Html;
use super::{Run, RunImages, STYLE, confidence, curves, memory, percent, recipe};
use crate::data::Dataset;
use crate::network::parameters::tensors;
use crate::network::resources::Resources;
use crate::network::trained::Trained;
use crate::report::LayerTable;
use crate::support::text::{bytes, grouped};
use crate::training::evaluation::Evaluation;

/// Largest side of a picture in pixels, so that all pictures of a page together stay below 2 MB.
const SIDE: usize = 64;
/// The largest number of filters shown.
const FILTERS: usize = 64;
/// The largest number of classes for which the maps of all classes are shown, not only the sample's own.
const WIDEST: usize = 20;

/// Returns the page of a run: key figures, training curves, confusion matrix, most confident mistakes, class maps,
/// filters and resources. `test` contains the images from which `findings` were computed.
pub fn page(run: &Run, trained: &Trained, findings: &Findings, test: &Dataset) -> String {
    Html::page(&format!("{} – training report", run.name), STYLE, |html| {
        html.leaf("h1", &[], &run.name);
        header(html, run, findings);
        shared(html, run, test);
        section(html, "Training");
        curves::write(html, std::slice::from_ref(run));
        let uncalibrated = "the run had no validation images (train --validation 0.1)";
        results(html, &run.plan, findings, test, &trained.class_names, uncalibrated);
        section(html, "Filters of the first layer");
        match tensors(&run.plan).first() {
            Some(first) => filters(html, &run.plan, &trained.parameters[first.weight.clone()]),
            None => html.leaf("p", &[], "This network has no weights."),
        }
        resources(html, &run.plan, run.recipe.batch as u64);
        footer(html, SAME_RUN);
    })
}

/// Writes the sections about the results on test images. `names` are the network's classes, if it names them;
/// `uncalibrated` is the reason why there may be no temperature.
pub(super) fn results(
    html: &mut Html,
    plan: &Plan,
    findings: &Findings,
    test: &Dataset,
    names: &[String],
    uncalibrated: &str,
) {
    let name = |class: usize| {
        let names = if names.is_empty() { test.class_names() } else { names };
        names.get(class).cloned().unwrap_or_else(|| format!("class {class}"))
    };
    section(html, "Confusion matrix");
    tables::confusion(html, &findings.evaluation.confusion, &name);
    section(html, "Confidence");
    confidence::write(html, findings, uncalibrated);
    section(html, "Most confident mistakes");
    mistakes(html, findings, test, &name);
    section(html, "Class maps");
    maps(html, plan, findings, test, &name);
}

/// Writes the layer table and the memory plan. `batch` is the number of images that a host trains with at a time.
pub(super) fn resources(html: &mut Html, plan: &Plan, batch: u64) {
    section(html, "Resources");
    tables::table(html, "Layers", &LayerTable { plan, batch }.table());
    html.leaf("h3", &[], "Working memory for one image, in 8 bits");
    memory::write(html, plan);
}

pub(super) fn section(html: &mut Html, title: &str) {
    html.line();
    html.leaf("h2", &[], title);
}

/// What the footer states of pages of runs.
pub(super) const SAME_RUN: &str = "The same run gives the same page.";

pub(super) fn footer(html: &mut Html, same: &str) {
    html.line();
    html.leaf("footer", &[], &format!("Written by nin-train {}. {same}", env!("CARGO_PKG_VERSION")));
}

fn header(html: &mut Html, run: &Run, findings: &Findings) {
    html.leaf("code", &[("class", "line")], &run.line);
    figures(html, &run.plan, run.integers, Some(&findings.evaluation));
    html.tag("p", &[], |html| {
        html.leaf("strong", &[], "Recipe. ");
        html.text(&recipe::words(&run.recipe));
        let (done, all) = (run.history.len(), run.recipe.epochs);
        if done < all as usize {
            html.text(&format!(" {done} of the {all} epochs are done."));
        }
    });
    if let Some(images) = &run.images {
        html.tag("p", &[], |html| {
            html.leaf("strong", &[], "Images. ");
            html.text(&images.source);
            if let Some(fingerprint) = &run.fingerprint {
                let short: String = fingerprint.chars().take(16).collect();
                html.text(&format!(" SHA-256 of the training images: {short}…"));
            }
        });
    }
}

/// Writes the key figures. `file` has the weight type of the model file and its size in bytes, if it is known.
pub(super) fn figures(html: &mut Html, plan: &Plan, file: Option<(WeightType, u64)>, evaluation: Option<&Evaluation>) {
    let sum = Resources::new(plan);
    let [ram, flash] = match file {
        Some((weight_type, flash)) => {
            let ram = plan.bytes(weight_type, Kernels::Dsp).total() as u64;
            let weights = format!("{} weights", weight_type.name());
            [("RAM, streaming", bytes(ram), "on a Cortex-M4".to_owned()), ("flash", bytes(flash), weights)]
        }
        None => [
            ("RAM, 8 bits", bytes(sum.streaming_int8), format!("{} in f32", bytes(sum.streaming))),
            (
                "flash, 8 bits",
                bytes(sum.flash_int8),
                format!("{} in f16, {} in f32", bytes(sum.flash_f16), bytes(sum.flash_f32)),
            ),
        ],
    };
    let mut figures = Vec::new();
    if let Some(evaluation) = evaluation {
        let right: u64 = evaluation.confusion.iter().enumerate().map(|(class, row)| u64::from(row[class])).sum();
        let images = format!("{} of {} images", grouped(right), grouped(evaluation.images as u64));
        figures.push(("test accuracy", percent(evaluation.accuracy), images));
        figures.push(("test loss", format!("{:.4}", evaluation.loss), "mean cross-entropy".to_owned()));
    }
    figures.extend([
        ("parameters", grouped(sum.parameters), format!("in {} layers", sum.weight_layers)),
        ("multiplications", grouped(sum.macs), "for one image".to_owned()),
        ram,
        flash,
    ]);
    html.tag("dl", &[("class", "figures")], |html| {
        for (number, (what, value, more)) in figures.iter().enumerate() {
            let is_accuracy = number == 0 && evaluation.is_some();
            html.tag("div", if is_accuracy { &[("class", "first")] } else { &[] }, |html| {
                html.leaf("dt", &[], what);
                html.tag("dd", &[], |html| {
                    html.text(value);
                    html.leaf("small", &[], more);
                });
            });
        }
    });
}

/// Warns of test images that are also training images.
fn shared(html: &mut Html, run: &Run, test: &Dataset) {
    const LISTED: usize = 10;
    let Some(RunImages { shared, test: count, .. }) = &run.images else { return };
    let are = match shared.len() {
        0 => return,
        1 => "is also a training image",
        _ => "are also training images",
    };
    html.tag("p", &[("class", "warning")], |html| {
        html.leaf("strong", &[], "Warning. ");
        let (number, all) = (grouped(shared.len() as u64), grouped(*count as u64));
        html.text(&format!("{number} of the {all} test images {are}, which makes the test accuracy too high."));
        for (what, indices) in [("Equal", &shared.equal), ("Nearly equal", &shared.near)] {
            if indices.is_empty() {
                continue;
            }
            let name = |&index: &usize| test.file(index).map_or_else(|| format!("test image {index}"), str::to_owned);
            let names: Vec<String> = indices.iter().take(LISTED).map(name).collect();
            let more = if indices.len() > LISTED { ", …" } else { "" };
            html.text(&format!(" {what}: {}{more}.", names.join(", ")));
        }
    });
}

fn mistakes(html: &mut Html, findings: &Findings, test: &Dataset, name: &dyn Fn(usize) -> String) {
    if findings.mistakes.is_empty() {
        html.leaf("p", &[], "The network makes no mistakes on the test images.");
        return;
    }
    html.leaf(
        "p",
        &[("class", "soft")],
        "Test images with their class. Below it: the predicted class and its probability.",
    );
    html.tag("div", &[("class", "mistakes")], |html| {
        for mistake in &findings.mistakes {
            html.tag("figure", &[], |html| {
                let Answer { index, label, prediction, probability } = *mistake;
                let label = name(label);
                picture(
                    html,
                    &Picture::of(test.image(index), test.shape(), SIDE),
                    &format!("test image {index}: {label}"),
                );
                html.tag("figcaption", &[], |html| {
                    html.text(&label);
                    html.void("br", &[]);
                    html.leaf("span", &[("class", "said")], &format!("{} {}", name(prediction), percent(probability)));
                    if let Some(file) = test.file(index) {
                        html.void("br", &[]);
                        html.leaf("small", &[], file);
                    }
                });
            });
        }
    });
}

fn picture(html: &mut Html, picture: &Picture, what: &str) {
    html.void("img", &[("src", &picture.address()), ("alt", what)]);
}

fn maps(html: &mut Html, plan: &Plan, findings: &Findings, test: &Dataset, name: &dyn Fn(usize) -> String) {
    let head = match Head::of(plan) {
        Ok(head) => head,
        Err(reason) => return html.leaf("p", &[], reason),
    };
    if findings.samples.iter().all(|(_, maps)| maps.is_none()) {
        return html.leaf("p", &[], "This network averages its image, so there are no class maps.");
    }
    let how = match head.is_weighted() {
        false => {
            "The last layer computes one map per class. The map’s mean is the class’s logit, so the map shows which \
             parts of the image support the class."
        }
        true => {
            "One fully connected layer follows the global average, so its weights combine the last maps into one map \
             per class. The map’s mean is the class’s logit without its bias, so the map shows which parts of the \
             image support the class."
        }
    };
    let all = plan.classes() <= WIDEST;
    let columns =
        if all { " Then the maps of all classes follow, on one scale per row; its own has a frame." } else { "" };
    let text = format!("{how} Each row shows a test image, then the image under the map of its class.{columns}");
    html.leaf("p", &[("class", "soft")], &text);
    scroll(html, "Class maps", |html| {
        html.tag("table", &[("class", "maps")], |html| {
            html.tag("thead", &[], |html| {
                html.tag("tr", &[], |html| {
                    html.leaf("th", &[], "");
                    upright(html, "image");
                    upright(html, "its class");
                    (0..if all { plan.classes() } else { 0 }).for_each(|class| upright(html, &name(class)));
                });
            });
            html.tag("tbody", &[], |html| {
                for (answer, maps) in &findings.samples {
                    let Some(maps) = maps else { continue };
                    html.tag("tr", &[], |html| sample(html, answer, maps, all, test, name));
                    html.line();
                }
            });
        });
    });
}

fn sample(
    html: &mut Html,
    answer: &Answer,
    maps: &ClassMaps,
    all: bool,
    test: &Dataset,
    name: &dyn Fn(usize) -> String,
) {
    let own = name(answer.label);
    html.leaf("th", &[("scope", "row"), ("title", &own)], &own);
    let image = Picture::of(test.image(answer.index), test.shape(), SIDE);
    let most = match maps.most() {
        most if most > 0.0 => most,
        _ => 1.0,
    };
    html.tag("td", &[], |html| picture(html, &image, &own));
    html.tag("td", &[], |html| {
        let heated = image.heated(|x, y| maps.at(answer.label, x, y) / most);
        picture(html, &heated, &format!("class map of {own}"));
    });
    for class in 0..if all { maps.count() } else { 0 } {
        html.tag("td", if class == answer.label { &[("class", "own")] } else { &[] }, |html| {
            let map = maps.map(class);
            let small = Picture::paint(maps.columns, maps.rows, |x, y| warm(map[y * maps.columns + x] / most));
            let most = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            // The number of maps is the square of the number of classes.
            let side = if maps.count() > 10 { SIDE / 4 } else { SIDE / 2 };
            picture(html, &small.smaller(side), &format!("{}: maximum {most:.2}", name(class)));
        });
    }
}

/// Writes the filters of the first layer with weights, each output's `weights` in any unit.
pub(super) fn filters(html: &mut Html, plan: &Plan, weights: &[f32]) {
    let tensors = tensors(plan);
    let Some(first) = tensors.first() else { return };
    let (rows, columns) = first.kernel();
    let channels = first.channels();
    let is_rgb = channels == 3 && first.layer.groups == 1;
    let count = usize::from(first.layer.output.channels);
    let what = if matches!(first.layer.kind, LayerKind::Convolution(_)) { "filters" } else { "outputs" };
    let colours = match channels {
        1 => "blue is negative, red is positive",
        3 if is_rgb => "red, green and blue show the weights of those channels; grey is zero",
        _ => "means over the channels; blue is negative, red is positive",
    };
    let shown = count.min(FILTERS);
    let some =
        if shown < count { format!("The first {shown} of {count} {what}") } else { format!("All {count} {what}") };
    let text = format!("{some}, {rows}×{columns}, each on its own scale: {colours}.");
    html.leaf("p", &[("class", "soft")], &text);
    html.tag("div", &[("class", "filters")], |html| {
        for (number, filter) in weights.chunks_exact(first.layer.fan_in()).take(shown).enumerate() {
            let value = |x: usize, y: usize| &filter[(y * columns + x) * channels..][..channels];
            let mean = |x: usize, y: usize| value(x, y).iter().sum::<f32>() / channels as f32;
            let scale = match is_rgb {
                true => filter.iter().fold(0.0, |most: f32, weight| most.max(weight.abs())),
                false => (0..rows * columns).fold(0.0, |most: f32, i| most.max(mean(i % columns, i / columns).abs())),
            };
            let scale = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            let paint = Picture::paint(columns, rows, |x, y| match value(x, y) {
                [r, g, b] if is_rgb => [r, g, b].map(|weight| (127.5 + 127.5 * weight * scale).clamp(0.0, 255.0) as u8),
                _ => signed(mean(x, y) * scale),
            });
            picture(html, &paint.smaller(SIDE / 2), &format!("filter {number}"));
        }
    });
}
