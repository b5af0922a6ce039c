//! One layer after another on whole maps, in f64, as simply as it can be written.
#![allow(dead_code)] // each test uses its part

use nin_core::plan::{Layer, LayerKind, Plan};
use nin_core::spec::{Stage, Window};
use nin_train::network::parameters::Tensor;

/// Returns where a pixel begins in a map without room.
pub fn at(shape: nin_core::Shape, row: usize, column: usize) -> usize {
    (row * shape.columns as usize + column) * shape.channels as usize
}

/// Returns every place of the input that a window covers, as (place in the window, offset of its pixel).
pub fn covered(window: Window, shape: nin_core::Shape, row: usize, column: usize) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    let Window { rows, columns } = window;
    for down in 0..rows.kernel as usize {
        for right in 0..columns.kernel as usize {
            let y = (row * rows.stride as usize + down).checked_sub(rows.padding.into());
            let x = (column * columns.stride as usize + right).checked_sub(columns.padding.into());
            if let (Some(y), Some(x)) = (y, x)
                && y < shape.rows.into()
                && x < shape.columns.into()
            {
                places.push((down * columns.kernel as usize + right, at(shape, y, x)));
            }
        }
    }
    places
}

/// Returns the tensors that layer `index` reads: its input, and what a sum adds to it. Tensor 0 is the image, tensor i + 1
/// the output of layer i.
pub fn reads(plan: &Plan, index: usize) -> (usize, Option<usize>) {
    let layers: Vec<Layer> = plan.layers().collect();
    let Stage::Sum(sum) = &plan.spec().stages()[layers[index].stage] else { return (index, None) };
    let begin = layers.iter().position(|layer| layer.stage + usize::from(sum.stages) == layers[index].stage).unwrap();
    match (layers[index].kind, sum.projection.is_some()) {
        (LayerKind::Sum, false) => (index, Some(begin)),
        (LayerKind::Sum, true) => (index - 1, Some(index)),
        _ => (begin, None),
    }
}

/// Returns what a layer's activation makes of a value.
pub fn activated(layer: &Layer, value: f64) -> f64 {
    match (layer.relu, layer.relu6) {
        (_, true) => value.clamp(0.0, 6.0),
        (true, _) => value.max(0.0),
        _ => value,
    }
}

/// Returns one image through one layer, before normalisation and activation: naive, whole maps, f64. A sum is that of
/// `added` and `x`.
pub fn sums(layer: &Layer, tensor: Option<&Tensor>, parameters: &[f64], x: &[f64], added: &[f64]) -> Vec<f64> {
    if layer.kind == LayerKind::Sum {
        return x.iter().zip(added).map(|(x, added)| x + added).collect();
    }
    let mut y = vec![0.0; layer.output.len()];
    let (inputs, outputs) = (layer.input.channels as usize, layer.output.channels as usize);
    for row in 0..layer.output.rows as usize {
        for column in 0..layer.output.columns as usize {
            let y = &mut y[at(layer.output, row, column)..][..outputs];
            let places = match layer.kind {
                LayerKind::MaxPool(window)
                | LayerKind::AvgPool(window)
                | LayerKind::MeanPool(window)
                | LayerKind::Convolution(window) => covered(window, layer.input, row, column),
                _ => (0..layer.input.pixels()).map(|pixel| (pixel, pixel * inputs)).collect(),
            };
            for (c, y) in y.iter_mut().enumerate() {
                let over = |f: fn(f64, f64) -> f64, start: f64| places.iter().map(|(_, at)| x[at + c]).fold(start, f);
                *y = match layer.kind {
                    LayerKind::MaxPool(_) => over(f64::max, f64::NEG_INFINITY),
                    LayerKind::AvgPool(window) => over(|a, b| a + b, 0.0) / window.pixels() as f64,
                    LayerKind::MeanPool(_) => over(|a, b| a + b, 0.0) / places.len() as f64,
                    LayerKind::GlobalAverage => over(|a, b| a + b, 0.0) / layer.input.pixels() as f64,
                    LayerKind::Sum => unreachable!("above"),
                    LayerKind::Dropout => panic!("dropout has no derivative to compare"),
                    LayerKind::Convolution(_) | LayerKind::Full => {
                        let tensor = tensor.expect("a tensor for each weight layer");
                        let weight = &parameters[tensor.weight.clone()][c * layer.fan_in()..][..layer.fan_in()];
                        // The channels of the output's group.
                        let own = inputs / usize::from(layer.groups);
                        let first = c / (outputs / usize::from(layer.groups)) * own;
                        let products = places.iter().flat_map(|(place, at)| {
                            (0..own).map(move |channel| weight[place * own + channel] * x[at + first + channel])
                        });
                        products.sum::<f64>()
                    }
                };
            }
        }
    }
    y
}
