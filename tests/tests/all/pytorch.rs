//! The oracle and the engine against PyTorch: first the weights and images are compared, then the results.

use nin_core::Lanes;
use nin_core::{Model, Plan, WeightType};
use nin_tests::close::{self, assert_close};
use nin_tests::engine;
use nin_tests::fixture::{Fixture, MapSums};
use nin_tests::model_file::{Aligned, WEIGHT_TYPES, stored};
use nin_tests::oracle::{self, Map, Op, Step};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use rayon::prelude::*;

const NAMES: [&str; 2] = ["fashion", "d2l"];

#[test]
fn generator() {
    for name in NAMES {
        let fixture = Fixture::load(name);
        let [_, channels, rows, columns] = fixture.input_shape;
        let input = fixture.spec().input();
        assert_eq!([channels, rows, columns], [input.channels, input.rows, input.columns].map(usize::from));

        let image = fixture.image(0);
        let first: Vec<f32> = (0..4).map(|column| image.pixel(0, column)[0]).collect();
        // The file has the shortest decimals that parse to the same f32.
        let printed: Vec<f32> = fixture.first_pixels_image0.iter().map(|&pixel| pixel as f32).collect();
        assert_eq!(first, printed, "{name}");
        let sums: Vec<f64> =
            (0..fixture.input_shape[0]).map(|n| fixture.image(n).widen().values.iter().sum()).collect();
        assert_close("image sums", &sums, &fixture.image_sums, 1e-12);

        let tensors = fixture.tensors();
        assert_eq!(tensors.iter().map(Vec::len).sum::<usize>(), fixture.param_count);
        for (values, tensor) in tensors.iter().zip(&fixture.params) {
            let first4: Vec<f32> = tensor.first4.iter().map(|&value| value as f32).collect();
            assert_eq!(values[..4], first4, "{name} {}", tensor.name);
            assert_eq!(values.last(), Some(&(tensor.last as f32)), "{name} {}", tensor.name);
            let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
            // The sums nearly cancel, so they are compared relative to their terms.
            let scale: f64 = values.iter().map(|&value| f64::from(value).abs()).sum();
            assert!((sum - tensor.sum).abs() <= 1e-12 * scale, "{name} {}: {sum}, not {}", tensor.name, tensor.sum);
        }
    }
}

#[test]
fn tensors_fit_the_plan() {
    for name in NAMES {
        let fixture = Fixture::load(name);
        assert_eq!(Plan::new(fixture.spec()).parameters(), fixture.param_count, "{name}");
        assert_eq!(fixture.parameters().len(), fixture.param_count, "{name}");
    }
}

#[test]
fn oracle_fashion() {
    oracle_agrees("fashion");
}

#[test]
fn oracle_d2l() {
    oracle_agrees("d2l");
}

fn oracle_agrees(name: &str) {
    let fixture = Fixture::load(name);
    let (spec, parameters) = (fixture.spec(), fixture.parameters());
    (0..fixture.input_shape[0]).into_par_iter().for_each(|n| {
        let steps = oracle::forward(&spec, &parameters, &fixture.image(n).widen());
        let logits = &steps[steps.len() - 1].map.values;
        assert_close(&format!("{name}, logits of image {n}"), logits, &fixture.float64.logits[n], 1e-12);
        if n == 0 {
            checksums(&steps, &fixture.float64.layers_image0);
        }
    });
}

fn checksums(steps: &[Step], want: &[MapSums]) {
    // PyTorch flattens after the average, which changes no number.
    assert_eq!(want.last().map(|layer| layer.name.as_str()), Some("flatten"));
    let steps: Vec<&Step> = steps.iter().filter(|step| step.op != Op::Dropout).collect();
    assert_eq!(steps.len(), want.len() - 1);
    for (step, want) in steps.iter().zip(want) {
        let (name, map) = (&want.name, &step.map);
        let shape = map.shape;
        assert_eq!([1, shape.channels, shape.rows, shape.columns].map(usize::from), want.shape[..], "{name}");
        let values = &map.values;
        let sum: f64 = values.iter().sum();
        let l2 = values.iter().map(|value| value * value).sum::<f64>().sqrt();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let scale: f64 = values.iter().map(|value| value.abs()).sum();
        assert!((sum - want.sum).abs() <= 1e-12 * scale, "{name}: the sum is {sum}, not {}", want.sum);
        assert_close(name, &[least, most, l2], &[want.min, want.max, want.l2], 1e-12);
        assert!((sum / values.len() as f64 - want.mean).abs() <= 1e-12 * most.max(-least), "{name}: mean");
        assert_close(name, &channels_first(map)[..4], &want.first4, 1e-12);
    }
}

/// Returns the map in PyTorch's order.
fn channels_first(map: &Map) -> Vec<f64> {
    let channels = usize::from(map.shape.channels);
    (0..channels).flat_map(|channel| map.values.iter().skip(channel).step_by(channels).copied()).collect()
}

/// From PyTorch's numbers through the exporter and a model file to the streaming engine's logits.
fn engine_agrees(name: &str, layouts: &[Lanes]) {
    let fixture = Fixture::load(name);
    let (spec, parameters) = (fixture.spec(), fixture.parameters());
    let preprocessing = Preprocessing::unit(fixture.input_shape[1]);
    let trained = Trained { spec, parameters, preprocessing, class_names: Vec::new() };
    let images: Vec<Map<f32>> = (0..fixture.input_shape[0]).map(|n| fixture.image(n)).collect();
    for weight_type in WEIGHT_TYPES {
        // PyTorch's numbers are for f32 weights; for f16 weights the oracle is the reference.
        let rounded = stored(spec, &trained.parameters, weight_type);
        let want: Vec<Vec<f64>> = match weight_type {
            WeightType::F32 => fixture.float64.logits.clone(),
            _ => images.par_iter().map(|image| oracle::logits(&spec, &rounded, &image.widen()).0).collect(),
        };
        for &lanes in layouts {
            let bytes = Aligned::new(&trained.to_model(weight_type, lanes).unwrap());
            let model = Model::read(&bytes).unwrap();
            images.par_iter().zip(&want).for_each(|(image, want)| {
                let what = format!("{name}, {} in {lanes} lanes", weight_type.name());
                let logits = engine::logits(&model, image);
                println!("{what}: {}", close::worst(&logits, want, close::magnitude(want)));
                assert_close(&what, &logits, want, 1e-5);
            });
        }
    }
}

#[test]
fn engine_fashion() {
    engine_agrees("fashion", &[Lanes::One, Lanes::Four, Lanes::Sixteen]);
}

#[test]
fn engine_d2l() {
    // Every layout gives the same bits, so one is enough for the large network.
    engine_agrees("d2l", &[Lanes::default()]);
}

/// Rounding weights to 16 bits changes the logits slightly, and not the class.
#[test]
fn f16_weights_give_nearly_the_same() {
    for name in NAMES {
        let fixture = Fixture::load(name);
        let (spec, parameters) = (fixture.spec(), fixture.parameters());
        let rounded = stored(spec, &parameters, WeightType::F16);
        assert_ne!(rounded, parameters);
        let logits: Vec<f64> = oracle::logits(&spec, &rounded, &fixture.image(0).widen()).0;
        assert_close(name, &logits, &fixture.float64.logits[0], 2e-3);
        assert!(!close::is_close(&logits, &fixture.float64.logits[0], 1e-6), "rounding shows");
    }
}
