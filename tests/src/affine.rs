//! What an 8-bit network with zero points computes, straight from `docs/int8.md`: whole maps, one loop for each thing.
//!
//! It takes its layers' numbers from the importer, and only the stages from nin-core.

use nin_core::packing::affine::{Factor, Words};
use nin_core::spec::{Block, Projection, Side, Window};
use nin_core::{Shape, Stage};
use nin_train::formats::model_file::{AffineLayer, AffineModel, Record};

use crate::integer::{Answer, Bytes, Step, average};

/// `value · multiplier · 2^−31−shift`, rounded twice: halves up, then halves away from zero.
pub fn scaled(value: i64, factor: Factor) -> i64 {
    let doubled = if factor.shift < 0 { value << -factor.shift } else { value };
    let high = (doubled * i64::from(factor.multiplier) + (1 << 30)).div_euclid(1 << 31);
    let unit = 1i64 << factor.shift.max(0);
    let magnitude = (2 * high.abs() + unit) / (2 * unit);
    if high < 0 { -magnitude } else { magnitude }
}

/// The same, rounded once, halves up.
pub fn scaled_once(value: i64, factor: Factor) -> i64 {
    let unit = 1i64 << (31 + factor.shift);
    (value * i64::from(factor.multiplier) + unit / 2).div_euclid(unit)
}

/// A sum of a layer, rounded as the layer states.
fn rounded(words: &Words, sum: i64, factor: Factor) -> i64 {
    if words.once { scaled_once(sum, factor) } else { scaled(sum, factor) }
}

fn finish(words: &Words, value: i64) -> u8 {
    (value + i64::from(words.output_zero)).clamp(words.least.into(), words.most.into()) as u8
}

/// Every layer of a network on one image.
///
/// # Panics
///
/// If records and line do not fit each other.
pub fn forward(model: &AffineModel, image: &Bytes) -> Answer {
    let mut records = model.records.iter();
    let mut next = || records.next().expect("a record for each layer");
    let (mut steps, mut logits, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
    let mut now = image.clone();
    for (stage, what) in model.spec.stages().iter().enumerate() {
        inputs.push(now.clone());
        let mut made: Vec<Bytes> = Vec::new();
        match what {
            Stage::Dropout(_) => {}
            Stage::Block(Block { window, widths, .. }) => {
                for (i, _) in widths.as_slice().iter().enumerate() {
                    let window = if i == 0 { *window } else { Window::PIXEL };
                    let layer = layer(next());
                    made.push(convolution(window, layer, made.last().unwrap_or(&now)));
                }
            }
            Stage::Sum(sum) => {
                let begin = &inputs[stage - usize::from(sum.stages)];
                made.extend(
                    sum.projection.map(|projection| convolution(Projection::window(projection), layer(next()), begin)),
                );
                let Record::Sum { words, shortcut_zero, factors } = next() else { panic!("the record of a sum") };
                let other = made.last().unwrap_or(begin);
                let addend = |value: u8, zero: u8, factor| scaled((i64::from(value) - i64::from(zero)) << 20, factor);
                let values = now.values.iter().zip(&other.values).map(|(&a, &b)| {
                    let sum = addend(a, words.input_zero, factors[0]) + addend(b, *shortcut_zero, factors[1]);
                    finish(words, scaled(sum, factors[2]))
                });
                made.push(Bytes { shape: now.shape, values: values.collect() });
            }
            Stage::MaxPool(window) => made.push(pool(*window, &now, |seen, _| seen.iter().copied().max().unwrap_or(0))),
            Stage::AvgPool(window) => {
                made.push(pool(*window, &now, |seen, area| average(seen.iter().map(|&x| i64::from(x)).sum(), area)));
            }
            Stage::MeanPool(window) => made.push(pool(*window, &now, |seen, _| {
                average(seen.iter().map(|&x| i64::from(x)).sum(), seen.len() as i64)
            })),
            Stage::GlobalAverage => {
                let Record::Average { words, factor } = next() else { panic!("the record of an average") };
                let channels = usize::from(now.shape.channels);
                let average = |channel| {
                    let pixels = now.values.iter().skip(channel).step_by(channels);
                    let sum = pixels.map(|&x| i64::from(x) - i64::from(words.input_zero)).sum();
                    finish(words, scaled(sum, *factor))
                };
                let values = (0..channels).map(average).collect();
                made.push(Bytes { shape: Shape { rows: 1, columns: 1, ..now.shape }, values });
                logits = dequantised(words, &made[0].values);
            }
            Stage::Full(widths) => {
                for _ in widths.as_slice() {
                    let layer = layer(next());
                    let input = made.last().unwrap_or(&now);
                    let rows = layer.weights.chunks_exact(input.values.len());
                    let sums = rows.zip(&layer.bias).map(|(weights, &bias)| {
                        let products = weights.iter().zip(&input.values).map(|(&w, &x)| i64::from(w) * i64::from(x));
                        i64::from(bias) + products.sum::<i64>()
                    });
                    let values = sums
                        .zip(&layer.factors)
                        .map(|(sum, &factor)| finish(&layer.words, rounded(&layer.words, sum, factor)));
                    let values: Vec<u8> = values.collect();
                    logits = dequantised(&layer.words, &values);
                    let channels = u16::try_from(values.len()).expect("outputs");
                    made.push(Bytes { shape: Shape { channels, rows: 1, columns: 1 }, values });
                }
            }
        }
        if let Some(map) = made.last() {
            now = map.clone();
        }
        steps.extend(made.into_iter().enumerate().map(|(step, map)| Step { stage, step, map }));
    }
    assert!(records.next().is_none(), "more records than the line has layers");
    Answer { steps, logits }
}

fn dequantised(words: &Words, values: &[u8]) -> Vec<f32> {
    values.iter().map(|&value| (i32::from(value) - i32::from(words.output_zero)) as f32 * words.scale).collect()
}

fn layer(record: &Record) -> &AffineLayer {
    match record {
        Record::Layer(layer) => layer,
        other => panic!("{other:?} in place of a layer"),
    }
}

fn convolution(window: Window, layer: &AffineLayer, input: &Bytes) -> Bytes {
    let outputs = layer.bias.len();
    let (height, width) = (usize::from(window.rows.kernel), usize::from(window.columns.kernel));
    let fan_in = layer.weights.len() / outputs;
    let channels = fan_in / (height * width);
    let groups = usize::from(input.shape.channels) / channels;
    let shape = over(window, input.shape, outputs);
    let mut values = Vec::with_capacity(shape.len());
    for row in 0..usize::from(shape.rows) {
        for column in 0..usize::from(shape.columns) {
            for output in 0..outputs {
                let group = output / (outputs / groups);
                let mut sum = i64::from(layer.bias[output]);
                for ky in 0..height {
                    for kx in 0..width {
                        for channel in 0..channels {
                            let weight = layer.weights[output * fan_in + (ky * width + kx) * channels + channel];
                            let place = (place(window.rows, row, ky), place(window.columns, column, kx));
                            let x = at(input, place, group * channels + channel).unwrap_or(layer.words.input_zero);
                            sum += i64::from(x) * i64::from(weight);
                        }
                    }
                }
                values.push(finish(&layer.words, rounded(&layer.words, sum, layer.factors[output])));
            }
        }
    }
    Bytes { shape, values }
}

/// What `join` makes of the values on the map of each window, and of the window's area.
fn pool(window: Window, input: &Bytes, join: impl Fn(&[u8], i64) -> u8) -> Bytes {
    let (height, width) = (usize::from(window.rows.kernel), usize::from(window.columns.kernel));
    let shape = over(window, input.shape, input.shape.channels.into());
    let mut values = Vec::with_capacity(shape.len());
    for row in 0..usize::from(shape.rows) {
        for column in 0..usize::from(shape.columns) {
            for channel in 0..usize::from(shape.channels) {
                let mut seen = Vec::new();
                for ky in 0..height {
                    for kx in 0..width {
                        seen.extend(at(
                            input,
                            (place(window.rows, row, ky), place(window.columns, column, kx)),
                            channel,
                        ));
                    }
                }
                values.push(join(&seen, (height * width) as i64));
            }
        }
    }
    Bytes { shape, values }
}

fn over(window: Window, input: Shape, channels: usize) -> Shape {
    let count = |side: Side, length: u16| {
        let padded = usize::from(length) + usize::from(side.padding) + usize::from(side.after);
        let windows = (0..).step_by(side.stride.into()).take_while(|at| at + usize::from(side.kernel) <= padded);
        u16::try_from(windows.count()).expect("a side of a map")
    };
    let channels = u16::try_from(channels).expect("channels of a map");
    Shape { channels, rows: count(window.rows, input.rows), columns: count(window.columns, input.columns) }
}

fn place(side: Side, index: usize, k: usize) -> isize {
    (index * usize::from(side.stride) + k) as isize - isize::from(side.padding)
}

/// A value of the map; `None` over its padding.
fn at(map: &Bytes, (row, column): (isize, isize), channel: usize) -> Option<u8> {
    let (rows, columns) = (usize::from(map.shape.rows), usize::from(map.shape.columns));
    let row = usize::try_from(row).ok().filter(|&row| row < rows)?;
    let column = usize::try_from(column).ok().filter(|&column| column < columns)?;
    Some(map.values[(row * columns + column) * usize::from(map.shape.channels) + channel])
}
