//! The page's section on how far the network's answers can be trusted.

use nin_core::{Decision, Score};

use super::findings::{Confidence, Findings};
use super::write::Html;
use super::{percent, tables};
use crate::support::text::{Align, Table, grouped};

/// Writes the calibration error, and what each threshold accepts. `uncalibrated` is the reason why there may be no
/// temperature.
pub(super) fn write(html: &mut Html, findings: &Findings, uncalibrated: &str) {
    let Confidence { decision, calibration_error: [plain, calibrated], thresholds } = &findings.confidence;
    let Decision { temperature, threshold, unknown } = *decision;
    let images = findings.evaluation.images;
    let error = match temperature {
        1.0 => format!(
            "Probabilities are not calibrated: {uncalibrated}. The expected calibration error on the test images is {}.",
            percent(*plain)
        ),
        temperature => format!(
            "Probabilities are calibrated with the temperature {temperature:.3}, which was found on validation images. The \
             expected calibration error on the test images is {} without and {} with it.",
            percent(*plain),
            percent(*calibrated)
        ),
    };
    html.leaf("p", &[], &error);
    let score = match threshold.map(|threshold| threshold.score) {
        Some(Score::Energy) => "energy",
        _ => "largest logit",
    };
    let mut sentence = format!(
        "An image is rejected if its {score} is below a threshold. The table has the test images that each threshold \
         accepts."
    );
    if threshold.is_some() {
        sentence.push_str(" The first row is the model’s own threshold.");
    }
    if unknown.is_some() {
        sentence.push_str(" Images whose most likely class is _unknown are always rejected.");
    }
    html.leaf("p", &[("class", "soft")], &sentence);
    let columns = ["threshold", "accepted", "", "right", "of the accepted"];
    let mut table = Table::new(columns.map(|column| (column, Align::Right)));
    let mut rows = thresholds.clone();
    // Of few images, several shares have one threshold.
    rows.dedup();
    for point in &rows {
        table.row([
            format!("{:.3}", point.threshold),
            grouped(point.accepted as u64),
            percent(point.accepted as f64 / images.max(1) as f64),
            grouped(point.right as u64),
            percent(point.right as f64 / point.accepted.max(1) as f64),
        ]);
    }
    tables::table(html, "Thresholds", &table);
}
