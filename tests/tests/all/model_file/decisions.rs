//! The decision of a model file: temperature, threshold and class for unknown images.

use nin_core::{Answer, Decision, Model, ModelError, Score, Threshold};
use nin_tests::mix;
use nin_tests::model_file::{Aligned, DecisionBytes, ModelFile, seal};
use nin_train::formats::model_file::with_decision;

use super::{decided, small, survive};

/// A decision out of range is an error; every one in range is read.
#[test]
fn decisions_are_checked() {
    let good = DecisionBytes { temperature: 1.0, score: 0, unknown: u16::MAX, threshold: 0.0 };
    let read = |decision| survive(&ModelFile { decision: Some(decision), ..small() }.write());
    assert_eq!(read(good), Ok(()), "without any effect, but in order");
    assert_eq!(read(DecisionBytes { unknown: 2, score: 1, threshold: -1e30, temperature: 1e-30 }), Ok(()));
    for temperature in [0.0, -0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(read(DecisionBytes { temperature, ..good }), Err(ModelError::Decision), "{temperature}");
    }
    for score in 3..=255 {
        assert_eq!(read(DecisionBytes { score, ..good }), Err(ModelError::Decision), "{score}");
    }
    for threshold in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(read(DecisionBytes { score: 1, threshold, ..good }), Err(ModelError::Decision), "{threshold}");
    }
    for threshold in [1.0, -0.0] {
        assert_eq!(read(DecisionBytes { threshold, ..good }), Err(ModelError::Decision), "{threshold} without a score");
    }
    for unknown in [3, 4, 65_534] {
        assert_eq!(read(DecisionBytes { unknown, ..good }), Err(ModelError::Decision), "{unknown}");
    }
    let mut file = decided().write();
    for at in [37, 44, 47] {
        let mut wrong = file.clone();
        wrong[at] = 1;
        seal(&mut wrong);
        assert_eq!(survive(&wrong), Err(ModelError::Decision), "{at}");
    }
    // Every length of the file, under a right checksum.
    while file.len() > 40 {
        file.truncate(file.len() - 1);
        let length = file.len() as u32;
        file[12..16].copy_from_slice(&length.to_le_bytes());
        let mut sealed = file.clone();
        seal(&mut sealed);
        survive(&sealed).expect_err("a file that was cut");
    }
}

/// The exporter's file is the second writer's, byte for byte; a decision can be replaced and removed.
#[test]
fn decisions_are_written_as_documented() {
    let (first, second) = (small().write(), decided().write());
    let bytes = Aligned::new(&second);
    let decision = *Model::read(&bytes).unwrap().decision();
    assert_eq!(with_decision(&first, &decision).unwrap(), second);
    assert_eq!(with_decision(&second, &decision).unwrap(), second);
    assert_eq!(with_decision(&second, &Decision::PLAIN).unwrap(), first);
    assert_eq!(with_decision(&first, &Decision::PLAIN).unwrap(), first);
    let wrong = Decision { unknown: Some(3), ..Decision::PLAIN };
    assert_eq!(with_decision(&first, &wrong), Err(ModelError::Decision));
}

/// Answers by their definition.
#[test]
fn answers_follow_the_decision() {
    let answer = |threshold, unknown, logits: &[f32]| Decision { temperature: 3.0, threshold, unknown }.answer(logits);
    let by = |score, value| Some(Threshold { score, value });
    let logits = [1.0, 2.0, 0.5];
    assert_eq!(answer(None, None, &logits), Answer::Class(1));
    assert_eq!(answer(None, Some(0), &logits), Answer::Class(1));
    assert_eq!(answer(None, Some(1), &logits), Answer::Unknown);
    assert_eq!(answer(by(Score::Logit, 2.0), None, &logits), Answer::Class(1));
    assert_eq!(answer(by(Score::Logit, 2.001), None, &logits), Answer::Unknown);
    // ln(e + e² + e^0.5) = 2.4644
    assert_eq!(answer(by(Score::Energy, 2.45), None, &logits), Answer::Class(1));
    assert_eq!(answer(by(Score::Energy, 2.48), None, &logits), Answer::Unknown);
    assert_eq!(answer(None, None, &[]), Answer::Unknown);
    assert_eq!(answer(by(Score::Logit, -9.0), None, &[f32::NAN, 1.0]), Answer::Unknown);
    assert_eq!(answer(by(Score::Energy, -9.0), None, &[f32::NAN, 1.0]), Answer::Unknown);
    for i in 0..2000u64 {
        let logits: Vec<f32> = (0..1 + i % 12).map(|k| 30.0 * mix::signed(100 * i + k) as f32).collect();
        let exact = logits.iter().map(|&logit| f64::from(logit).exp()).sum::<f64>().ln();
        let energy = f64::from(Score::Energy.of(&logits));
        assert!((energy - exact).abs() < 0.02, "{logits:?}: {energy}, not {exact}");
    }
    let mut probabilities = [0.0, 3.0];
    Decision { temperature: 3.0, ..Decision::PLAIN }.probabilities(&mut probabilities);
    assert!((probabilities[1] - 0.7311).abs() < 0.001, "{probabilities:?}");
}
