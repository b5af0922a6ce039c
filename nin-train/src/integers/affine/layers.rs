//! The integers of a network whose maps have known ranges.

use nin_core::Plan;
use nin_core::packing::affine::{Factor, Words};
use nin_core::plan::{Layer, LayerKind};

use super::grid::{Ends, Grid};
use crate::integers::layer::{FloatLayer, Output, QuantizedLayer};
use crate::integers::{QuantizeError, WeightBits, factor};
use crate::network::chain::Chain;
use crate::network::parameters::tensors;

/// Bits below the unit of the addends of a sum, as in `docs/int8.md`.
const FRACTION: i32 = 20;

/// The layers of a network in integers.
pub(crate) struct AffineLayers {
    /// One for each layer of the plan.
    pub(crate) layers: Vec<LayerIntegers>,
    /// The grids of the image and of each layer's output.
    pub(crate) grids: Vec<Grid>,
}

/// One layer in integers.
pub(crate) enum LayerIntegers {
    /// A layer with weights; its biases do not contain the input's zero point.
    Weighted(QuantizedLayer),
    /// The factors of a shortcut's sum: of the body's output, of the shortcut's end and of their sum.
    Sum([Factor; 3]),
    /// The factor of the sum of all pixels of a global average.
    Average(Factor),
    /// The layer's bytes are on the grid of its input.
    Unscaled,
}

/// Returns the integers of a network whose input is an image's bytes times `scale`. `ranges` has the range of each layer's
/// output; those of pools and dropout are not used.
pub(crate) fn quantize(
    plan: &Plan,
    parameters: &[f32],
    scale: f32,
    ranges: &[Ends],
    weights: &WeightBits,
) -> Result<AffineLayers, QuantizeError> {
    let chain = Chain::new(plan);
    let mut tensors = tensors(plan).into_iter().zip(1..);
    let mut grids = vec![Grid { scale, zero: 0 }];
    let mut layers = Vec::new();
    for (index, layer) in plan.layers().enumerate() {
        let reads = chain.reads(index);
        let (input, range) = (grids[reads.input], ranges[index]);
        let (integers, grid) = match layer.kind {
            LayerKind::Convolution(_) | LayerKind::Full => {
                let Some((tensor, number)) = tensors.next() else { continue };
                let float = FloatLayer {
                    weights: &parameters[tensor.weight.clone()],
                    biases: &parameters[tensor.bias.clone()],
                    input_scale: input.scale,
                    pixels: 1,
                    clip: Some(range.width()),
                    bits: weights.bits(number, &layer),
                };
                let quantized = float.quantize(|| tensor.name(plan))?;
                let Output::Activations { scale, .. } = quantized.output else { return Err(QuantizeError::Ranges) };
                (LayerIntegers::Weighted(quantized), range.grid(scale))
            }
            LayerKind::Sum => {
                let added = grids[reads.shortcut.unwrap_or(reads.input)];
                let grid = range.grid(step(range, input.scale.max(added.scale)));
                (LayerIntegers::Sum(sum(input, added, grid)), grid)
            }
            LayerKind::GlobalAverage => {
                let grid = range.grid(step(range, input.scale));
                let pixels = layer.input.pixels() as f64;
                let factor = checked(f64::from(input.scale) / (f64::from(grid.scale) * pixels));
                (LayerIntegers::Average(factor), grid)
            }
            LayerKind::AvgPool(window) if window.has_padding() && input.zero != 0 => {
                return Err(QuantizeError::PaddedAverage(plan.spec().stages()[layer.stage].to_string()));
            }
            LayerKind::MaxPool(_) | LayerKind::AvgPool(_) | LayerKind::MeanPool(_) | LayerKind::Dropout => {
                (LayerIntegers::Unscaled, input)
            }
        };
        layers.push(integers);
        grids.push(grid);
    }
    Ok(AffineLayers { layers, grids })
}

/// Returns zero points, range and scale of a layer.
pub(crate) fn words(layer: &Layer, input: Grid, output: Grid) -> Words {
    let six = (6.0 / output.scale).round() as u32;
    Words {
        input_zero: input.zero,
        output_zero: output.zero,
        least: if layer.relu { output.zero } else { 0 },
        most: if layer.relu6 { six.saturating_add(output.zero.into()).min(255) as u8 } else { 255 },
        plain: false,
        lanes: 1,
        once: false,
        four_bits: false,
        scale: output.scale,
    }
}

/// Returns a step above 0: a map that is always 0 has that of its input.
fn step(range: Ends, input: f32) -> f32 {
    let step = range.width() / 255.0;
    if step >= f32::MIN_POSITIVE { step } else { input }
}

/// Returns the factors of a shortcut's sum, as TensorFlow Lite scales it.
fn sum(body: Grid, shortcut: Grid, output: Grid) -> [Factor; 3] {
    let widest = 2.0 * f64::from(body.scale.max(shortcut.scale));
    let [ours, theirs] = [body, shortcut].map(|grid| checked(f64::from(grid.scale) / widest));
    [ours, theirs, checked(widest * f64::powi(2.0, -FRACTION) / f64::from(output.scale))]
}

/// Returns a factor; one that is out of range, which only a map that is always 0 has, becomes 0.
fn checked(real: f64) -> Factor {
    factor(real).unwrap_or(Factor { multiplier: 0, shift: 1 })
}
