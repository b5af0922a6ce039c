//! Gradients against central differences of a naive f64 network, on lines with every stage and unusual windows.

use crate::images;
use crate::naive;

use std::ops::Range;

use images::Images;
use naive::sums;
use nin_core::plan::Plan;
use nin_core::spec::Spec;
use nin_train::network::normalization;
use nin_train::network::parameters::tensors;
use nin_train::support::random::{Purpose, Stream};
use nin_train::{Arithmetic, Draw, Engine};

/// Small lines that are not square and together contain every kind of stage.
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
    // With Winograd tiles, in the middle of a network.
    "1x4x5 nin3+1:32 nin5+2:33,3 gap",
    // Depthwise, in groups, windows that are not square, padding that differs by side.
    "2x9x8 nin3+1:6 dw3+1:5 dw3/2+same:4id,7 gap fc3",
    "3x8x7 dw3x2/1x2+1,0x1,0 nin3+1g3:6,4r6 dw5x3/2x1+2x1r6:17 max3x2/2x1 gap fc4",
    "4x7x8 nin3/2+1,0x1g2:6 nin1g3:9id mean3/2+1 nin2x1:4 mean2x3/1x2+0,1x1 fc3",
    "1x9x6 nin4x3/2x1+same:5r6 avg2x3/2x1+0,1x1 dw2:3 gap",
    // Shortcuts: around one block, around two, with a projection, with a stride, after a pool, in the first place.
    "1x7x8 nin3+1:4 res(nin3+1:4id) res(dw3+1:6,4id nin1:4id)r6 gap fc3",
    "2x8x7 proj(nin3/2+1:5 nin3+1:5id) proj(dw3/2x1+same:6id)id max2/2 res(nin1:6) gap fc3",
    "2x7x6 res(nin3+1:3r6,2)r6 nin1:4r6 res(dw3+1:4r6)r6 proj(nin1:5r6)r6 nin3:4id gap fc3",
    "1x6x7 max2/1 res(dw3+1) nin3+1:4r6 max2/2 res(nin3+1:4 nin3+1:4id)id avg2/1 fc3",
    // Several vectors of channels.
    "1x4x5 nin1:33 res(dw3+1id) gap fc3",
];

/// Normalises each channel over all pixels of some images' maps. Returns the means and the unbiased variances.
fn normalize(maps: &mut [Vec<f64>], channels: usize, gain: &[f64]) -> Vec<(f64, f64)> {
    let mut moments = Vec::new();
    let n = (maps.len() * maps[0].len() / channels) as f64;
    for (channel, gain) in gain.iter().enumerate() {
        let values =
            |maps: &[Vec<f64>]| maps.iter().flatten().skip(channel).step_by(channels).copied().collect::<Vec<_>>();
        let values = values(maps);
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        moments.push((mean, variance * n / (n - 1.0)));
        for map in maps.iter_mut() {
            for value in map.iter_mut().skip(channel).step_by(channels) {
                *value = gain * (*value - mean) / (variance + f64::from(normalization::EPSILON)).sqrt();
            }
        }
    }
    moments
}

/// Returns the mean loss over the images. `groups`, if given, lists where groups of images begin and end, which are
/// then normalised together; `moments` become the mean and variance of each normalised channel, averaged over the
/// groups' images.
fn loss(
    plan: &Plan,
    parameters: &[f64],
    images: &Images,
    groups: &[Range<usize>],
    moments: &mut Vec<(f64, f64)>,
) -> f64 {
    moments.clear();
    let normalized = if groups.is_empty() { Vec::new() } else { normalization::normalized(plan) };
    let maps: Vec<Vec<f64>> =
        (0..images.labels.len()).map(|index| images.image(index).iter().map(|v| f64::from(*v)).collect()).collect();
    // The maps of all images, tensor by tensor.
    let mut all = vec![maps];
    let tensors = tensors(plan);
    for (index, layer) in plan.layers().enumerate() {
        let tensor = tensors.iter().find(|tensor| tensor.index == index);
        let (input, added) = naive::reads(plan, index);
        let inputs = all[input].iter().enumerate();
        let added = |image: usize| added.map_or(&[][..], |added| &all[added][image]);
        let mut maps: Vec<_> = inputs.map(|(image, x)| sums(&layer, tensor, parameters, x, added(image))).collect();
        let channels = layer.output.channels as usize;
        if let Some(layer) = normalized.iter().find(|normalized| normalized.tensor.index == index) {
            let start = moments.len();
            moments.resize(start + channels, (0.0, 0.0));
            for group in groups {
                let share = group.len() as f64 / images.labels.len() as f64;
                let own = normalize(&mut maps[group.clone()], channels, &parameters[layer.gain.clone()]);
                for ((mean, variance), own) in moments[start..].iter_mut().zip(own) {
                    (*mean, *variance) = (*mean + share * own.0, *variance + share * own.1);
                }
            }
        }
        for (i, value) in maps.iter_mut().flat_map(|map| map.iter_mut().enumerate()) {
            *value += tensor.map_or(0.0, |tensor| parameters[tensor.bias.clone()][i % channels]);
            *value = naive::activated(&layer, *value);
        }
        all.push(maps);
    }
    let logits = all.pop().expect("the logits");
    let losses = logits.iter().zip(&images.labels).map(|(x, label)| {
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        x.iter().map(|v| (v - largest).exp()).sum::<f64>().ln() + largest - x[*label]
    });
    losses.sum::<f64>() / images.labels.len() as f64
}

/// Compares the engine's gradient with differences of the loss; `together` images are normalised together.
fn check(number: usize, line: &str, together: Option<usize>) {
    let plan = Plan::new(Spec::parse(line).expect(line));
    let mut stream = Stream::new(7, Purpose::Weights, number as u64, 0);
    let mut parameters = vec![0.0f32; plan.parameters()];
    for tensor in tensors(&plan) {
        let bound = (6.0 / tensor.layer.fan_in() as f64).sqrt();
        parameters[tensor.weight].iter_mut().for_each(|w| *w = stream.within(bound));
        parameters[tensor.bias].iter_mut().for_each(|b| *b = stream.within(0.3));
    }
    // More images than a chunk, and not a multiple of it.
    let labels: Vec<usize> = (0..11).map(|i| i % plan.classes()).collect();
    let values = (0..labels.len() * plan.shape(0).len()).map(|_| stream.unit()).collect();
    let images = Images::new(values, labels, plan.classes());
    let (mut engine, groups) = match together {
        Some(together) => {
            parameters.truncate(plan.parameters());
            parameters.extend((plan.parameters()..normalization::trainable(&plan)).map(|_| 1.0 + stream.within(0.5)));
            let count = 11usize.div_ceil(together);
            let groups = (0..count).map(|i| i * 11 / count..(i + 1) * 11 / count).collect();
            (Engine::new(*plan.spec(), &Arithmetic::Normalized { images: together }, 11, 2).expect("threads"), groups)
        }
        None => (Engine::new(*plan.spec(), &Arithmetic::Float, 11, 2).expect("threads"), Vec::new()),
    };
    engine.load(&parameters);
    let mut gradient = vec![0.0; parameters.len()];
    let outcome = engine.gradient(&images, Draw { seed: 0, step: 0 }, &mut gradient);

    let mut exact: Vec<f64> = parameters.iter().map(|p| f64::from(*p)).collect();
    let mut moments = Vec::new();
    let want = loss(&plan, &exact, &images, &groups, &mut moments);
    assert!(images::is_close(outcome.loss / 11.0, want, 1e-5), "{line}: loss {} {want}", outcome.loss / 11.0);
    // The batch statistics that running means and variances follow, as PyTorch computes them.
    let (means, variances) = engine.moments().split_at(moments.len());
    for ((got_mean, got_variance), (mean, variance)) in means.iter().zip(variances).zip(&moments) {
        let is_close = |got: &f32, want: f64| (f64::from(*got) - want).abs() <= 1e-5 * (variance.sqrt() + want.abs());
        assert!(is_close(got_mean, *mean), "{line}: a mean of {got_mean}, should be {mean}");
        assert!(is_close(got_variance, *variance), "{line}: a variance of {got_variance}, should be {variance}");
    }
    let scale = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>() / gradient.len() as f64;
    assert!(scale > 1e-12, "{line}: a gradient to compare");
    // All biases and gains, and a part of the weights.
    let step = (parameters.len() / 150).max(1);
    let biases = tensors(&plan).into_iter().flat_map(|tensor| tensor.bias);
    let mut worst = 0.0f64;
    for i in (0..parameters.len()).step_by(step).chain(biases).chain(plan.parameters()..parameters.len()) {
        let (kept, h) = (exact[i], 1e-8);
        exact[i] = kept + h;
        let above = loss(&plan, &exact, &images, &groups, &mut Vec::new());
        exact[i] = kept - h;
        let below = loss(&plan, &exact, &images, &groups, &mut Vec::new());
        exact[i] = kept;
        let (got, want) = (f64::from(gradient[i]), (above - below) / (2.0 * h));
        let off = (got - want).abs() / want.abs().max(scale.sqrt());
        worst = worst.max(off);
        assert!(off <= 1e-4, "{line}: parameter {i}: {got}, by differences {want}");
    }
    println!("{line}: largest difference {worst:.1e}");
}

#[test]
fn gradients_are_the_loss_differences() {
    for (number, line) in LINES.iter().enumerate() {
        check(number, line, None);
    }
}

#[test]
fn gradients_with_batch_normalisation_are_the_loss_differences() {
    for (number, line) in LINES.iter().enumerate() {
        for together in [4, 11] {
            check(number, line, Some(together));
        }
    }
}

/// The exported network computes, for one image, what the normalised network computes with running means and variances.
#[test]
fn folded_weights_do_what_normalisation_did() {
    for (number, line) in LINES.iter().enumerate() {
        let plan = Plan::new(Spec::parse(line).expect(line));
        let mut stream = Stream::new(8, Purpose::Weights, number as u64, 0);
        let parameters: Vec<f32> = (0..normalization::len(&plan)).map(|_| 0.75 + stream.within(0.5)).collect();
        let image: Vec<f32> = (0..plan.shape(0).len()).map(|_| stream.unit()).collect();
        let exact: Vec<f64> = parameters.iter().map(|p| f64::from(*p)).collect();
        let tensors = tensors(&plan);
        let normalized = normalization::normalized(&plan);
        let mut all: Vec<Vec<f64>> = vec![image.iter().map(|v| f64::from(*v)).collect()];
        for (index, layer) in plan.layers().enumerate() {
            let tensor = tensors.iter().find(|tensor| tensor.index == index);
            let (input, added) = naive::reads(&plan, index);
            let mut x = sums(&layer, tensor, &exact, &all[input], added.map_or(&[][..], |added| &all[added]));
            let normalized = normalized.iter().find(|normalized| normalized.tensor.index == index);
            for (i, value) in x.iter_mut().enumerate() {
                let channel = i % layer.output.channels as usize;
                if let Some(layer) = normalized {
                    let variance = exact[layer.variance.start + channel] + f64::from(normalization::EPSILON);
                    *value = exact[layer.gain.start + channel] * (*value - exact[layer.mean.start + channel])
                        / variance.sqrt();
                }
                *value += tensor.map_or(0.0, |tensor| exact[tensor.bias.start + channel]);
                *value = naive::activated(&layer, *value);
            }
            all.push(x);
        }
        let mut engine = Engine::new(*plan.spec(), &Arithmetic::Float, 0, 1).expect("threads");
        engine.load(&normalization::fold(&plan, &parameters));
        let got = engine.activations(&image).pop().expect("logits");
        for (got, want) in got.iter().zip(all.last().expect("logits")) {
            assert!(images::is_close(f64::from(*got), *want, 1e-5), "{line}: {got} {want}");
        }
    }
}

/// Inverted dropout (Srivastava et al. 2014): a value becomes 0 or is divided by 1 − p, and so is its gradient. For one
/// image of one pixel, the gradient shows all of it.
#[test]
fn dropout_scales_what_it_keeps_and_its_gradient_alike() {
    const HIDDEN: usize = 2000;
    let plan = Plan::new(Spec::new("1x1x1 nin1:2000 drop0.25 fc2"));
    let [hidden, last] = &tensors(&plan)[..] else { panic!("two layers") };
    let mut stream = Stream::new(8, Purpose::Weights, 0, 0);
    let mut parameters: Vec<f32> = (0..plan.parameters()).map(|_| stream.within(0.05)).collect();
    // Every second value is 0, and no other.
    let bias = |i: usize| if i.is_multiple_of(2) { 0.5 + i as f32 * 1e-4 } else { -1.0 };
    parameters[hidden.bias.clone()].iter_mut().enumerate().for_each(|(i, value)| *value = bias(i));
    let images = Images::new(vec![1.0], vec![0], 2);
    let mut engine = Engine::new(*plan.spec(), &Arithmetic::Float, 1, 1).unwrap();
    engine.load(&parameters);
    let masks = [0, 1].map(|step| {
        let mut gradient = vec![0.0; parameters.len()];
        engine.gradient(&images, Draw { seed: 3, step }, &mut gradient);
        // The gradient of the logits.
        let d = [gradient[last.bias.start], gradient[last.bias.start + 1]].map(f64::from);
        let mask: Vec<bool> = (0..HIDDEN)
            .step_by(2)
            .map(|i| {
                let at = |of: &Range<usize>, i: usize| f64::from(parameters[of.start + i]);
                let value = at(&hidden.weight, i) + at(&hidden.bias, i);
                let kept = f64::from(gradient[last.weight.start + i]) / (d[0] * value);
                let scale = if kept.abs() < 1e-6 { 0.0 } else { 4.0 / 3.0 };
                assert!((kept - scale).abs() < 1e-4, "value {i} is times {kept}");
                let back = scale * (d[0] * at(&last.weight, i) + d[1] * at(&last.weight, HIDDEN + i));
                let found = f64::from(gradient[hidden.bias.start + i]);
                assert!((found - back).abs() < 1e-6, "gradient {i} is {found}, should be {back}");
                assert_eq!(gradient[hidden.bias.start + i + 1], 0.0, "what is dead has no gradient");
                scale == 0.0
            })
            .collect();
        let dropped = mask.iter().filter(|dropped| **dropped).count();
        assert!((200..300).contains(&dropped), "{dropped} of 1,000");
        mask
    });
    assert_ne!(masks[0], masks[1], "each step draws anew");
}
