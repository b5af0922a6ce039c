//! One layer after another on whole maps, in f64, as simply as it can be written.
#![allow(dead_code)] // each test uses its part

use nin_core::plan::{Layer, LayerKind};
use nin_core::spec::Window;
use nin_train::network::parameters::Tensor;

/// Returns where a pixel begins in a map without room.
pub fn at(shape: nin_core::Shape, row: usize, column: usize) -> usize {
    (row * shape.columns as usize + column) * shape.channels as usize
}

/// Returns every place of the input that a window covers, as (place in the window, offset of its pixel).
pub fn covered(window: Window, shape: nin_core::Shape, row: usize, column: usize) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    for down in 0..window.columns.kernel as usize {
        for right in 0..window.columns.kernel as usize {
            let y = (row * window.columns.stride as usize + down).checked_sub(window.columns.padding.into());
            let x = (column * window.columns.stride as usize + right).checked_sub(window.columns.padding.into());
            if let (Some(y), Some(x)) = (y, x)
                && y < shape.rows.into()
                && x < shape.columns.into()
            {
                places.push((down * window.columns.kernel as usize + right, at(shape, y, x)));
            }
        }
    }
    places
}

/// Returns one image through one layer, before normalisation and ReLU: naive, whole maps, f64.
pub fn sums(layer: &Layer, tensor: Option<&Tensor>, parameters: &[f64], x: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; layer.output.len()];
    let (inputs, outputs) = (layer.input.channels as usize, layer.output.channels as usize);
    for row in 0..layer.output.rows as usize {
        for column in 0..layer.output.columns as usize {
            let y = &mut y[at(layer.output, row, column)..][..outputs];
            let places = match layer.kind {
                LayerKind::MaxPool(window) | LayerKind::AvgPool(window) | LayerKind::Convolution(window) => {
                    covered(window, layer.input, row, column)
                }
                _ => (0..layer.input.pixels()).map(|pixel| (pixel, pixel * inputs)).collect(),
            };
            for (c, y) in y.iter_mut().enumerate() {
                let over = |f: fn(f64, f64) -> f64, start: f64| places.iter().map(|(_, at)| x[at + c]).fold(start, f);
                *y = match layer.kind {
                    LayerKind::MaxPool(_) => over(f64::max, f64::NEG_INFINITY),
                    LayerKind::AvgPool(window) => over(|a, b| a + b, 0.0) / f64::from(window.columns.kernel).powi(2),
                    LayerKind::GlobalAverage => over(|a, b| a + b, 0.0) / layer.input.pixels() as f64,
                    LayerKind::MeanPool(_) | LayerKind::Sum => panic!("a layer that the trainer does not have"),
                    LayerKind::Dropout => panic!("dropout has no derivative to compare"),
                    LayerKind::Convolution(_) | LayerKind::Full => {
                        let tensor = tensor.expect("a tensor for each weight layer");
                        let weight = &parameters[tensor.weight.clone()][c * layer.fan_in()..][..layer.fan_in()];
                        let products = places.iter().flat_map(|(place, at)| {
                            (0..inputs).map(move |channel| weight[place * inputs + channel] * x[at + channel])
                        });
                        products.sum::<f64>()
                    }
                };
            }
        }
    }
    y
}
