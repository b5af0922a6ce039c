//! The outputs of all layers, of the float network and of the one with zero points.

use nin_core::plan::{Layer, LayerKind};
use nin_core::{Affine, F32, Model, argmax};

use super::observed::Observed;
use crate::engine::streaming::Activations;
use crate::integers::Grid;
use crate::quantize::observe::{LayerSums, Probe, over};
use crate::quantize::{CalibrationError, Range};

/// Returns the layers whose outputs an observer receives.
fn observed(model: &Model<'_>) -> Activations {
    Activations::of(model.plan(), |layer| !matches!(layer.kind, LayerKind::Dropout | LayerKind::GlobalAverage))
}

/// Returns the range of each layer's output.
pub(in crate::quantize) fn ranges(float: &Model<'_>, images: &[Vec<u8>]) -> Result<Vec<Range>, CalibrationError> {
    let layers: Vec<Layer> = float.plan().layers().collect();
    let last = layers.iter().rposition(|layer| layer.kind != LayerKind::Dropout).unwrap_or(0);
    // The observed map of each layer that has one.
    let mut maps = 0..;
    let places: Vec<Option<usize>> = layers
        .iter()
        .map(|layer| !matches!(layer.kind, LayerKind::Dropout | LayerKind::GlobalAverage))
        .map(|observed| if observed { maps.next() } else { None })
        .collect();
    let histograms = over(
        images,
        || Probe::<F32>::with(float, observed(float)),
        || vec![Observed::default(); layers.len()],
        |probe, image, histograms: &mut Vec<Observed>| {
            probe.image(image)?;
            for (index, (histogram, layer)) in histograms.iter_mut().zip(&layers).enumerate() {
                if index == last {
                    histogram.add(&probe.logits);
                } else if layer.kind == LayerKind::GlobalAverage {
                    // What it averages is the newest observed map.
                    let map = places[..index].iter().rev().find_map(|place| *place);
                    histogram.add(&averages(layer, map.map_or(&[], |map| &probe.maps[map])));
                } else if let Some(place) = places[index] {
                    histogram.add(&probe.maps[place]);
                }
            }
            Ok(())
        },
        |a, b| a.into_iter().zip(b).map(|(a, b)| a.join(b)).collect(),
    )?;
    Ok(histograms.iter().map(Observed::range).collect())
}

/// Returns whether a layer's output has another range than its input.
fn matters(layer: &Layer) -> bool {
    layer.has_weights() || layer.kind == LayerKind::Sum
}

/// Returns the average of each channel over all pixels.
fn averages(layer: &Layer, map: &[f32]) -> Vec<f32> {
    let channels = usize::from(layer.input.channels);
    let mut sums = vec![0.0; channels];
    map.chunks_exact(channels).for_each(|pixel| sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value));
    let pixels = layer.input.pixels() as f32;
    sums.iter().map(|sum| sum / pixels).collect()
}

/// The differences between the float network and the quantised one on some images.
pub(super) struct Comparison {
    /// For each layer with weights and each sum; the last one's are the logits.
    pub(super) layers: Vec<Option<LayerSums>>,
    /// The logits, treated as a layer's channels.
    pub(super) logits: LayerSums,
    /// Images with the same predicted class.
    pub(super) agreed: usize,
    /// Images.
    pub(super) images: usize,
}

/// Compares a quantised network with the float one; `grids` are those of the image and of each layer's output.
pub(super) fn compare(
    float: &Model<'_>,
    quantized: &Model<'_>,
    grids: &[Grid],
    images: &[Vec<u8>],
) -> Result<Comparison, CalibrationError> {
    let plan = float.plan();
    let layers: Vec<Layer> = plan.layers().collect();
    let compared: Vec<usize> = (0..layers.len()).filter(|&index| matters(&layers[index])).collect();
    let last = layers.iter().rposition(|layer| layer.kind != LayerKind::Dropout).unwrap_or(0);
    let chosen = |model: &Model<'_>| Activations::of(model.plan(), matters);
    over(
        images,
        || (Probe::<F32>::with(float, chosen(float)), Probe::<Affine>::with(quantized, chosen(quantized))),
        || {
            let sums = |index: usize| LayerSums::new(layers[index].output.channels.into());
            let kept = |index| (compared.contains(&index) && index != last).then(|| sums(index));
            let logits = LayerSums::new(plan.classes());
            Comparison { layers: (0..layers.len()).map(kept).collect(), logits, agreed: 0, images: 0 }
        },
        |(float, integer), image, sums: &mut Comparison| {
            float.image(image)?;
            integer.bytes(image)?;
            for (place, &index) in compared.iter().enumerate() {
                let (Some(sums), grid) = (&mut sums.layers[index], grids[index + 1]) else { continue };
                let (floats, bytes) = (&float.maps[place], &integer.maps[place]);
                sums.add(floats, bytes.iter().map(|&byte| (grid.value(byte), (1..255).contains(&byte))));
            }
            sums.logits.add(&float.logits, integer.logits.iter().map(|&logit| (logit, true)));
            sums.agreed += usize::from(argmax(&float.logits) == argmax(&integer.logits));
            sums.images += 1;
            Ok(())
        },
        |a, b| Comparison {
            layers: a.layers.into_iter().zip(b.layers).map(|(a, b)| Some(a?.join(b?))).collect(),
            logits: a.logits.join(b.logits),
            agreed: a.agreed + b.agreed,
            images: a.images + b.images,
        },
    )
}
