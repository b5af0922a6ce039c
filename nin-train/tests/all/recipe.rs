//! The parts of a recipe, each against PyTorch's numbers or the formula of its paper.
//!
//! PyTorch 2.15 computed the numbers in f64: each optimiser of `torch.optim` made three steps, and each scheduler of
//! `torch.optim.lr_scheduler` was read before each step.

use nin_core::Shape;
use nin_train::Source;
use nin_train::data::Augment;
use nin_train::data::Dataset;
use nin_train::engine::loss::{cross_entropy, target};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::support::random::{Purpose, Stream};
use nin_train::training::batch::{Batch, Changes};
use nin_train::training::optim::Optimizer;
use nin_train::training::schedule::{Schedule, rate};

fn assert_close(got: &[f32], want: &[f64], what: &str) {
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        assert!((f64::from(*got) - want).abs() <= 2e-6 * want.abs().max(0.01), "{what}: {got}, PyTorch has {want}");
    }
}

#[test]
fn optimisers_take_pytorchs_steps() {
    let gradients = [[0.1, -0.2, 0.3, 0.0], [-0.4, 0.05, 0.2, 1.0], [0.25, 0.25, -0.125, -2.0]];
    let sgd = |nesterov| Optimizer::Sgd { momentum: 0.9, decay: 0.01, nesterov };
    let adamw = Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.05 };
    let steps = [
        (
            sgd(false),
            [
                [0.4895, -1.22875, 1.968, 0.02997],
                [0.5195605, -1.21339625, 1.917232, -0.07008697],
                [0.52109539, -1.223364479, 1.882123568, 0.039931844],
            ],
        ),
        (
            sgd(true),
            [
                [0.48005, -1.209625, 1.9392, 0.029943],
                [0.546632905, -1.199614212, 1.87159552, -0.160138192],
                [0.522450962, -1.232413899, 1.850690737, 0.139119947],
            ],
        ),
        (
            adamw,
            [
                [0.39750001, -1.143750005, 1.890000003, 0.02985],
                [0.451462857, -1.091084441, 1.783514794, -0.044712931],
                [0.45304906, -1.111859226, 1.72467423, -0.01306075],
            ],
        ),
    ];
    for (optimizer, steps) in steps {
        let mut parameters = [0.5, -1.25, 2.0, 0.03];
        let mut state = optimizer.start(4);
        for (gradient, want) in gradients.iter().zip(&steps) {
            optimizer.step(0.1, &mut parameters, gradient, &mut state);
            assert_close(&parameters, want, &format!("{optimizer:?}, step {}", state.steps));
        }
    }
}

#[test]
fn learning_rates_run_as_pytorchs() {
    let rates =
        |schedule, steps: u64| -> Vec<f32> { (0..steps).map(|step| rate(schedule, 0.1, 0, step, steps, 2)).collect() };
    let one_cycle = [
        0.004,
        0.0131671843,
        0.0371671843,
        0.0668328157,
        0.0908328157,
        0.1,
        0.0987464006,
        0.0950484632,
        0.0890916178,
        0.0811745654,
        0.0716943002,
        0.0611262022,
        0.0500002,
        0.0388741978,
        0.0283060998,
        0.0188258346,
        0.0109087822,
        0.0049519368,
        0.00125399938,
        4e-7,
    ];
    assert_close(&rates(Schedule::OneCycle { rise: 0.3 }, 20), &one_cycle, "OneCycleLR");
    let cosine = [0.1, 0.0961939766, 0.0853553391, 0.0691341716, 0.05, 0.0308658284, 0.0146446609, 0.00380602337];
    assert_close(&rates(Schedule::Cosine, 8), &cosine, "CosineAnnealingLR");
    // Divided by ten after every three epochs of two steps each.
    let step = [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.001, 0.001];
    assert_close(&rates(Schedule::Step { epochs: 3, factor: 0.1 }, 14), &step, "StepLR");
    // A warm-up precedes the schedule rather than overlapping it.
    let warm: Vec<f32> = (0..12).map(|step| rate(Schedule::Cosine, 0.1, 4, step, 12, 2)).collect();
    assert_close(&warm[..4], &[0.02, 0.04, 0.06, 0.08], "warm-up");
    assert_close(&warm[4..], &cosine, "CosineAnnealingLR after it");
}

#[test]
fn smoothed_labels_have_pytorchs_loss() {
    let mut of = [0.0; 4];
    target(2, 0.1, &mut of);
    let mut gradient = [0.0; 4];
    let loss = cross_entropy(&[1.5, -2.0, 0.25, 4.0], &of, 1.0, &mut gradient);
    assert!((loss - 3.783880138559354).abs() < 1e-6, "{loss}");
    let want = [0.04907848508577637, -0.02276302358252031, -0.903776158678789, 0.877460697175533];
    assert_close(&gradient, &want, "cross_entropy(label_smoothing=0.1)");
}

/// Augments an image with each of `draws` random streams.
fn changed<'a>(augment: Augment, image: &'a [u8], shape: Shape, draws: u64) -> impl Iterator<Item = Vec<u8>> + 'a {
    (0..draws).map(move |draw| {
        let mut to = vec![7; image.len()];
        augment.apply(image, shape, &mut to, &mut Stream::new(5, Purpose::Augment, 0, draw));
        to
    })
}

/// Returns an image whose pixel `(row, column)` is the pixel of `image` at `from(row, column)`, or black.
fn moved(image: &[u8], shape: Shape, from: impl Fn(isize, isize) -> (isize, isize)) -> Vec<u8> {
    let [rows, columns, channels] = [shape.rows, shape.columns, shape.channels].map(|size| size as isize);
    let mut to = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            let (row, column) = from(row, column);
            let inside = (0..rows).contains(&row) && (0..columns).contains(&column);
            to.extend((0..channels).map(|channel| match inside {
                true => image[((row * columns + column) * channels + channel) as usize],
                false => 0,
            }));
        }
    }
    to
}

/// An image without two equal pixels or two equal channels.
const SMALL: Shape = Shape { channels: 2, rows: 3, columns: 4 };
fn small() -> Vec<u8> {
    (1..=24).map(|value| value * 10).collect()
}

#[test]
fn half_of_the_images_are_mirrored() {
    let image = small();
    let mirrored = moved(&image, SMALL, |row, column| (row, 3 - column));
    let augment = Augment { flip: true, ..Augment::default() };
    let mut count = 0;
    for to in changed(augment, &image, SMALL, 400) {
        assert!(to == image || to == mirrored, "{to:?}");
        count += usize::from(to == mirrored);
    }
    assert!((160..240).contains(&count), "{count} of 400 were mirrored");
}

#[test]
fn images_are_shifted_to_every_place_alike() {
    let image = small();
    let places: Vec<Vec<u8>> = (-1..=1)
        .flat_map(|down| (-1..=1).map(move |right| (down, right)))
        .map(|(down, right)| moved(&image, SMALL, |row, column| (row + down, column + right)))
        .collect();
    let mut counts = [0; 9];
    for to in changed(Augment { crop: 1, ..Augment::default() }, &image, SMALL, 900) {
        counts[places.iter().position(|place| *place == to).expect("the image, shifted")] += 1;
    }
    assert!(counts.iter().all(|count| (65..140).contains(count)), "{counts:?}");
}

/// Rotates by the same angle about the middle of the image, with complex numbers in f64.
#[test]
fn images_are_turned_about_their_middle() {
    let shape = Shape { channels: 1, rows: 7, columns: 10 };
    let mut stream = Stream::new(9, Purpose::Weights, 0, 0);
    let image: Vec<u8> = (0..shape.len()).map(|_| stream.below(256) as u8).collect();
    let bound = 40f64.to_radians();
    let (mut least, mut most) = (0f64, 0f64);
    for (draw, to) in changed(Augment { rotate: 40, ..Augment::default() }, &image, shape, 60).enumerate() {
        let mut stream = Stream::new(5, Purpose::Augment, 0, draw as u64);
        // The random draws before the angle.
        let _ = [2, 1, 1].map(|end| stream.below(end));
        let angle = f64::from(stream.within(bound));
        (least, most) = (least.min(angle), most.max(angle));
        let at = |row: isize, column: isize| match (0..7).contains(&row) && (0..10).contains(&column) {
            true => f64::from(image[(row * 10 + column) as usize]),
            false => 0.0,
        };
        for (i, to) in to.iter().enumerate() {
            let (y, x) = ((i / 10) as f64 - 3.0, (i % 10) as f64 - 4.5);
            let (length, direction) = (x.hypot(y), y.atan2(x) - angle);
            let (y, x) = (length * direction.sin() + 3.0, length * direction.cos() + 4.5);
            let (above, left) = (y.floor(), x.floor());
            let mix = |share: f64, a: f64, b: f64| a + share * (b - a);
            let line = |row: f64| {
                let pixel = |column: f64| at(row as isize, column as isize);
                mix(x - left, pixel(left), pixel(left + 1.0))
            };
            let want = mix(y - above, line(above), line(above + 1.0));
            assert!((f64::from(*to) - want).abs() <= 0.51, "by {angle}: pixel {i} is {to}, should be {want}");
        }
    }
    assert!(least < -0.8 * bound && most > 0.8 * bound, "angles from {least} to {most}");
}

/// Zhong et al. 2020, algorithm 1: one rectangle inside the image, its area and aspect ratio in their ranges.
#[test]
fn a_rectangle_is_erased_in_a_share_of_the_images() {
    let shape = Shape { channels: 1, rows: 28, columns: 28 };
    let image = vec![255; shape.len()];
    let (mut count, mut smallest, mut largest, mut tall, mut wide) = (0, usize::MAX, 0, 0usize, 0usize);
    for to in changed(Augment { erase: 0.5, ..Augment::default() }, &image, shape, 2000) {
        let black: Vec<usize> = (0..to.len()).filter(|&i| to[i] == 0).collect();
        let (Some(first), Some(last)) = (black.first(), black.last()) else { continue };
        let (height, width) = (last / 28 - first / 28 + 1, last % 28 - first % 28 + 1);
        assert_eq!(black.len(), height * width, "one whole rectangle");
        let exact = |size: usize| (size as f64 - 0.5, size as f64 + 0.5);
        let ((low, high), (narrow, broad)) = (exact(height), exact(width));
        // Both sides are rounded to whole pixels.
        assert!(high * broad >= 0.02 * 784.0 && low * narrow <= 784.0 / 3.0, "{height} x {width}");
        assert!(high / narrow >= 1.0 / 3.3 && low / broad <= 3.3, "{height} x {width}");
        count += 1;
        (smallest, largest) = (smallest.min(black.len()), largest.max(black.len()));
        (tall, wide) = (tall + usize::from(height > width), wide + usize::from(width > height));
    }
    // A few rectangles that were drawn do not fit, and leave the image unchanged.
    assert!((900..1060).contains(&count), "{count} of 2000");
    assert!(smallest < 30 && largest > 220, "areas from {smallest} to {largest} pixels");
    assert!((0.8..1.25).contains(&(tall as f64 / wide as f64)), "{tall} tall, {wide} wide");
}

/// torchvision's `ColorJitter`, with factors that are uniform around 1: a ramp remains a ramp, brighter by one factor
/// and steeper by another, except where bytes are clamped.
#[test]
fn light_and_contrast_change_as_a_camera_has_it() {
    let shape = Shape { channels: 1, rows: 1, columns: 5 };
    let image = [60, 80, 100, 120, 140];
    let factors = |augment: Augment| {
        let each = changed(augment, &image, shape, 400).map(|to| {
            // The mean is the middle value: 100.
            let brightness = f64::from(to[2]) / 100.0;
            let steps: Vec<f64> = to.windows(2).map(|pair| f64::from(pair[1]) - f64::from(pair[0])).collect();
            assert!(steps.iter().all(|step| (step - steps[0]).abs() <= 1.0), "no ramp: {to:?}");
            [brightness, steps.iter().sum::<f64>() / 80.0 / brightness]
        });
        each.collect::<Vec<_>>()
    };
    let spread = |values: &[[f64; 2]], which: usize| {
        let (least, most) = values.iter().fold((f64::MAX, 0.0f64), |(a, b), v| (a.min(v[which]), b.max(v[which])));
        let mean = values.iter().map(|value| value[which]).sum::<f64>() / values.len() as f64;
        (least, mean, most)
    };
    let about = |(least, mean, most): (f64, f64, f64), want: f64| {
        (least - (1.0 - want)).abs() < 0.03 && (mean - 1.0).abs() < 0.04 && (most - (1.0 + want)).abs() < 0.03
    };
    let brighter = factors(Augment { brightness: 0.4, ..Augment::default() });
    assert!(about(spread(&brighter, 0), 0.4), "{:?}", spread(&brighter, 0));
    assert!(about(spread(&brighter, 1), 0.0), "the contrast is the image's: {:?}", spread(&brighter, 1));
    let steeper = factors(Augment { contrast: 0.5, ..Augment::default() });
    assert!(about(spread(&steeper, 1), 0.5), "{:?}", spread(&steeper, 1));
    assert!(steeper.iter().all(|[brightness, _]| (brightness - 1.0).abs() < 0.01), "the mean stays");

    // Erased pixels, and those that a shift brings in at an edge, are black whatever the brightness.
    let wide = Shape { channels: 1, rows: 28, columns: 28 };
    let image: Vec<u8> = (0..wide.len()).map(|i| 100 + (i % 100) as u8).collect();
    let shifted = Augment { contrast: 0.5, brightness: 0.2, erase: 1.0, crop: 3, ..Augment::default() };
    let black = changed(shifted, &image, wide, 100).map(|to| {
        assert!(to.iter().all(|byte| *byte == 0 || *byte > 40), "{to:?}");
        to.iter().filter(|byte| **byte == 0).count()
    });
    assert!(black.filter(|count| *count > 12).count() > 90, "a rectangle, in nearly every image");

    let bright = Augment { brightness: 1.0, ..Augment::default() };
    assert!(
        changed(bright, &[200, 255], Shape { columns: 2, ..shape }, 50).any(|to| to == [255, 255]),
        "no byte wraps"
    );
}

/// scikit-learn's `class_weight="balanced"`: images / (classes × images of the class).
#[test]
fn rare_classes_count_more() {
    let shape = Shape { channels: 1, rows: 1, columns: 1 };
    let names = ["many", "none", "few"].map(String::from).to_vec();
    let data = Dataset::new(vec![0; 8], shape, vec![0, 0, 0, 0, 0, 0, 2, 2], names).unwrap();
    let weights = data.balancing_weights();
    assert_close(&[weights[0], weights[2]], &[8.0 / (2.0 * 6.0), 8.0 / (2.0 * 2.0)], "weights");
    let preprocessing = Preprocessing::unit(1);
    let batch = Batch {
        data: &data,
        indices: None,
        input: shape,
        preprocessing: &preprocessing,
        changes: None,
        smoothing: 0.3,
        class_weights: &weights,
    };
    let mut target = [0.0; 3];
    batch.sample(7, &mut [0.0], &mut target);
    assert_close(&target, &[0.2, 0.2, 1.6], "a smoothed label, twice");
    // As PyTorch's CrossEntropyLoss(weight=…) with reduction "none".
    let plain = Batch { smoothing: 0.0, ..batch };
    plain.sample(7, &mut [0.0], &mut target);
    let mut gradient = [0.0; 3];
    let logits = [0.5, -1.0, 0.25];
    let loss = cross_entropy(&logits, &target, 1.0, &mut gradient);
    let exp = logits.map(|logit| f64::from(logit).exp());
    let share = exp.map(|value| value / exp.iter().sum::<f64>());
    assert!((loss + 2.0 * share[2].ln()).abs() < 1e-9, "{loss}");
    assert_close(&gradient, &[2.0 * share[0], 2.0 * share[1], 2.0 * (share[2] - 1.0)], "gradient");
}

/// Zhang et al. 2018: image and target are mixed with the same share from Beta(α, α), whose variance is 1 / (8α + 4).
#[test]
fn images_and_targets_are_blended_alike() {
    let shape = Shape { channels: 1, rows: 1, columns: 2 };
    // Each class has its own pixel value.
    let images = (0..4000).flat_map(|i| if i % 2 == 0 { [255, 0] } else { [0, 255] }).collect();
    let labels = (0..4000).map(|i| i % 2).collect();
    let data = Dataset::new(images, shape, labels, vec!["left".into(), "right".into()]).unwrap();
    for alpha in [0.2f32, 1.0] {
        let preprocessing = Preprocessing::unit(1);
        let changes = Some(Changes { augment: Augment::default(), mixup: alpha, seed: 3, epoch: 1 });
        let batch = Batch {
            data: &data,
            indices: None,
            input: shape,
            preprocessing: &preprocessing,
            changes,
            smoothing: 0.0,
            class_weights: &[],
        };
        let (mut shares, mut blended) = (Vec::new(), 0);
        for index in 0..data.len() {
            let (mut image, mut target) = ([0.0; 2], [0.0; 2]);
            let label = batch.sample(index, &mut image, &mut target);
            assert_eq!(label, index % 2);
            assert!((image[0] - target[0]).abs() < 1e-6 && (image[1] - target[1]).abs() < 1e-6, "{image:?} {target:?}");
            assert!((target[0] + target[1] - 1.0).abs() < 1e-6, "{target:?}");
            // Mixed with an image of its own class, an image stays the same; this happens to half of them.
            if target[label] < 1.0 {
                blended += 1;
                shares.push(f64::from(target[label]));
            }
        }
        assert!((1700..2100).contains(&blended), "{blended} of 4000");
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        let variance = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / shares.len() as f64;
        let want = 1.0 / (8.0 * f64::from(alpha) + 4.0);
        assert!(
            (mean - 0.5).abs() < 0.04 && (variance / want - 1.0).abs() < 0.1,
            "α {alpha}: {mean} ± {variance}, {want}"
        );
    }
}
