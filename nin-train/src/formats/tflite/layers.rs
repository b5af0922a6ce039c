//! What one operator becomes: its window, its factors, its weights in the order of a line's layers.

use nin_core::packing::affine::{Factor, Words};
use nin_core::spec::{Activation, Side, Window};

use super::error::TfLiteError;
use super::graph::{Graph, Kind, Operator, Quantization, Tensor};
use crate::formats::model_file::AffineLayer;
use crate::integers::factor;

/// Rows, columns and channels of a map.
pub type Size = [usize; 3];

/// The most values of a map in a line.
const MOST_VALUES: usize = (1 << 29) - 1;

/// Returns the product of some sides; the largest number if it is larger.
pub fn product(sides: &[usize]) -> usize {
    sides.iter().fold(1, |product, &side| usize::saturating_mul(product, side))
}

/// Returns the size of the map in a tensor of one image; a vector is a map of one pixel.
pub fn size(operator: &Operator<'_>, tensor: &Tensor<'_>) -> Result<Size, TfLiteError> {
    match tensor.shape[..] {
        [1, rows, columns, channels] if (1..=MOST_VALUES).contains(&product(&[rows, columns, channels])) => {
            Ok([rows, columns, channels])
        }
        [1, channels] if (1..=MOST_VALUES).contains(&channels) => Ok([1, 1, channels]),
        _ => Err(operator.problem(format!("has a tensor of shape {:?}, which is no map of one image", tensor.shape))),
    }
}

/// Returns scale and zero point of a map.
pub fn quantization(operator: &Operator<'_>, tensor: &Tensor<'_>) -> Result<Quantization, TfLiteError> {
    let found = tensor.quantization()?;
    found.ok_or_else(|| operator.problem("has a map that is not 8-bit integers with one scale and zero point; convert the model with full-integer int8 quantisation"))
}

/// Returns the activation of an operator's option.
pub fn activation(operator: &Operator<'_>, code: u8) -> Result<Activation, TfLiteError> {
    match code {
        0 => Ok(Activation::Identity),
        1 => Ok(Activation::Relu),
        3 => Ok(Activation::Relu6),
        2 => Err(operator.problem("has a ReLU from −1 to 1; lines have ReLU and ReLU6")),
        _ => Err(operator.problem("has an activation that lines do not have; they have ReLU and ReLU6")),
    }
}

/// Returns zero points, range and scale of a layer.
pub fn words(input: Quantization, output: Quantization, activation: Activation) -> Words {
    // As TensorFlow Lite rounds them: in 32-bit floats, halves away from zero.
    let six = || output.zero.saturating_add((6.0 / output.scale).round() as i32).min(127);
    let (least, most) = match activation {
        Activation::Identity => (-128, 127),
        Activation::Relu => (output.zero, 127),
        Activation::Relu6 => (output.zero, six()),
    };
    Words {
        input_zero: input.unsigned_zero(),
        output_zero: output.unsigned_zero(),
        least: (least + 128) as u8,
        most: (most + 128) as u8,
        plain: false,
        lanes: 1,
        once: false,
        four_bits: false,
        scale: output.scale,
    }
}

/// Padding that precedes an operator: above, below, on the left, on the right.
pub type Padding = [usize; 4];

/// Returns the window of an operator: `padding` is its option, `before` what an operator before it added.
pub fn window(
    operator: &Operator<'_>,
    [rows, columns, _]: Size,
    kernel: [usize; 2],
    stride: [i32; 2],
    before: Padding,
) -> Result<Window, TfLiteError> {
    let same = match operator.byte(0)? {
        0 => true,
        1 => false,
        _ => return Err(operator.problem("has a padding that is neither SAME nor VALID")),
    };
    let side = |length: usize, kernel: usize, stride: i32, first: usize, last: usize| {
        let out_of_range =
            || operator.problem(format!("has a window of {kernel} pixels, stride {stride}; both are at most 255"));
        let stride = u8::try_from(stride).ok().filter(|stride| *stride > 0).ok_or_else(out_of_range)?;
        let side = Side { kernel: u8::try_from(kernel).map_err(|_| out_of_range())?, stride, padding: 0, after: 0 };
        let length = length + first + last;
        let windows = length.div_ceil(stride.into());
        let total = match same {
            true => (windows.saturating_sub(1) * usize::from(stride) + kernel).saturating_sub(length),
            false => 0,
        };
        let [padding, after] = [first + total / 2, last + total - total / 2];
        if padding.max(after) >= kernel.max(1) && padding.max(after) > 0 {
            return Err(operator.problem(format!(
                "has {} pixels of padding on a side of its window of {kernel}; less fit a line",
                padding.max(after)
            )));
        }
        Ok(Side { padding: padding as u8, after: after as u8, ..side })
    };
    let [down, right] = stride;
    let [above, below, on_left, on_right] = before;
    Ok(Window {
        rows: side(rows, kernel[0], down, above, below)?,
        columns: side(columns, kernel[1], right, on_left, on_right)?,
    })
}

/// How the weights of an operator lie in its tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `[out][fan_in]`.
    Outputs,
    /// `[fan_in][out]`, as those of a depthwise convolution.
    Inputs,
}

/// Returns a layer with weights.
pub fn layer(
    graph: &Graph<'_>,
    operator: &Operator<'_>,
    [outputs, fan_in]: [usize; 2],
    order: Order,
    activation: Activation,
) -> Result<AffineLayer, TfLiteError> {
    let [input, weights] = [graph.tensor(operator.input(0)?)?, graph.tensor(operator.input(1)?)?];
    let output = quantization(operator, &graph.tensor(operator.output)?)?;
    let input = quantization(operator, &input)?;
    let Some(scales) = weights.weight_scales(outputs)? else {
        return Err(
            operator.problem("has weights that are not 8-bit integers with zero point 0 and one scale for each output")
        );
    };
    if weights.data.len() != product(&[outputs, fan_in]) {
        return Err(operator.problem("has weights that are not constants of its shape"));
    }
    let one_scale = weights.has_one_scale();
    let sum_scale = |scale: f32| match order {
        // A fully connected layer with one scale multiplies the two as 32-bit floats.
        Order::Outputs if one_scale && operator.code == super::operators::FULLY_CONNECTED => {
            f64::from(input.scale * scale)
        }
        _ => f64::from(input.scale) * f64::from(scale),
    };
    let factors = scales.iter().map(|&scale| factor(sum_scale(scale) / f64::from(output.scale)));
    let factors =
        factors.collect::<Option<Vec<Factor>>>().ok_or_else(|| operator.problem("has scales that are out of range"))?;
    let weights: Vec<i8> = match order {
        Order::Outputs => weights.data.iter().map(|&byte| byte as i8).collect(),
        Order::Inputs => {
            let at = |i: usize| weights.data[i % fan_in * outputs + i / fan_in] as i8;
            (0..outputs * fan_in).map(at).collect()
        }
    };
    // TensorFlow Lite rounds the sums of a fully connected layer once if it has a scale for each output.
    let once = operator.code == super::operators::FULLY_CONNECTED && !one_scale;
    let words = Words { once, ..words(input, output, activation) };
    let zero = i64::from(words.input_zero);
    let stated = stated_bias(graph, operator, outputs)?;
    let mut bias = Vec::with_capacity(outputs);
    for (output, (weights, factor)) in weights.chunks_exact(fan_in).zip(&factors).enumerate() {
        let stated = stated.get(output).copied().unwrap_or(0);
        let sum: i64 = weights.iter().map(|&weight| i64::from(weight)).sum();
        let magnitudes: i64 = weights.iter().map(|&weight| i64::from(weight).abs()).sum();
        let folded = i64::from(stated) - zero * sum;
        // Rounded twice, a shift to the left comes first and in 32 bits.
        let left = if once { 0 } else { (-factor.shift).max(0) };
        let most = i128::from(folded.abs() + 255 * magnitudes) << left;
        match i32::try_from(folded) {
            Ok(folded) if most < 1 << 31 => bias.push(folded),
            _ => return Err(operator.problem(format!("has an output, {output}, whose sums may leave 32 bits"))),
        }
    }
    Ok(AffineLayer { words, bias, factors, weights })
}

/// Returns the biases of an operator; none if it has none.
fn stated_bias(graph: &Graph<'_>, operator: &Operator<'_>, outputs: usize) -> Result<Vec<i32>, TfLiteError> {
    let Some(Some(bias)) = operator.inputs.get(2) else { return Ok(Vec::new()) };
    let bias = graph.tensor(*bias)?;
    if bias.kind != Kind::Int32 || bias.data.len() != 4 * outputs {
        return Err(operator.problem("has biases that are not one 32-bit integer for each output"));
    }
    Ok(bias.ints().collect())
}
