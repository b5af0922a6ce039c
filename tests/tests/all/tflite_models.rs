//! Imported TensorFlow Lite models against TensorFlow Lite's reference kernels: every operator's output, byte for byte.
//!
//! `fixtures/make_tflite_models.py` makes the models. A few are committed; `NIN_TFLITE_MODELS` names a folder of more.
//! The person detector that MLPerf Tiny publishes is not part of this repository: `NIN_MLPERF` names the folder that has
//! `vww_96_int8.tflite`, and checksums of its tensors in `vww.json`.

use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use nin_core::{Lanes, Model, Plan};
use nin_tests::affine;
use nin_tests::damage::Damage;
use nin_tests::integer::Bytes;
use nin_tests::model_file::{Aligned, crc32};
use nin_tests::tflite_import::run;
use nin_train::formats::model_file::{AffineModel, Record};
use nin_train::formats::tflite::{Imported, import};
use serde::Deserialize;

#[derive(Deserialize)]
struct Tensor {
    op: String,
    values: String,
}

#[derive(Deserialize)]
struct Answers {
    images: Vec<String>,
    tensors: Vec<Tensor>,
    outputs: Vec<String>,
}

#[derive(Deserialize)]
struct Checksum {
    op: String,
    sum: i64,
    crc32: u32,
}

#[derive(Deserialize)]
struct Checksums {
    tensors: Vec<Checksum>,
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn decode(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).expect("base64")
}

/// Signed bytes as unsigned ones, or the reverse.
fn flipped(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ 0x80).collect()
}

/// The logits as signed bytes.
fn quantised(imported: &Imported, logits: &[f32]) -> Vec<u8> {
    let words = match imported.model.records.last() {
        Some(Record::Layer(layer)) => layer.words,
        Some(Record::Average { words, .. }) => *words,
        other => panic!("{other:?}"),
    };
    let byte = |logit: &f32| (logit / words.scale).round() as i32 + i32::from(words.output_zero) - 128;
    logits.iter().map(|logit| byte(logit) as u8).collect()
}

/// The outputs of the operators that make maps, as signed bytes, and the logits.
fn outputs(imported: &Imported, lanes: Lanes, image: &[u8]) -> (Vec<(usize, Vec<u8>)>, Vec<f32>) {
    let file = Aligned::new(&imported.model.to_bytes(lanes).unwrap());
    let model = Model::read(&file).unwrap();
    let plan = model.plan();
    let (maps, logits) = run(&model, image);
    let mut found = Vec::new();
    for place in &imported.places {
        let layer = plan.layer(place.stage, place.step).expect("a layer");
        let last = plan.next(place.stage).is_none() && plan.layer(place.stage, place.step + 1).is_none();
        if last {
            found.push((place.operator, quantised(imported, &logits)));
        } else if layer.kind != nin_core::plan::LayerKind::GlobalAverage {
            let (_, map) = maps.iter().find(|(at, _)| *at == (place.stage, place.step)).expect("a map");
            found.push((place.operator, flipped(&map.values)));
        }
    }
    (found, logits)
}

/// The slow reference makes the same.
fn check_reference(imported: &Imported, image: &[u8], found: &[(usize, Vec<u8>)], logits: &[f32]) {
    let shape = imported.model.spec.input();
    let answer = affine::forward(&imported.model, &Bytes { shape, values: image.to_vec() });
    assert_eq!(answer.logits, logits, "{}", imported.model.spec);
    let plan = Plan::new(imported.model.spec);
    for place in &imported.places {
        let Some((_, values)) = found.iter().find(|(operator, _)| *operator == place.operator) else { continue };
        let is_last = plan.next(place.stage).is_none() && plan.layer(place.stage, place.step + 1).is_none();
        let step =
            answer.steps.iter().find(|step| (step.stage, step.step) == (place.stage, place.step)).expect("a step");
        assert!(is_last || flipped(&step.map.values) == *values, "{}: {place:?}", imported.model.spec);
    }
}

/// A model file holds all of the network: packed for another core, it is what the network itself is packed to.
fn check_repacked(imported: &Imported) {
    for lanes in Lanes::INT8 {
        let file = Aligned::new(&imported.model.to_bytes(lanes).unwrap());
        let read = AffineModel::from_model(&Model::read(&file).unwrap()).expect("integers with zero points");
        for other in Lanes::INT8 {
            assert_eq!(read.to_bytes(other), imported.model.to_bytes(other), "{}", imported.model.spec);
        }
    }
}

fn check(path: &Path) -> String {
    let name = path.display();
    let imported = import(&read(path)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let answers: Answers = serde_json::from_slice(&read(&path.with_extension("json"))).unwrap();
    let line = imported.model.spec.to_string();
    check_repacked(&imported);
    for lanes in Lanes::INT8 {
        for (number, image) in answers.images.iter().enumerate() {
            let image = flipped(&decode(image));
            let (found, logits) = outputs(&imported, lanes, &image);
            if number == 0 {
                for (operator, values) in &found {
                    let tensor = &answers.tensors[*operator];
                    assert!(decode(&tensor.values) == *values, "{name}: operator {operator}, {}, of {line}", tensor.op);
                }
            }
            let wanted = decode(&answers.outputs[number]);
            assert_eq!(quantised(&imported, &logits), wanted, "{name}: image {number} of {line}");
            check_reference(&imported, &image, &found, &logits);
        }
    }
    line
}

fn models(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "tflite"));
    paths.sort();
    paths
}

#[test]
fn every_tensor_of_random_models() {
    let committed = models(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tflite"));
    let lines: Vec<String> = committed.iter().map(|path| check(path)).collect();
    // What the committed models have between them.
    for part in ["dw", "res(", "proj(", "id", "r6", "+0,1", "g2", "gap", "avg", "mean", "max", "fc"] {
        assert!(lines.iter().any(|line| line.contains(part)), "no committed model has {part}: {lines:#?}");
    }
    if let Some(folder) = std::env::var_os("NIN_TFLITE_MODELS") {
        for path in models(Path::new(&folder)) {
            println!("{}: {}", path.display(), check(&path));
        }
    }
}

#[test]
fn every_tensor_of_the_person_detector() {
    let Some(folder) = std::env::var_os("NIN_MLPERF").map(PathBuf::from) else {
        eprintln!("skipped: NIN_MLPERF does not name a folder with vww_96_int8.tflite and vww.json");
        return;
    };
    let imported = import(&read(&folder.join("vww_96_int8.tflite"))).unwrap();
    let checksums: Checksums = serde_json::from_slice(&read(&folder.join("vww.json"))).unwrap();
    let image: Vec<u8> = (0..96 * 96 * 3).map(|i| (31 * i + 7) as u8).collect();
    for lanes in Lanes::INT8 {
        let (found, _) = outputs(&imported, lanes, &image);
        assert_eq!(found.len(), 29);
        for (operator, values) in found {
            let tensor = &checksums.tensors[operator];
            let sum: i64 = values.iter().map(|&value| i64::from(value as i8)).sum();
            let what = format!("operator {operator}, {}, {lanes} lanes", tensor.op);
            assert_eq!((sum, crc32(&values)), (tensor.sum, tensor.crc32), "{what}");
        }
    }
}

/// Bytes changed, cut off or repeated: an error or a network, and never a panic.
#[test]
fn damaged_models_are_refused() {
    let committed = models(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tflite"));
    let mut damage = Damage::default();
    for path in committed {
        let whole = read(&path);
        for length in (0..whole.len()).step_by(7) {
            let _ = import(&whole[..length]);
        }
        for _ in 0..3_000 {
            let file = damage.copy(&whole);
            if let Ok(imported) = import(&file) {
                let written = imported.model.to_bytes(Lanes::Two).expect("a model file of what was imported");
                assert!(Model::read(&written).is_ok(), "{}", imported.model.spec);
            }
        }
    }
}
