//! The report of quantisation errors, layer by layer.

use std::fmt;

use serde_json::{Value, json};

use super::Range;
use crate::support::text::{Align, Table};

/// The quantisation errors on the calibration sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// One report for each layer with weights, and for each sum of a shortcut.
    pub layers: Vec<LayerReport>,
    /// The signal-to-noise ratio of the logits in dB.
    pub logits: f64,
    /// The share of images for which both networks predict the same class.
    pub agreement: f64,
    /// Images of the sample.
    pub images: usize,
    /// Whether biases are corrected for mean errors.
    pub corrected: bool,
    /// Whether the float network pads its input with its mean, but the 8-bit one with black.
    pub border: bool,
}

/// The quantisation errors of one layer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LayerReport {
    /// The stage's word of the line, for its first layer; else empty.
    pub stage: String,
    /// The layer's number in its stage, from 1.
    pub layer: usize,
    /// The range of its activations; `None` for logits.
    pub range: Option<Range>,
    /// The value of one step of its 8-bit outputs; `None` for logits that stay accumulators.
    pub step: Option<f32>,
    /// The signal-to-noise ratio in dB: float activations against their difference from the quantised network's,
    /// including the errors of preceding layers.
    pub decibels: f64,
}

impl Report {
    /// Returns whether the integers compute what the floats do: the logits' noise has at most a tenth of the signal's
    /// power (10 dB), and at least nine in ten images get the same class.
    pub fn is_faithful(&self) -> bool {
        // Without signal and noise there is no ratio.
        (self.logits.is_nan() || self.logits >= 10.0) && self.agreement >= 0.9
    }
}

impl Report {
    /// Returns whether the integers agree closely with the floats: the logits' noise has at most a hundredth of the
    /// signal's power (20 dB), and at least 98 in 100 images get the same class.
    pub fn is_close(&self) -> bool {
        (self.logits.is_nan() || self.logits >= 20.0) && self.agreement >= 0.98
    }

    /// Returns the report as a JSON object: `images`, `agreement`, `signal_to_noise_db` of the logits, `faithful`, and
    /// for each layer its `stage`, `layer`, `largest`, `range`, `least`, `clipped`, `step` and
    /// `signal_to_noise_db`. What does not exist is null.
    pub fn json(&self) -> Value {
        let layer = |layer: &LayerReport| {
            json!({
                "stage": layer.stage,
                "layer": layer.layer,
                "largest": layer.range.map(|range| range.most),
                "range": layer.range.map(|range| range.clip),
                "least": layer.range.map(|range| range.least),
                "clipped": layer.range.map(|range| range.clipped),
                "step": layer.step,
                "signal_to_noise_db": layer.decibels,
            })
        };
        json!({
            "images": self.images,
            "agreement": self.agreement,
            "signal_to_noise_db": self.logits,
            "faithful": self.is_faithful(),
            "close": self.is_close(),
            "biases_corrected": self.corrected,
            "layers": self.layers.iter().map(layer).collect::<Vec<_>>(),
        })
    }
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
                Some(Range { most, clip, clipped, least }) => {
                    let least = if least < 0.0 { format!("{least:.4} to ") } else { String::new() };
                    (format!("{most:.4}"), format!("{least}{clip:.4}"), format!("{:.3} %", 100.0 * clipped))
                }
                None => Default::default(),
            };
            let scale = layer.step.map_or_else(|| "(logits)".to_owned(), |step| format!("{step:.6}"));
            let (stage, number) = (layer.stage.clone(), layer.layer.to_string());
            table.row([stage, number, most, clip, clipped, scale, decibels(layer.decibels)]);
        }
        table.narrower([vec![2], vec![2, 4], vec![2, 3, 4]]);
        fmt::Display::fmt(&table, f)?;
        writeln!(f, "\n")?;
        write!(
            f,
            "Logits: signal to noise {}, the same class on {:.2} % of {} calibration images. {}",
            decibels(self.logits),
            100.0 * self.agreement,
            self.images,
            match self.corrected {
                true => "Biases are corrected for the mean rounding error.",
                false => "Biases are not corrected.",
            }
        )?;
        if self.border {
            write!(
                f,
                "\nThe float network pads an image with its mean, the 8-bit one with black. Training with --input unit \
                 avoids this difference."
            )?;
        }
        Ok(())
    }
}

fn decibels(value: f64) -> String {
    if value.is_finite() { format!("{value:.1} dB") } else { "-".to_owned() }
}
