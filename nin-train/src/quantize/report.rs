//! What quantisation has cost, layer by layer.

use std::fmt;

use super::Range;
use crate::integers::Output;
use crate::support::text::{Align, Table};

/// What quantisation has cost on the sample it was calibrated with.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// For each layer with weights.
    pub layers: Vec<LayerReport>,
    /// Signal to noise of the logits, in dB.
    pub logits: f64,
    /// The part of the images that both networks take for the same class.
    pub agreement: f64,
    /// Images of the sample.
    pub images: usize,
    /// Whether biases take up mean errors.
    pub corrected: bool,
    /// Whether the float network pads its input with its mean, where the 8-bit one has black.
    pub border: bool,
}

/// What quantisation has cost one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerReport {
    /// The stage's word of the line, for its first layer; else empty.
    pub stage: String,
    /// Which layer of its stage, from 1.
    pub layer: usize,
    /// The range of its activations; `None` for logits.
    pub range: Option<Range>,
    /// What its accumulators become, with their scale.
    pub output: Output,
    /// Signal to noise in dB: its float activations against how far the quantised network's are from them, with all
    /// that the layers before have added.
    pub decibels: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Align::{Left, Right};
        let mut table = Table::new([
            ("stage", Left),
            ("layer", Right),
            ("largest", Right),
            ("range", Right),
            ("clipped", Right),
            ("step", Right),
            ("signal to noise", Right),
        ]);
        for layer in &self.layers {
            let (most, clip, clipped) = match layer.range {
                Some(Range { most, clip, clipped }) => {
                    (format!("{most:.4}"), format!("{clip:.4}"), format!("{:.3} %", 100.0 * clipped))
                }
                None => Default::default(),
            };
            let scale = match &layer.output {
                Output::Activations { scale, .. } => format!("{scale:.6}"),
                Output::Logits { .. } => "(logits)".to_owned(),
            };
            let (stage, number) = (layer.stage.clone(), layer.layer.to_string());
            table.row([stage, number, most, clip, clipped, scale, decibels(layer.decibels)]);
        }
        writeln!(f, "{table}\n")?;
        write!(
            f,
            "logits {}; the same class on {:.2} % of {} images; {}",
            decibels(self.logits),
            100.0 * self.agreement,
            self.images,
            if self.corrected { "biases take up mean errors" } else { "biases as they were" }
        )?;
        if self.border {
            write!(
                f,
                "\nThe float network pads an image with its mean, the 8-bit one with black: trained with --input unit, \
                 it would not lose by that."
            )?;
        }
        Ok(())
    }
}

fn decibels(value: f64) -> String {
    if value.is_finite() { format!("{value:.1} dB") } else { "-".to_owned() }
}
