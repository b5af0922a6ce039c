//! The integers of a network whose maps have known ranges.

use nin_core::packing::affine::{Factor, Words};
use nin_core::plan::{Layer, LayerKind};

use super::grid::{Grid, SignedRange};
use crate::formats::model_file::{AffineLayer, AffineModel, Record};
use crate::integers::{FloatLayer, Output, QuantizeError, factor};
use crate::network::chain::Chain;
use crate::network::parameters::tensors;
use crate::network::preprocessing::Preprocessing;
use crate::network::trained::Trained;

/// Bits below the unit of the addends of a sum, as in `docs/int8.md`.
const FRACTION: i32 = 20;

/// Returns the integers of a network whose input is an image's bytes times `scale`, and the grids of the image and of
/// each layer's output.
pub(super) fn records(
    trained: &Trained,
    scale: f32,
    chain: &Chain,
    ranges: &[SignedRange],
) -> Result<(AffineModel, Vec<Grid>), QuantizeError> {
    let plan = trained.plan();
    let mut tensors = tensors(&plan).into_iter();
    let mut grids = vec![Grid { scale, zero: 0 }];
    let mut records = Vec::new();
    for (index, layer) in plan.layers().enumerate() {
        let reads = chain.reads(index);
        let (input, range) = (grids[reads.input], &ranges[index]);
        let grid = match layer.kind {
            LayerKind::Convolution(_) | LayerKind::Full => {
                let Some(tensor) = tensors.next() else { continue };
                let float = FloatLayer {
                    weights: &trained.parameters[tensor.weight.clone()],
                    biases: &trained.parameters[tensor.bias.clone()],
                    input_scale: input.scale,
                    pixels: 1,
                    clip: Some(range.width()),
                    bits: 8,
                };
                let (record, grid) = weighted(&layer, &float, input, range, || tensor.name(&plan))?;
                records.push(Record::Layer(record));
                grid
            }
            LayerKind::Sum => {
                let added = grids[reads.shortcut.unwrap_or(reads.input)];
                let grid = range.grid(step(range.width() / 255.0, input.scale.max(added.scale)));
                records.push(sum(&layer, input, added, grid));
                grid
            }
            LayerKind::GlobalAverage => {
                let grid = range.grid(step(range.width() / 255.0, input.scale));
                let pixels = layer.input.pixels() as f64;
                let factor = checked(f64::from(input.scale) / (f64::from(grid.scale) * pixels));
                records.push(Record::Average { words: words(&layer, input, grid), factor });
                grid
            }
            LayerKind::AvgPool(window) if window.has_padding() && input.zero != 0 => {
                return Err(QuantizeError::PaddedAverage(plan.spec().stages()[layer.stage].to_string()));
            }
            LayerKind::MaxPool(_) | LayerKind::AvgPool(_) | LayerKind::MeanPool(_) | LayerKind::Dropout => input,
        };
        grids.push(grid);
    }
    let channels = usize::from(plan.spec().input().channels);
    let preprocessing = Preprocessing::one_scale(channels, scale);
    let class_names = trained.class_names.clone();
    Ok((AffineModel { spec: trained.spec, preprocessing, class_names, records }, grids))
}

/// Returns a step above 0: a map that is always 0 has that of its input.
fn step(step: f32, input: f32) -> f32 {
    if step >= f32::MIN_POSITIVE { step } else { input }
}

/// Returns zero points, range and scale of a layer.
fn words(layer: &Layer, input: Grid, output: Grid) -> Words {
    let six = (6.0 / output.scale).round() as u32 + u32::from(output.zero);
    Words {
        input_zero: input.zero,
        output_zero: output.zero,
        least: if layer.relu { output.zero } else { 0 },
        most: if layer.relu6 { six.min(255) as u8 } else { 255 },
        plain: false,
        lanes: 1,
        once: false,
        scale: output.scale,
    }
}

/// Returns a layer with weights, and the grid of its output.
fn weighted(
    layer: &Layer,
    float: &FloatLayer<'_>,
    input: Grid,
    range: &SignedRange,
    name: impl Fn() -> String,
) -> Result<(AffineLayer, Grid), QuantizeError> {
    let quantized = float.quantize(name)?;
    let Output::Activations { scale, multipliers, shifts } = &quantized.output else {
        return Err(QuantizeError::Ranges);
    };
    let grid = range.grid(*scale);
    // The input's zero point times the weights; with it a bias stays within 32 bits, as `quantize` leaves it half of them.
    let zero = i32::from(input.zero);
    let rows = quantized.weights.chunks_exact(layer.fan_in());
    let sums = rows.map(|row| row.iter().map(|&weight| i32::from(weight)).sum::<i32>());
    let bias = quantized.bias.iter().zip(sums).map(|(bias, sum)| bias - zero * sum).collect();
    let factors = multipliers.iter().zip(shifts);
    let factors = factors.map(|(&multiplier, &shift)| Factor { multiplier, shift: shift as i32 }).collect();
    let words = words(layer, input, grid);
    Ok((AffineLayer { words, bias, factors, weights: quantized.weights }, grid))
}

/// Returns the sum of a shortcut, as TensorFlow Lite scales it.
fn sum(layer: &Layer, body: Grid, shortcut: Grid, output: Grid) -> Record {
    let widest = 2.0 * f64::from(body.scale.max(shortcut.scale));
    let [ours, theirs] = [body, shortcut].map(|grid| checked(f64::from(grid.scale) / widest));
    let total = checked(widest * f64::powi(2.0, -FRACTION) / f64::from(output.scale));
    Record::Sum { words: words(layer, body, output), shortcut_zero: shortcut.zero, factors: [ours, theirs, total] }
}

/// Returns a factor; one that is out of range, which only a map that is always 0 has, becomes 0.
fn checked(real: f64) -> Factor {
    factor(real).unwrap_or(Factor { multiplier: 0, shift: 1 })
}

#[cfg(test)]
mod tests {
    use nin_core::Plan;

    use super::super::grid::Observed;
    use super::*;

    /// Records are in the order of the plan's layers, so that a model file can be written.
    #[test]
    fn a_line_of_the_family_has_a_model_file() {
        let line = "2x9x8 nin3+1:4 res(dw3+1r6:4id) proj(nin3/2+1:6 dw3+1:5id)id mean3/2+1 gap fc7,3";
        let spec = nin_core::Spec::parse(line).unwrap();
        let plan = Plan::new(spec);
        let parameters = (0..plan.parameters()).map(|i| ((i * 37) as f32).sin() * 0.3).collect();
        let trained = Trained { spec, parameters, preprocessing: Preprocessing::unit(2), class_names: Vec::new() };
        let observed = |values: &[f32]| {
            let mut observed = Observed::default();
            observed.add(values);
            observed.range()
        };
        let values = |relu: bool| if relu { [0.0, 0.0, 2.0] } else { [-0.5, 0.0, 2.0] };
        let ranges: Vec<SignedRange> = plan.layers().map(|layer| observed(&values(layer.relu))).collect();
        let (model, grids) = records(&trained, 1.0 / 255.0, &Chain::new(&plan), &ranges).unwrap();
        assert!(model.fits() && model.to_bytes(nin_core::Lanes::One).is_ok());
        assert_eq!(grids.len(), plan.layers().count() + 1);
        assert_eq!((grids[0].zero, grids[1].zero), (0, 0));
        assert!(grids[3].zero > 0, "no ReLU");
    }
}
