//! The trainer against the oracle and against the engine, on random networks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nin_core::{Model, Plan, Stage, WeightType};
use nin_tests::close::{assert_close_in_scale, magnitude};
use nin_tests::engine;
use nin_tests::images::Images;
use nin_tests::mix;
use nin_tests::model_file::ModelFile;
use nin_tests::oracle;
use nin_tests::random::{self, Case};
use nin_train::{Arithmetic, Draw, Engine};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// The tolerance for the trainer, which sums in its own order.
const BOUND: f64 = 1e-5;

/// Returns random images of a case, each with a random label.
fn images(case: &Case, count: u64) -> Images {
    let classes = case.spec.classes();
    let labels = (0..count).map(|n| mix::mix(case.seed ^ n) as usize % classes).collect();
    Images { images: (0..count).map(|n| case.image(n)).collect(), labels, classes }
}

fn trainer_logits(case: &Case, images: &Images) -> Vec<Vec<f32>> {
    let mut trainer = Engine::new(case.spec, &Arithmetic::Float, 0, 1).unwrap();
    trainer.load(&case.parameters());
    let logits = Mutex::new(vec![Vec::new(); images.images.len()]);
    trainer.forward(images, |index, label, values| {
        assert_eq!(label, images.labels[index]);
        logits.lock().unwrap()[index] = values.to_vec();
    });
    logits.into_inner().unwrap()
}

/// Returns the mean cross-entropy in f64.
fn loss(case: &Case, parameters: &[f32], images: &Images) -> f64 {
    let losses = images.images.iter().zip(&images.labels).map(|(image, &label)| {
        let (logits, _) = oracle::logits(&case.spec, parameters, &image.widen());
        let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|logit| (logit - most).exp()).sum();
        sum.ln() + most - logits[label]
    });
    losses.sum::<f64>() / images.images.len() as f64
}

proptest! {
    #![proptest_config(random::config(300))]

    #[test]
    fn forward_agrees(case in random::case(), count in 1u64..6) {
        let images = images(&case, count);
        let file = ModelFile::of(&case, WeightType::F32, 4).aligned();
        let model = Model::read(&file).unwrap();
        for (got, image) in trainer_logits(&case, &images).iter().zip(&images.images) {
            let (want, scale) = oracle::logits(&case.spec, &case.parameters(), &image.widen());
            assert_close_in_scale(&format!("{case:?}: trainer and oracle"), got, &want, BOUND, scale);
            let streamed = engine::logits(&model, image);
            assert_close_in_scale(&format!("{case:?}: trainer and engine"), got, &streamed, BOUND, scale);
        }
    }

    /// Without a ReLU large sums may cancel, so that errors are in proportion to the largest of any layer.
    #[test]
    fn forward_agrees_on_the_whole_family(case in random::family_case(), count in 1u64..6) {
        let images = images(&case, count);
        let file = ModelFile::of(&case, WeightType::F32, 4).aligned();
        let model = Model::read(&file).unwrap();
        for (got, image) in trainer_logits(&case, &images).iter().zip(&images.images) {
            let steps = oracle::forward(&case.spec, &case.parameters(), &image.widen());
            let scale = steps.iter().fold(0.0, |most, step| f64::max(most, step.scale));
            let want = &steps.last().unwrap().map.values;
            assert_close_in_scale(&format!("{case:?}: trainer and oracle"), got, want, BOUND, scale);
            let streamed = engine::logits(&model, image);
            assert_close_in_scale(&format!("{case:?}: trainer and engine"), got, &streamed, BOUND, scale);
        }
    }

    #[test]
    fn every_layer_agrees(case in prop_oneof![random::case(), random::family_case()]) {
        let image = case.image(0);
        let mut trainer = Engine::new(case.spec, &Arithmetic::Float, 0, 1).unwrap();
        trainer.load(&case.parameters());
        let layers = oracle::layers(&oracle::forward(&case.spec, &case.parameters(), &image.widen()));
        let activations = trainer.activations(&image.values);
        prop_assert_eq!(activations.len(), layers.len() + 1);
        prop_assert_eq!(&activations[0], &image.values);
        let mut scale = magnitude(&image.values);
        for (got, layer) in activations[1..].iter().zip(&layers) {
            scale = f64::max(scale, layer.scale);
            let what = format!("{case:?}: stage {} ({:?})", layer.stage, layer.op);
            assert_close_in_scale(&what, got, &layer.map.values, BOUND, scale);
        }
    }
}

/// The gradient against finite differences of the oracle's loss, for some parameters of each tensor.
#[test]
fn gradients_are_differences_of_the_loss() {
    let still = |case: &Case| !case.spec.stages().iter().any(|stage| matches!(stage, Stage::Dropout(_)));
    let cases = prop_oneof![random::case(), random::family_case()];
    let cases = cases.prop_filter("dropout draws random numbers in training", still);
    let (compared, skipped) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let answer = TestRunner::new(random::config(300)).run(&(cases, 1u64..4), |(case, count)| {
        let images = images(&case, count);
        let parameters = case.parameters();
        let mut trainer = Engine::new(case.spec, &Arithmetic::Float, count as usize, 2).unwrap();
        trainer.load(&parameters);
        let mut gradient = vec![f32::NAN; parameters.len()];
        let outcome = trainer.gradient(&images, Draw { seed: 0, step: 0 }, &mut gradient);
        let here = loss(&case, &parameters, &images);
        let error = (outcome.loss / count as f64 - here).abs();
        prop_assert!(error <= BOUND * here.max(1.0), "the loss is {}, not {here}", outcome.loss / count as f64);

        let scale = magnitude(&gradient).max(1e-2);
        let mut start = 0;
        for layer in Plan::new(case.spec).layers().filter(|layer| layer.has_weights()) {
            let (weights, all) = (layer.weights(), layer.parameters());
            let picks = (0..3).map(|n| mix::mix(case.seed ^ (start as u64 + (n << 32))) as usize);
            for at in picks.flat_map(|pick| [start + pick % weights, start + weights + pick % (all - weights)]) {
                let slope = |by: f32| {
                    let mut moved = parameters.clone();
                    moved[at] += by;
                    (loss(&case, &moved, &images) - here) / (f64::from(moved[at]) - f64::from(parameters[at]))
                };
                let (up, down) = (slope(2f32.powi(-20)), slope(-2f32.powi(-20)));
                // If the two sides differ, a ReLU or a maximum changes between them: there is no derivative.
                if (up - down).abs() > 1e-5 * scale {
                    skipped.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                compared.fetch_add(1, Ordering::Relaxed);
                let (got, want) = (f64::from(gradient[at]), (up + down) / 2.0);
                prop_assert!((got - want).abs() <= 1e-4 * scale, "parameter {at}: {got}, not {want}, of {scale}");
            }
            start += all;
        }
        Ok(())
    });
    answer.unwrap_or_else(|error| panic!("{error}"));
    let (compared, skipped) = (compared.into_inner(), skipped.into_inner());
    println!("{compared} slopes compared, {skipped} at a kink");
    assert!(compared > 2_000 && skipped * 20 < compared, "{compared} compared, {skipped} skipped");
}
