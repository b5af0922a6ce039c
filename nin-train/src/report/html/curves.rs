//! Training curves: loss, accuracy and learning rate over the epochs.

use super::Run;
use super::chart::{Chart, Line, legend};
use super::write::Html;
use crate::training::position::{EpochPart, EpochReport};

/// Most epochs of a run for which values within epochs are drawn. In a longer run the large values of the first steps
/// would flatten the rest of the curve.
const SHORT: usize = 8;
/// Points of the learning rate's curve.
const POINTS: usize = 240;

/// Writes the charts of the runs, one colour per run. A single run has one colour for training and one for the test.
pub(super) fn write(html: &mut Html, runs: &[Run]) {
    if runs.iter().all(|run| run.history.is_empty()) {
        html.leaf("p", &[], "No epoch has ended yet.");
        return;
    }
    let alone = runs.len() == 1;
    let validated = |run: &Run| run.recipe.validation > 0.0;
    let measured = |run: &Run| if validated(run) { "validation" } else { "test" };
    let line = |run: usize, test: bool, points: Vec<(f64, f64)>| Line {
        name: match (alone, test) {
            (true, true) => measured(&runs[run]).to_owned(),
            (true, false) => "training".to_owned(),
            (false, true) => format!("{}, {}", runs[run].name, measured(&runs[run])),
            (false, false) => format!("{}, training", runs[run].name),
        },
        colour: if alone { usize::from(!test) } else { run },
        broken: !test,
        dots: points.len() <= 40,
        points,
    };
    let both = |training: fn(&EpochPart) -> f64, test: fn(&EpochReport) -> Option<f64>| {
        let measured = |report: &EpochReport| Some((f64::from(report.epoch), test(report)?));
        let lines = |run: usize| {
            let history = &runs[run].history;
            let learning = history.iter().flat_map(|report| course(report, history.len() <= SHORT, training)).collect();
            [line(run, false, learning), line(run, true, history.iter().filter_map(measured).collect())]
        };
        (0..runs.len()).flat_map(lines).collect::<Vec<_>>()
    };
    let rates = runs.iter().enumerate().map(|(number, run)| Line {
        name: if alone { "learning rate".to_owned() } else { format!("{}, learning rate", run.name) },
        colour: if alone { 2 } else { number },
        broken: false,
        points: rate(run),
        dots: false,
    });
    if alone {
        let name = if runs.iter().all(validated) { "validation images" } else { "test images" };
        legend(html, [(0, false, name), (1, true, "training images, during training")].into_iter());
    } else {
        legend(html, runs.iter().enumerate().map(|(number, run)| (number, false, run.name.as_str())));
        html.leaf("p", &[("class", "soft")], "Solid lines: test or validation images. Dashed lines: training images.");
    }
    let charts = [
        Chart {
            title: "Loss",
            lines: both(|part| part.loss, |report| report.test_loss),
            from_zero: true,
            words: |value| format!("{value:.4}"),
        },
        Chart {
            title: "Accuracy in percent",
            lines: both(|part| 100.0 * part.accuracy, |report| report.test_accuracy.map(|share| 100.0 * share)),
            from_zero: false,
            words: |value| format!("{value:.2}\u{a0}%"),
        },
        Chart { title: "Learning rate", lines: rates.collect(), from_zero: true, words: |value| value.to_string() },
    ];
    html.tag("div", &[("class", "charts")], |html| charts.iter().for_each(|chart| chart.write(html)));
}

/// Returns the points of an epoch's training: one per recorded part if `fine`, else one for the epoch.
fn course(report: &EpochReport, fine: bool, value: fn(&EpochPart) -> f64) -> Vec<(f64, f64)> {
    let whole = [EpochPart { done: 1.0, loss: report.loss, accuracy: report.accuracy }];
    let parts = if fine && !report.parts.is_empty() { &report.parts } else { &whole[..] };
    parts.iter().map(|part| (f64::from(report.epoch) - 1.0 + part.done, value(part))).collect()
}

/// Returns the points of the learning rate: the recipe's rate per step if the epochs used it, else the rate at the end
/// of each epoch.
fn rate(run: &Run) -> Vec<(f64, f64)> {
    let ends = || run.history.iter().map(|report| (f64::from(report.epoch), f64::from(report.lr)));
    let steps = run.images.as_ref().map_or(0, |images| images.training.div_ceil(run.recipe.batch.max(1))) as u64;
    let done = steps * run.history.len() as u64;
    // If a run's number of epochs was changed, its earlier epochs had other rates.
    let same = |report: &EpochReport| run.recipe.rate(u64::from(report.epoch) * steps - 1, steps) == report.lr;
    if done < 2 || !run.history.iter().all(same) {
        return ends().collect();
    }
    let count = POINTS.min(done as usize);
    let point = |i: usize| {
        let step = (i as u64 * (done - 1)) / (count as u64 - 1).max(1);
        ((step + 1) as f64 / steps as f64, f64::from(run.recipe.rate(step, steps)))
    };
    (0..count).map(point).collect()
}
