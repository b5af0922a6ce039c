//! Imported models of floats: those of ONNX against onnxruntime, those of TensorFlow Lite against its own kernels, and
//! damaged ones.
//!
//! `fixtures/make_onnx_models.py` and `make_tflite_models.py --float` make the models. A few are committed;
//! `NIN_ONNX_MODELS`, `NIN_QDQ_MODELS`, `NIN_QOPERATOR_MODELS` and `NIN_TFLITE_FLOAT_MODELS` name folders of more.

use std::error::Error;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use nin_core::{Lanes, WeightType};
use nin_tests::damage::Damage;
use nin_train::engine::streaming::{ModelBytes, Streaming};
use nin_train::formats::lowering::Pixels;
use nin_train::formats::{onnx, tflite};
use nin_train::network::trained::Trained;
use serde::Deserialize;

/// Images and logits of a quantised model, and the scale of the logits.
#[derive(Deserialize)]
struct Steps {
    images: Vec<String>,
    logits: Vec<Vec<f32>>,
    step: f32,
}

#[derive(Deserialize)]
struct Answers {
    images: Vec<String>,
    logits: Vec<Vec<f32>>,
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn import(path: &Path) -> Result<Trained, Box<dyn Error>> {
    let folder = path.parent().expect("a folder").to_owned();
    let mut beside = |name: &str| std::fs::read(folder.join(name)).map_err(|error| error.to_string());
    let file = read(path);
    let imported = match tflite::is_tflite(&file) {
        true => tflite::import_floats(&file)?.expect("a model of floats"),
        false => match onnx::import(&file, &mut beside)? {
            onnx::Network::Floats(floats) => floats,
            onnx::Network::Integers(_) => return Err("a model of integers".into()),
        },
    };
    let (trained, pixels) = imported.for_bytes(None).expect("preprocessing");
    assert_eq!(pixels, Pixels::Unit, "{}", path.display());
    Ok(trained)
}

/// The line, and the largest difference of a logit from the right one in units of the largest logit.
fn check(path: &Path) -> Result<(String, f32), Box<dyn Error>> {
    let trained = import(path)?;
    let answers: Answers = serde_json::from_slice(&read(&path.with_extension("json"))).unwrap();
    let file = ModelBytes::new(&trained.to_model(WeightType::F32, Lanes::Four).unwrap());
    let model = file.model().unwrap();
    let mut engine = Streaming::new(&model);
    let mut worst = 0f32;
    for (image, wanted) in answers.images.iter().zip(&answers.logits) {
        let image = BASE64_STANDARD.decode(image).expect("base64");
        let logits = engine.classify(&image, model.plan().spec().input()).unwrap();
        assert_eq!(logits.len(), wanted.len(), "{}", path.display());
        let largest = wanted.iter().fold(1e-3f32, |largest, logit| largest.max(logit.abs()));
        let off = logits.iter().zip(wanted).map(|(own, wanted)| (own - wanted).abs() / largest);
        worst = off.fold(worst, f32::max);
    }
    Ok((trained.spec.to_string(), worst))
}

fn models(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "onnx" || extension == "tflite"));
    paths.sort();
    paths
}

fn committed(folder: &str) -> Vec<PathBuf> {
    models(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder))
}

/// Sums of floats in another order differ by their rounding.
const TOLERANCE: f32 = 2e-5;

/// Checks committed models, which have these parts between them, and those of a folder that the environment names.
fn check_all(folder: &str, parts: &[&str], more: &str) {
    let mut lines = String::new();
    for path in committed(folder) {
        let (line, worst) = check(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(worst < TOLERANCE, "{}: {worst:e} of {line}", path.display());
        lines += &format!("{line}\n");
    }
    for part in parts {
        assert!(lines.contains(part), "no committed model has {part}:\n{lines}");
    }
    let Some(folder) = std::env::var_os(more) else { return };
    let (mut done, mut failed) = (0, 0);
    for path in models(Path::new(&folder)) {
        match check(&path) {
            Ok((line, worst)) => {
                println!("{}: {worst:e}: {line}", path.display());
                failed += usize::from(worst >= TOLERANCE);
                done += 1;
            }
            // A random chain may leave the family, and then its operator is named.
            Err(error) => println!("{}: {error}", path.display()),
        }
    }
    assert!(failed == 0 && done > 0, "{failed} of {done} models differ");
}

#[test]
fn the_logits_of_random_onnx_models() {
    let parts = ["dw", "res(", "proj(", "id", "r6", "g2", "gap", "avg", "mean", "max", "fc"];
    check_all("onnx", &parts, "NIN_ONNX_MODELS");
}

#[test]
fn the_logits_of_random_tflite_models() {
    check_all("tflite_float", &["dw", "(", "id", "r6", "gap", "fc"], "NIN_TFLITE_FLOAT_MODELS");
}

/// The largest difference of a logit from the one that QDQ defines, in steps of the logits.
fn check_integers(path: &Path) -> Result<(String, f32), Box<dyn Error>> {
    let network = onnx::import(&read(path), &mut |_| Err("none".to_owned()))?;
    let onnx::Network::Integers(integers) = network else { return Err("a model of floats".into()) };
    let answers: Steps = serde_json::from_slice(&read(&path.with_extension("json"))).unwrap();
    let mut worst = 0f32;
    for lanes in Lanes::INT8 {
        let file = ModelBytes::new(&integers.to_bytes(lanes).unwrap());
        let model = file.model().unwrap();
        let mut engine = Streaming::new(&model);
        for (image, wanted) in answers.images.iter().zip(&answers.logits) {
            let image = BASE64_STANDARD.decode(image).expect("base64");
            let logits = engine.classify(&image, model.plan().spec().input()).unwrap();
            let off = logits.iter().zip(wanted).map(|(own, wanted)| (own - wanted).abs() / answers.step);
            worst = off.fold(worst, f32::max);
        }
    }
    Ok((integers.spec().to_string(), worst))
}

/// onnxruntime rounds once, this program twice: an activation may differ by one step, and the logits by a few.
const STEPS: f32 = 2.1;

#[test]
fn the_logits_of_random_qdq_models() {
    check_all_integers("onnx_qdq", &["nin", "dw", "proj(", "gap", "fc"], "NIN_QDQ_MODELS");
}

#[test]
fn the_logits_of_random_qoperator_models() {
    check_all_integers("onnx_qoperator", &["nin", "dw", "(", "gap", "fc"], "NIN_QOPERATOR_MODELS");
}

/// Checks committed models, which have these parts between them, and those of a folder that the environment names.
fn check_all_integers(folder: &str, parts: &[&str], more: &str) {
    let mut lines = String::new();
    for path in committed(folder) {
        let (line, worst) = check_integers(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(worst < STEPS, "{}: {worst} steps of {line}", path.display());
        lines += &format!("{line}\n");
    }
    for part in parts {
        assert!(lines.contains(part), "no committed model has {part}:\n{lines}");
    }
    let Some(folder) = std::env::var_os(more) else { return };
    let mut done = 0;
    for path in models(Path::new(&folder)) {
        match check_integers(&path) {
            Ok((line, worst)) => {
                println!("{}: {worst} steps: {line}", path.display());
                assert!(worst < STEPS, "{}: {worst} steps of {line}", path.display());
                done += 1;
            }
            Err(error) => println!("{}: {error}", path.display()),
        }
    }
    assert!(done > 0, "no model of {} was imported", folder.display());
}

/// Names of operators that other letters of the same number replace.
#[test]
fn what_is_outside_is_named() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/onnx/keras15.onnx");
    let whole = read(&path);
    for (from, to, problem) in [
        ("Relu", "Tanh", "`Tanh`, is an activation that lines do not have; they have ReLU and ReLU6"),
        ("MaxPool", "Resized", "`Resized`, is none that lines have: convolutions, pools"),
        ("Gemm", "LSTM", "`LSTM`, is recurrent; a line describes a network of one image"),
    ] {
        let mut file = whole.clone();
        // An operator's type is field 4 of a node.
        let field = |name: &str| [&[0x22, name.len() as u8], name.as_bytes()].concat();
        let places = (0..whole.len()).filter(|&at| whole[at..].starts_with(&field(from)));
        let places: Vec<usize> = places.collect();
        assert!(!places.is_empty(), "the model has no {from}");
        places.iter().for_each(|&at| file[at..at + from.len() + 2].copy_from_slice(&field(to)));
        let error = onnx::import(&file, &mut |_| Err("none".to_owned())).unwrap_err().to_string();
        assert!(error.starts_with("operator ") && error.contains(problem), "{error}");
    }
}

/// Bytes changed or cut off: an error or a network, and never a panic.
#[test]
fn damaged_models_are_refused() {
    let mut damage = Damage::default();
    let mut beside = |_: &str| Err("none".to_owned());
    for path in ["onnx", "onnx_qdq", "onnx_qoperator", "tflite_float"].into_iter().flat_map(committed) {
        let whole = read(&path);
        for length in (0..whole.len()).step_by(11) {
            assert!(onnx::import(&whole[..length], &mut beside).is_err(), "the first {length} bytes");
            let _ = tflite::import_floats(&whole[..length]);
        }
        for _ in 0..1_000 {
            let file = damage.copy(&whole);
            let _ = onnx::is_onnx(&file);
            let floats = tflite::import_floats(&file).ok().flatten();
            let floats = floats.map(onnx::Network::Floats);
            for network in onnx::import(&file, &mut beside).into_iter().chain(floats) {
                let imported = match network {
                    onnx::Network::Floats(imported) => imported,
                    onnx::Network::Integers(integers) => {
                        assert!(integers.to_bytes(Lanes::Two).is_ok(), "{}", integers.spec());
                        continue;
                    }
                };
                let trained = imported.trained;
                assert_eq!(trained.parameters.len(), trained.plan().parameters(), "{}", trained.spec);
            }
        }
    }
}
