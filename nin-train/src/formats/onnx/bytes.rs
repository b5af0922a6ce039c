//! Weights and maps as 8-bit integers, in QDQ form.

use nin_core::packing::affine::{Factor, Words};
use nin_core::plan::LayerKind;
use nin_core::{Plan, WeightType};

use super::graph::{Attribute, Element, Graph, Name};
use super::write::{IMAGE, TensorForm};
use crate::formats::model_file::{AffineLayer, AffineModel, Record};
use crate::integers::{Output, QuantizedModel};
use crate::network::chain::Chain;
use crate::network::parameters::Tensor;

/// The weights of a network of integers, and how its maps become bytes.
pub(super) struct Bytes<'a> {
    /// Of the layers with weights.
    weights: Vec<Weights<'a>>,
    image: Grid,
    /// Of each layer's output.
    roundings: Vec<Rounding>,
    /// Scale and zero point of the last map that was rounded.
    grid: [Name; 2],
    /// The zero points in the file.
    zeros: Vec<(u8, Name)>,
}

/// The weights of a layer.
struct Weights<'a> {
    /// `[out][fan_in]`, the fan-in ordered rows, columns, channels.
    integers: &'a [i8],
    /// One for each output.
    scales: Vec<f32>,
    bias: Vec<i32>,
    /// The value of one step of each bias.
    units: Vec<f32>,
}

/// Scale and zero point of a map.
#[derive(Clone, Copy)]
struct Grid {
    scale: f32,
    zero: u8,
}

/// How the output of a layer becomes bytes.
enum Rounding {
    /// Not at all: it is a sum.
    None,
    /// With scale and zero point of its input.
    AsInput,
    /// With its own; the name is that of the scale.
    Own { name: String, grid: Grid },
}

impl<'a> Bytes<'a> {
    /// Returns the form of a network whose averages and logits are sums.
    pub fn without_zero_points(model: &'a QuantizedModel) -> Self {
        let weights = model.layers.iter().map(|layer| Weights {
            integers: &layer.weights,
            scales: layer.weight_scales.clone(),
            bias: layer.bias.clone(),
            units: layer.units().map(|unit| unit as f32).collect(),
        });
        let mut outputs = model.layers.iter().map(|layer| &layer.output).enumerate();
        let plan = model.plan();
        let roundings = plan.layers().map(|layer| match layer.kind {
            LayerKind::Convolution(_) | LayerKind::Full => match outputs.next() {
                Some((number, &Output::Activations { scale, .. })) => {
                    Rounding::Own { name: format!("scale{number}"), grid: Grid { scale, zero: 0 } }
                }
                Some((_, Output::Logits { .. })) | None => Rounding::None,
            },
            LayerKind::GlobalAverage => Rounding::None,
            _ => Rounding::AsInput,
        });
        Self::new(weights.collect(), Grid { scale: model.input_scale, zero: 0 }, roundings.collect())
    }

    /// Returns the form of a network with zero points.
    pub fn with_zero_points(model: &'a AffineModel) -> Self {
        let plan = Plan::new(model.spec);
        let chain = Chain::new(&plan);
        let one = |values: &[f32]| values.first().copied().unwrap_or(0.0);
        let preprocessing = &model.preprocessing;
        let image = Grid { scale: one(&preprocessing.scale), zero: one(&preprocessing.mean) as u8 };
        let mut records = model.records.iter();
        let (mut weights, mut grids, mut roundings) = (Vec::new(), vec![image], Vec::new());
        for (index, layer) in plan.layers().enumerate() {
            let input = grids[chain.reads(index).input];
            let has_record = layer.weight_bytes(WeightType::Affine, 1) > 0;
            let record = if has_record { records.next() } else { None };
            let (name, words) = match record {
                Some(Record::Layer(record)) => {
                    let number = weights.len();
                    weights.push(Weights::of(record, input));
                    (format!("scale{number}"), record.words)
                }
                Some(Record::Sum { words, .. }) => (format!("sum{index}_scale"), *words),
                Some(Record::Average { words, .. }) => ("average_scale".to_owned(), *words),
                None => {
                    grids.push(input);
                    roundings.push(Rounding::AsInput);
                    continue;
                }
            };
            let grid = Grid { scale: words.scale, zero: words.output_zero };
            grids.push(grid);
            roundings.push(Rounding::Own { name, grid });
        }
        Self::new(weights, image, roundings)
    }

    fn new(weights: Vec<Weights<'a>>, image: Grid, roundings: Vec<Rounding>) -> Self {
        Self { weights, image, roundings, grid: Default::default(), zeros: Vec::new() }
    }

    /// Adds the conversion of the image's bytes.
    pub fn image(&mut self, graph: &mut Graph) -> Name {
        self.grid = self.constants(graph, "image_scale", self.image);
        let [scale, zero] = &self.grid;
        graph.node("DequantizeLinear", &[&IMAGE.to_owned(), scale, zero], &[])
    }

    /// Adds a scale and a zero point, and returns their names.
    fn constants(&mut self, graph: &mut Graph, name: &str, grid: Grid) -> [Name; 2] {
        let scale = graph.floats(name, &[], [grid.scale]);
        if let Some((_, zero)) = self.zeros.iter().find(|(value, _)| *value == grid.zero) {
            return [scale, zero.clone()];
        }
        let name = if grid.zero == 0 { "zero_u8".to_owned() } else { format!("zero_u8_{}", grid.zero) };
        let zero = graph.constant(&name, Element::Uint8, &[], vec![grid.zero]);
        self.zeros.push((grid.zero, zero.clone()));
        [scale, zero]
    }
}

impl TensorForm for Bytes<'_> {
    fn parameters(&self, graph: &mut Graph, number: usize, tensor: &Tensor, dims: &[usize]) -> [Name; 2] {
        let layer = &self.weights[number];
        let axis = [("axis", Attribute::Int(0))];
        let outputs = [dims[0]];
        let weights = tensor.torch_order().map(|at| layer.integers[at - tensor.weight.start] as u8).collect();
        let weight = graph.constant(&format!("weight{number}_i8"), Element::Int8, dims, weights);
        let scale = graph.floats(&format!("weight{number}_scale"), &outputs, layer.scales.iter().copied());
        let zeros = graph.constant(&format!("weight{number}_zero"), Element::Int8, &outputs, vec![0; dims[0]]);
        let weight = graph.node("DequantizeLinear", &[&weight, &scale, &zeros], &axis);

        let biases = layer.bias.iter().flat_map(|bias| bias.to_le_bytes()).collect();
        let bias = graph.constant(&format!("bias{number}_i32"), Element::Int32, &outputs, biases);
        let scale = graph.floats(&format!("bias{number}_scale"), &outputs, layer.units.iter().copied());
        let zeros = graph.constant(&format!("bias{number}_zero"), Element::Int32, &outputs, vec![0; 4 * dims[0]]);
        let bias = graph.node("DequantizeLinear", &[&bias, &scale, &zeros], &axis);
        [weight, bias]
    }

    fn output(&mut self, graph: &mut Graph, index: usize, value: Name) -> Name {
        match self.roundings.get(index) {
            Some(Rounding::Own { name, grid }) => {
                let (name, grid) = (name.clone(), *grid);
                self.grid = self.constants(graph, &name, grid);
            }
            Some(Rounding::AsInput) => {}
            Some(Rounding::None) | None => return value,
        }
        let [scale, zero] = &self.grid;
        let bytes = graph.node("QuantizeLinear", &[&value, scale, zero], &[]);
        graph.node("DequantizeLinear", &[&bytes, scale, zero], &[])
    }
}

impl<'a> Weights<'a> {
    /// Returns the weights of a layer whose input has the given scale and zero point. A model file has factors and no
    /// scales; the product of the nearest f32 with the other two scales is the same factor.
    fn of(layer: &'a AffineLayer, input: Grid) -> Self {
        let AffineLayer { words: Words { scale: output, .. }, bias, factors, weights } = layer;
        let unit = f64::from(input.scale);
        let scale = |factor: &Factor| (real(*factor) * f64::from(*output) / unit) as f32;
        let scales: Vec<f32> = factors.iter().map(|factor| scale(factor).max(f32::MIN_POSITIVE)).collect();
        let fan_in = (weights.len() / factors.len().max(1)).max(1);
        // The file's bias contains the input's zero point times the weights.
        let stated = bias.iter().zip(weights.chunks_exact(fan_in)).map(|(&bias, row)| {
            let sum: i64 = row.iter().map(|&weight| i64::from(weight)).sum();
            let stated = i64::from(bias) + i64::from(input.zero) * sum;
            stated.clamp(i32::MIN.into(), i32::MAX.into()) as i32
        });
        let units = scales.iter().map(|&scale| (unit * f64::from(scale)) as f32).collect();
        Self { integers: weights, bias: stated.collect(), units, scales }
    }
}

/// Returns a factor as a number. One of 0 stands for any number below 2⁻³².
fn real(factor: Factor) -> f64 {
    match factor.multiplier {
        0 => f64::powi(2.0, -34),
        multiplier => f64::from(multiplier) * f64::powi(2.0, -31 - factor.shift),
    }
}
