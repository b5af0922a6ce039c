//! 8-bit arithmetic against TensorFlow Lite's reference kernels, on every tensor.

use nin_core::{Plan, plan::LayerKind};
use nin_tests::integer::{self, Bytes};
use nin_tests::tflite::{Op, TfLite};

/// Returns the file's operations as the line's layers: their names there, and their maps here.
fn check_steps(fixture: &TfLite, mut map: impl FnMut(usize, usize) -> Vec<u8>) -> Vec<u8> {
    let plan = Plan::new(fixture.spec());
    let mut ops = fixture.ops.iter();
    let mut last = Vec::new();
    let mut place = (0, 0);
    for layer in plan.layers() {
        place = if layer.stage == place.0 { place } else { (layer.stage, 0) };
        let (stage, step) = place;
        place.1 += 1;
        let name = match layer.kind {
            LayerKind::Dropout => continue,
            LayerKind::GlobalAverage => break,
            LayerKind::Convolution(_) => "CONV_2D",
            LayerKind::MaxPool(_) => "MAX_POOL_2D",
            LayerKind::Sum => "ADD",
            LayerKind::AvgPool(_) | LayerKind::MeanPool(_) => "AVERAGE_POOL_2D",
            LayerKind::Full => "FULLY_CONNECTED",
        };
        let op = ops.next().expect("an operation for each layer");
        assert_eq!(op.name, name, "layer {step} of stage {stage}");
        last = map(stage, step);
        same(&format!("layer {step} of stage {stage}, {}", op.name), &last, &op.output());
    }
    // Then the head: averages of the last map, and the same values in another shape.
    let channels = plan.classes();
    let pixels = last.len() / channels;
    let average = |channel| {
        let sum = last.iter().skip(channel).step_by(channels).map(|&value| i64::from(value)).sum();
        integer::average(sum, pixels as i64)
    };
    let averages: Vec<u8> = (0..channels).map(average).collect();
    let head: Vec<&Op> = ops.collect();
    assert!(!head.is_empty());
    head.iter().for_each(|op| same(&op.name, &averages, &op.output()));
    averages
}

fn same(what: &str, got: &[u8], want: &[u8]) {
    assert_eq!(got.len(), want.len(), "{what}: {} values, not {}", got.len(), want.len());
    let wrong: Vec<usize> = (0..got.len()).filter(|&i| got[i] != want[i]).collect();
    if let Some(&i) = wrong.first() {
        panic!("{what}: {} of {} values differ; number {i} is {}, not {}", wrong.len(), got.len(), got[i], want[i]);
    }
}

/// An average is rounded by at most half a step of what the logits hold exactly.
fn check_logits(fixture: &TfLite, logits: &[f32], averages: &[u8]) {
    let scale = fixture.ops.last().unwrap().output_scale();
    for (&logit, &average) in logits.iter().zip(averages) {
        let error = f64::from(logit) / scale - f64::from(average);
        assert!(error.abs() <= 0.5001, "a logit of {logit} where the average is {average} steps of {scale}");
    }
}

const FIXTURES: [&str; 1] = ["fashion_tflite_int8"];

#[test]
fn the_reference_computes_what_tensorflow_lite_does() {
    for name in FIXTURES {
        let fixture = TfLite::load(name);
        let image: Bytes = fixture.image();
        let answer = integer::forward(&fixture.network(), &image);
        let averages = check_steps(&fixture, |stage, step| {
            let found = answer.steps.iter().find(|made| (made.stage, made.step) == (stage, step));
            found.expect("a map for each layer").map.values.clone()
        });
        check_logits(&fixture, &answer.logits, &averages);
        assert!(answer.logits.iter().any(|&logit| logit > 0.0), "an image that leaves the logits alive");
    }
}
