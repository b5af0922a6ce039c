//! Logits and activations as arrays: the board's engine against the trainer's, and what `predict --npz` writes.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use crate::common::TempDir;
use ndarray::{Array2, Array4, Axis, s};
use ndarray_npy::{NpzReader, WriteNpyExt};
use nin_core::Lanes;
use nin_core::{Plan, Spec, WeightType};
use nin_train::data::Shape;
use nin_train::engine::arrays::{LayerMaps, Maps, activations, logits};
use nin_train::engine::streaming::{ModelBytes, Streaming};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use nin_train::quantize::{Options, post_training};
use nin_train::{Arithmetic, Engine};

/// Every kind of layer; wide enough that no logit is cut off.
const LINE: &str = "2x9x8 nin3+1:5,4 max3/2 nin3+1:6 avg2/2 nin1:4,3 drop0.5 fc7,3";

fn trained(line: &str) -> Trained {
    let spec = Spec::parse(line).unwrap();
    let parameters = (0..Plan::new(spec).parameters()).map(|i| (i as f32 * 0.37).sin() * 0.4 + 0.06).collect();
    let preprocessing = Preprocessing { mean: vec![0.0, 0.0], scale: vec![1.0 / 255.0; 2] };
    Trained { spec, parameters, preprocessing, class_names: Vec::new() }
}

fn images(count: usize) -> Array4<u8> {
    Array4::from_shape_fn((count, 9, 8, 2), |(n, y, x, c)| (n * 57 + y * y * 13 + x * 29 + c * 101) as u8)
}

fn floats_of(layer: &LayerMaps) -> &Array4<f32> {
    match &layer.maps {
        Maps::Floats(maps) => maps,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_boards_activations_are_the_trainers() {
    let (trained, images) = (trained(LINE), images(5));
    let bytes = ModelBytes::new(&trained.to_model(WeightType::F32, Lanes::Sixteen).unwrap());
    let model = bytes.model().unwrap();
    let (found, layers) = activations(&model, images.view()).unwrap();
    assert_eq!(found, logits(&model, images.view()).unwrap());
    let names: Vec<String> = layers.iter().map(LayerMaps::name).collect();
    let expected = ["00_conv", "01_conv", "02_max", "03_conv", "04_avg", "05_conv", "06_conv", "08_fc"];
    assert_eq!(names, expected.map(|name| format!("layer_{name}")));

    let mut engine = Engine::new(trained.spec, &Arithmetic::Float, 0, 1).unwrap();
    engine.load(&trained.parameters);
    let shape = Shape { channels: 2, rows: 9, columns: 8 };
    for (number, image) in images.outer_iter().enumerate() {
        let own = Streaming::new(&model).classify(image.as_slice().unwrap(), shape).unwrap();
        assert_eq!(found.row(number).to_vec(), own);
        let maps = engine.maps(image.mapv(|byte| f32::from(byte) / 255.0).view());
        assert_eq!(maps.len(), 1 + 10, "the image and ten layers");
        for layer in &layers {
            let (board, trainer) = (floats_of(layer).index_axis(Axis(0), number), &maps[layer.index + 1]);
            assert_eq!(board.dim(), trainer.dim());
            assert!(trainer.iter().any(|&value| value != 0.0), "{} is dead", layer.name());
            assert!(board.iter().zip(trainer).all(|(a, b)| (a - b).abs() < 1e-4), "{}", layer.name());
        }
        assert!(found.row(number).iter().zip(&maps[10]).all(|(a, b)| (a - b).abs() < 1e-4));
    }
    // Any order in memory, any number of images.
    let backwards = images.slice(s![..;-1, .., .., ..]);
    assert_eq!(logits(&model, backwards).unwrap(), found.slice(s![..;-1, ..]));
    assert_eq!(logits(&model, images.slice(s![..0, .., .., ..])).unwrap().dim(), (0, 3));
    let error = logits(&model, images.slice(s![.., .., .., ..1])).unwrap_err().to_string();
    assert_eq!(error, "an image of 1x9x8 does not fit the network's 2x9x8");
}

/// What `predict` prints, or how it fails.
fn predict(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
    let output = command.current_dir(folder).arg("predict").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[test]
fn predict_writes_what_numpy_reads() {
    let folder = TempDir::new();
    let (trained, images) = (trained(LINE), images(7));
    folder.write("float.nin", &trained.to_model(WeightType::F32, Lanes::default()).unwrap());
    let mut file = Vec::new();
    images.write_npy(&mut file).unwrap();
    folder.write("images.npy", &file);

    // `.npy` images have 1 or 3 channels; these have 2.
    let error = predict(&folder.0, &["float.nin", "images.npy", "--npz", "out.npz"]).unwrap_err();
    assert!(error.contains("images.npy: has the shape 7 × 9 × 8 × 2, in which neither"), "{error}");

    let open = |name: &str| NpzReader::new(File::open(folder.0.join(name)).unwrap()).unwrap();
    let grey = "1x9x8 nin3+1:5,4 max3/2 nin3+1:6,3 gap";
    let trained = Trained { preprocessing: Preprocessing::unit(1), ..self::trained(grey) };
    let images = images.slice(s![.., .., .., ..1]).to_owned();
    let sample: Vec<Vec<u8>> = images.outer_iter().map(|image| image.iter().copied().collect()).collect();
    let (integers, _) = post_training(&trained, &sample, &Options::default(), |_, _| {}).unwrap();
    folder.write("float.nin", &trained.to_model(WeightType::F32, Lanes::default()).unwrap());
    folder.write("int8.nin", &integers.to_bytes(Lanes::Two).unwrap());
    let mut file = Vec::new();
    images.write_npy(&mut file).unwrap();
    folder.write("images.npy", &file);

    let said = predict(&folder.0, &["float.nin", "images.npy", "--npz", "float.npz", "--activations"]).unwrap();
    assert!(said.starts_with("float.npz: logits and activations of 7 images, "), "{said}");
    predict(&folder.0, &["int8.nin", "images.npy", "--npz", "int8.npz", "--activations"]).unwrap();
    predict(&folder.0, &["float.nin", "images.npy", "images.npy", "--npz", "twice.npz"]).unwrap();
    let (mut floats, mut bytes, mut twice) = (open("float.npz"), open("int8.npz"), open("twice.npz"));
    let layers = ["layer_00_conv", "layer_01_conv", "layer_02_max", "layer_03_conv", "layer_04_conv"];
    assert_eq!(floats.names().unwrap(), [&["images", "logits"][..], &layers].concat());
    assert_eq!(bytes.names().unwrap(), [&["images", "logits"][..], &layers].concat());
    assert_eq!(twice.names().unwrap(), ["images", "logits"]);
    assert_eq!(floats.by_name::<ndarray::OwnedRepr<u8>, ndarray::Ix4>("images").unwrap(), images);

    let model = ModelBytes::new(&trained.to_model(WeightType::F32, Lanes::Sixteen).unwrap());
    let (expected, maps) = activations(&model.model().unwrap(), images.view()).unwrap();
    let float_logits: Array2<f32> = floats.by_name("logits").unwrap();
    assert_eq!(float_logits, expected);
    let both: Array2<f32> = twice.by_name("logits").unwrap();
    assert_eq!((both.slice(s![..7, ..]), both.slice(s![7.., ..])), (expected.view(), expected.view()));
    let integer_logits: Array2<f32> = bytes.by_name("logits").unwrap();
    assert!(integer_logits.iter().zip(&float_logits).all(|(a, b)| (a - b).abs() < 0.1));
    for (name, layer) in layers.iter().zip(&maps) {
        let float: Array4<f32> = floats.by_name(name).unwrap();
        assert_eq!(float, floats_of(layer));
        let rounded: Array4<u8> = bytes.by_name(name).unwrap();
        // The file does not say what a step stands for: the scale with the least squared error does.
        let product = |a: &Array4<f32>, b: &Array4<f32>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let steps = rounded.mapv(f32::from);
        let scale = product(&steps, &float) / product(&steps, &steps);
        let most = float.iter().copied().fold(0.0, f32::max);
        let error = steps * scale - &float;
        let mean = error.iter().map(|error| error.abs()).sum::<f32>() / error.len() as f32;
        assert!(most > 0.1 && mean < 0.02 * most, "{name}: {mean} of {most}");
    }

    // The logits that are printed are the same.
    let printed = predict(&folder.0, &["float.nin", "images.npy", "--logits"]).unwrap();
    for (number, line) in printed.lines().enumerate() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["image"], format!("images.npy[{number}]"));
        let logits = line["logits"].as_array().unwrap().iter().map(|logit| logit.as_f64().unwrap() as f32);
        assert_eq!(logits.collect::<Vec<_>>(), float_logits.row(number).to_vec());
    }
    assert_eq!(printed.lines().count(), 7);
    let error = predict(&folder.0, &["float.nin", "none.png", "images.npy", "--npz", "bad.npz"]).unwrap_err();
    assert!(error.contains("none.png") && !folder.0.join("bad.npz").exists(), "{error}");
    let error = predict(&folder.0, &["float.nin", "images.npy", "--activations"]).unwrap_err();
    assert!(error.contains("--npz"), "{error}");
}

/// `--data set.npz` works where a folder does.
#[test]
fn a_run_on_an_archive() {
    let folder = TempDir::new();
    let set = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/npz/medmnist.npz");
    let set = set.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
        let output = command.current_dir(&folder.0).args(arguments).args(["--data", set]).output().unwrap();
        let [out, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(output.status.success(), "{arguments:?}: {error}");
        (out, error)
    };
    let (table, _) = run(&["data"]);
    assert!(table.contains("validation") && table.contains("bösartig"), "{table}");
    let train = ["train", "--line", "3x5x4 nin3+1:4,2 gap", "--epochs", "1", "--out", "run"];
    let (_, warned) = run(&[&train[..], &["--validation", "0"]].concat());
    assert!(warned.contains("the data set's 2 validation images are not used"), "{warned}");
    let (_, warned) = run(&[&train[..6], &["chosen", "--validation", "0.5"]].concat());
    assert!(!warned.contains("validation"), "{warned}");
    let metrics = std::fs::read_to_string(folder.0.join("chosen/metrics.jsonl")).unwrap();
    assert!(metrics.contains("\"training_images\":6") && metrics.contains("\"validation_images\":2"), "{metrics}");
    let (evaluated, _) = run(&["eval", "run/model.nin", "--json"]);
    assert!(evaluated.contains("\"images\":4") && evaluated.contains("benign"), "{evaluated}");
    run(&["quantize", "run/checkpoint", "--out", "int8.nin"]);
    run(&["report", "run"]);
}
