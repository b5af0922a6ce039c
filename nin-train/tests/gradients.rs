//! Gradients against central differences of a naive f64 network, on lines that hold every stage and odd windows.

mod images;

use images::Images;
use nin_core::plan::{LayerKind, Plan};
use nin_core::spec::{Spec, Window};
use nin_train::parameters::tensors;
use nin_train::random::{Purpose, Stream};
use nin_train::{Draw, Engine};

/// Lines that are small, and not square, and together hold everything.
const LINES: &[&str] = &[
    "1x7x9 nin3:4,5 max2/2 gap fc3",
    "2x9x8 nin3+1:5,4 max3/2+1 nin3+2:6,3 gap",
    "3x11x7 nin5/2+2:17,6 avg3/2+1 nin2:5 gap fc4",
    "2x10x9 nin3/2+1:6 nin3/2+1:7 nin2/3:5 fc6,3",
    "2x6x7 avg2/1 nin3+2:5 max2/1+1 nin1:33 avg2/2 fc4",
    "1x5x6 max2/1 nin4+3:3,20 nin3/2:4 fc3",
    "4x6x5 fc9,5",
    "2x8x8 nin3/3+2:9 nin2+1:10,3 gap",
    "1x12x5 nin1/2:7 nin3/2+1:49 max3/3+1 gap fc5",
];

fn at(shape: nin_core::Shape, row: usize, column: usize) -> usize {
    (row * shape.columns as usize + column) * shape.channels as usize
}

/// Every place of the input that a window covers, as (place in the window, offset of its pixel).
fn covered(window: Window, shape: nin_core::Shape, row: usize, column: usize) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    for down in 0..window.kernel as usize {
        for right in 0..window.kernel as usize {
            let y = (row * window.stride as usize + down).checked_sub(window.padding.into());
            let x = (column * window.stride as usize + right).checked_sub(window.padding.into());
            if let (Some(y), Some(x)) = (y, x)
                && y < shape.rows.into()
                && x < shape.columns.into()
            {
                places.push((down * window.kernel as usize + right, at(shape, y, x)));
            }
        }
    }
    places
}

/// The mean loss over the images: naive, whole maps, f64.
fn loss(plan: &Plan, parameters: &[f64], images: &Images) -> f64 {
    let mut sum = 0.0;
    for (index, label) in images.labels.iter().enumerate() {
        let mut x: Vec<f64> = images.image(index).iter().map(|v| f64::from(*v)).collect();
        let mut tensors = tensors(plan).into_iter();
        for layer in plan.layers() {
            let mut y = vec![0.0; layer.output.len()];
            let (inputs, outputs) = (layer.input.channels as usize, layer.output.channels as usize);
            for row in 0..layer.output.rows as usize {
                for column in 0..layer.output.columns as usize {
                    let y = &mut y[at(layer.output, row, column)..][..outputs];
                    match layer.kind {
                        LayerKind::MaxPool(window) => {
                            let places = covered(window, layer.input, row, column);
                            for (c, y) in y.iter_mut().enumerate() {
                                *y = places.iter().map(|(_, at)| x[at + c]).fold(f64::NEG_INFINITY, f64::max);
                            }
                        }
                        LayerKind::AvgPool(window) => {
                            let places = covered(window, layer.input, row, column);
                            for (c, y) in y.iter_mut().enumerate() {
                                let sum: f64 = places.iter().map(|(_, at)| x[at + c]).sum();
                                *y = sum / f64::from(window.kernel).powi(2);
                            }
                        }
                        LayerKind::GlobalAverage => {
                            for (c, y) in y.iter_mut().enumerate() {
                                *y = x[c..].iter().step_by(inputs).sum::<f64>() / layer.input.pixels() as f64;
                            }
                        }
                        LayerKind::Dropout => panic!("dropout has no derivative to compare"),
                        LayerKind::Convolution(_) | LayerKind::Full => {}
                    }
                }
            }
            if layer.has_weights() {
                let tensor = tensors.next().expect("a tensor for each weight layer");
                let (weight, bias) = (&parameters[tensor.weight], &parameters[tensor.bias]);
                let fan_in = layer.fan_in();
                for row in 0..layer.output.rows as usize {
                    for column in 0..layer.output.columns as usize {
                        let places = match layer.kind {
                            LayerKind::Convolution(window) => covered(window, layer.input, row, column),
                            _ => (0..layer.input.pixels()).map(|pixel| (pixel, pixel * inputs)).collect(),
                        };
                        for output in 0..outputs {
                            let mut sum = bias[output];
                            for (place, at) in &places {
                                for c in 0..inputs {
                                    sum += weight[output * fan_in + place * inputs + c] * x[at + c];
                                }
                            }
                            y[at(layer.output, row, column) + output] = if layer.relu { sum.max(0.0) } else { sum };
                        }
                    }
                }
            }
            x = y;
        }
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        sum += x.iter().map(|v| (v - largest).exp()).sum::<f64>().ln() + largest - x[*label];
    }
    sum / images.labels.len() as f64
}

#[test]
fn gradients_are_the_loss_differences() {
    for (number, line) in LINES.iter().enumerate() {
        let plan = Plan::new(Spec::parse(line).expect(line));
        let mut stream = Stream::new(7, Purpose::Weights, number as u64, 0);
        let mut parameters = vec![0.0f32; plan.parameters()];
        for tensor in tensors(&plan) {
            let bound = (6.0 / tensor.layer.fan_in() as f64).sqrt();
            parameters[tensor.weight].iter_mut().for_each(|w| *w = stream.within(bound));
            parameters[tensor.bias].iter_mut().for_each(|b| *b = stream.within(0.3));
        }
        // More images than a chunk, and not a whole number of chunks.
        let labels: Vec<usize> = (0..11).map(|i| i % plan.classes()).collect();
        let values = (0..labels.len() * plan.shape(0).len()).map(|_| stream.unit()).collect();
        let images = Images::new(values, labels, plan.classes());
        let mut engine = Engine::new(*plan.spec(), 11, 2).expect("threads");
        engine.load(&parameters);
        let mut gradient = vec![0.0; parameters.len()];
        let outcome = engine.gradient(&images, Draw { seed: 0, step: 0 }, &mut gradient);

        let mut exact: Vec<f64> = parameters.iter().map(|p| f64::from(*p)).collect();
        let want = loss(&plan, &exact, &images);
        assert!(images::is_close(outcome.loss / 11.0, want, 1e-5), "{line}: loss {} {want}", outcome.loss / 11.0);
        let scale = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>() / gradient.len() as f64;
        assert!(scale > 1e-12, "{line}: a gradient to compare");
        // All biases and a share of the weights.
        let step = (parameters.len() / 150).max(1);
        let biases = tensors(&plan).into_iter().flat_map(|tensor| tensor.bias);
        let mut worst = 0.0f64;
        for i in (0..parameters.len()).step_by(step).chain(biases) {
            let (kept, h) = (exact[i], 1e-6);
            exact[i] = kept + h;
            let above = loss(&plan, &exact, &images);
            exact[i] = kept - h;
            let below = loss(&plan, &exact, &images);
            exact[i] = kept;
            let (got, want) = (f64::from(gradient[i]), (above - below) / (2.0 * h));
            let off = (got - want).abs() / want.abs().max(scale.sqrt());
            worst = worst.max(off);
            assert!(off <= 1e-4, "{line}: parameter {i}: {got}, by differences {want}");
        }
        println!("{line}: largest difference {worst:.1e}");
    }
}
