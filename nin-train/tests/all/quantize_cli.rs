//! `nin-train quantize` as a program: its report, its files, and that these files run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nin_core::{Kernels, Model, Plan, Spec, WeightType};
use nin_train::data::{Dataset, idx, load_image, subset};
use nin_train::engine::streaming::{ModelBytes, Streaming};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;

const LINE: &str = "1x28x28 nin5/2+2:6,6 max3/2 nin3+1:8,10 gap";

/// Returns an empty folder for one test, with a few images in `images` and a network of random weights in two forms.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("quantize-{name}"));
    let _ = fs::remove_dir_all(&folder);
    let images = folder.join("images");
    fs::create_dir_all(&images).unwrap();
    let splits = subset::bundled().unwrap();
    let every = |data: &Dataset, step: usize| data.select(&(0..data.len()).step_by(step).collect::<Vec<_>>());
    for (name, data) in [("train", every(&splits.train, 60)), ("t10k", every(&splits.test, 10))] {
        let create = |end: &str| File::create(images.join(format!("{name}-{end}"))).unwrap();
        idx::write_images(&data, &mut create("images-idx3-ubyte")).unwrap();
        idx::write_labels(&data, &mut create("labels-idx1-ubyte")).unwrap();
    }
    let spec = Spec::new(LINE);
    let parameters = (0..Plan::new(spec).parameters()).map(|i| (i as f32 * 0.37).sin() * 0.4 + 0.05).collect();
    let mut trained = Trained { spec, parameters, preprocessing: Preprocessing::unit(1), class_names: Vec::new() };
    fs::write(folder.join("network.safetensors"), trained.to_safetensors().unwrap()).unwrap();
    trained.preprocessing.mean = vec![72.9];
    fs::write(folder.join("standard.safetensors"), trained.to_safetensors().unwrap()).unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
    command.current_dir(folder).args(arguments).output().expect("the program runs")
}

fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn failure(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(!output.status.success(), "{arguments:?} should fail");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    text
}

/// Returns the number of correct test images from a line of output.
fn correct(text: &str, start: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in\n{text}"));
    line.split(' ').rev().nth(6).unwrap_or_else(|| panic!("{line}")).to_owned()
}

#[test]
fn it_reports_and_writes_what_runs() {
    let folder = folder("writes");
    let arguments = ["quantize", "network.safetensors", "--data", "images", "--calibration", "50", "--rust", "net.rs"];
    let text = printed(&folder, &arguments);
    assert!(text.contains("nin5/2+2:6,6") && text.contains(" dB") && text.contains("50 calibration images"), "{text}");
    assert!(text.contains("\n8 bits ") && !text.contains("--input unit"), "{text}");
    assert!(text.contains("net.nin: int8 weights") && text.contains("net.rs: Rust source"), "{text}");

    let file = fs::read(folder.join("net.nin")).unwrap();
    let model = Model::read(&file).unwrap();
    assert_eq!((model.weight_type(), model.lanes()), (WeightType::Int8, 2));
    let source = fs::read_to_string(folder.join("net.rs")).unwrap();
    let state = model.plan().bytes(WeightType::Int8, Kernels::Dsp).total().next_multiple_of(1024);
    assert!(source.contains(&format!("RAM_BUDGET: usize = {state};")), "{source}");
    assert!(source.contains("Network<'_, Int8<2>>") && source.contains("Kernels::Dsp"), "{source}");

    // The board's file has the reported accuracy, and `predict` reads it.
    let measured = printed(&folder, &["eval", "net.nin", "--data", "images"]);
    let right = correct(&text, "int8 ");
    assert!(measured.contains(&format!(": {right} of 100 images")), "{right} in\n{measured}");
    let picture = folder.join("picture.png");
    image::GrayImage::from_fn(40, 30, |x, y| image::Luma([(x * 7 + y * y) as u8])).save(&picture).unwrap();
    assert!(printed(&folder, &["predict", "net.nin", "picture.png"]).contains('%'));
}

#[test]
fn every_packing_is_the_same_network() {
    let folder = folder("lanes");
    let picture = folder.join("picture.png");
    image::GrayImage::from_fn(28, 28, |x, y| image::Luma([(x * 7 + y * y) as u8])).save(&picture).unwrap();
    let mut answers = Vec::new();
    for lanes in ["1", "2", "16"] {
        let text = printed(
            &folder,
            &["quantize", "network.safetensors", "--data", "images", "--out", "n.nin", "--lanes", lanes, "-q"],
        );
        assert_eq!(text.lines().count(), 4, "{text}");
        assert_eq!(Model::read(&fs::read(folder.join("n.nin")).unwrap()).unwrap().lanes().to_string(), lanes);
        answers.push(printed(&folder, &["eval", "n.nin", "--data", "images", "--json"]));

        // The program repacks a file for the host; here the file runs as on a board.
        let file = ModelBytes::new(&fs::read(folder.join("n.nin")).unwrap());
        let model = file.model().unwrap();
        let (shape, bytes) = (model.plan().spec().input(), load_image(&picture, 1, 28, 28, false).unwrap());
        let logits = Streaming::new(&model).classify(&bytes, shape).unwrap();
        let shown: serde_json::Value =
            serde_json::from_str(&printed(&folder, &["predict", "n.nin", "picture.png", "--logits"])).unwrap();
        let shown: Vec<f32> = serde_json::from_value(shown["logits"].clone()).unwrap();
        assert!(logits.iter().any(|&logit| logit > 0.0), "{logits:?}");
        assert_eq!(shown, logits, "{lanes} lanes");
    }
    assert!(answers[0].contains("accuracy") && answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[test]
fn a_mean_is_taken_up_and_mentioned() {
    let folder = folder("mean");
    let text = printed(&folder, &["quantize", "standard.safetensors", "--data", "images", "--no-correction"]);
    assert!(text.contains("pads an image with its mean") && text.contains("Biases are not corrected"), "{text}");
}

#[test]
fn what_goes_wrong_is_one_sentence() {
    let folder = folder("wrong");
    fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["quantize", "network.safetensors", "--data", "images"], more].concat()
    }
    assert!(failure(&folder, &with(&["--lanes", "3"])).contains("is not a number of lanes"));
    assert!(failure(&folder, &with(&["--lanes", "4", "--out", "n.nin"])).contains("choose 1, 2 or 16"));
    assert!(!folder.join("n.nin").exists());
    assert!(failure(&folder, &with(&["--calibration", "0"])).contains("--calibration"));
    assert!(failure(&folder, &with(&["--rust", "a/n.rs", "--out", "b/n.nin"])).contains("same folder"));
    printed(&folder, &with(&["--out", "n.nin"]));
    let text = failure(&folder, &["quantize", "n.nin", "--data", "images"]);
    assert!(text.contains("use the checkpoint it was made from"), "{text}");
    assert!(failure(&folder, &["export", "n.nin", "--safetensors", "n.safetensors"]).contains("back to floats"));
    assert!(
        failure(&folder, &["export", "network.safetensors", "--out", "m.nin", "--lanes", "2"]).contains("1, 4 or 16")
    );
}

#[test]
fn weights_of_four_bits_are_half_the_file_and_run() {
    let folder = folder("four");
    let with = |more: &[&str]| {
        let text = printed(&folder, &[&["quantize", "network.safetensors", "--data", "images"], more].concat());
        (fs::read(folder.join("n.nin")).unwrap().len(), text)
    };
    let (eight, _) = with(&["--out", "n.nin"]);
    let (four, text) = with(&["--out", "n.nin", "--weights", "4bit"]);
    assert!(text.contains("int4  accuracy") && text.contains("\n4 bits ") && text.contains("n.nin: int4 weights"));
    assert!(four < eight - 300, "{four} of {eight} bytes");
    let model = fs::read(folder.join("n.nin")).unwrap();
    assert_eq!(Model::read(&model).unwrap().weight_type(), WeightType::Int4);
    let measured = printed(&folder, &["eval", "n.nin", "--data", "images"]);
    let right = correct(&text, "int4 ");
    assert!(measured.contains(&format!(": {right} of 100 images")), "{right} in\n{measured}");
    printed(&folder, &["export", "n.nin", "--onnx", "n.onnx"]);

    // A budget between the two selects some layers; the printed command gives the same file.
    let budget = ((eight + four) / 2).to_string();
    let (length, text) = with(&["--out", "n.nin", "--flash", &budget, "--rust", "n.rs"]);
    assert!(length <= (eight + four) / 2, "{length}");
    let kept = fs::read(folder.join("n.nin")).unwrap();
    let words = text.lines().find_map(|line| line.split_once("--weights ")).expect("what to say").1;
    with(&["--out", "n.nin", "--weights", words]);
    assert!(with(&["--flash", "1M"]).1.contains("To fit 1.0 MiB: --weights 8bit"));
    assert!(fs::read(folder.join("n.nin")).unwrap() == kept, "{words}");
    let source = fs::read_to_string(folder.join("n.rs")).unwrap();
    assert!(
        source.contains("Network<'_, Int4>") && source.contains("bytes(WeightType::Int4, Kernels::Dsp)"),
        "{source}"
    );
    let wrong =
        |more: &[&str]| failure(&folder, &[&["quantize", "network.safetensors", "--data", "images"], more].concat());
    assert!(wrong(&["--flash", "100"]).contains("a model file of 100 bytes is too small"));
    assert!(wrong(&["--weights", "5bit"]).contains("'5bit' is not a bit width"));
    assert!(wrong(&["--weights", "4bit:9"]).contains("there is no layer 9"));
}

#[test]
fn a_network_is_trained_with_its_integers() {
    let folder = folder("aware");
    let train = ["train", "--data", "images", "--from", "standard.safetensors", "--batch", "16", "--threads", "1"];
    let flags = ["--qat", "--weights", "4bit:1,4", "--epochs", "2", "--out", "run"];
    let text = printed(&folder, &[&train[..], &flags].concat());
    let file = fs::read(folder.join("run/model.nin")).unwrap();
    assert_eq!(Model::read(&file).unwrap().weight_type(), WeightType::Int4);
    // The trained integers are those that run, from the model file and from the checkpoint; `quantize` writes them
    // again.
    let trained = text.lines().find_map(|line| line.strip_prefix("test accuracy ")).expect("an accuracy");
    let trained: f64 = trained.split(' ').next().and_then(|share| share.parse().ok()).expect("a number");
    let accuracy = |file: &str| {
        let text = printed(&folder, &["eval", file, "--data", "images", "--json"]);
        let at = text.find("\"accuracy\":").expect("an accuracy") + 11;
        100.0 * text[at..].split([',', '}']).next().and_then(|share| share.parse::<f64>().ok()).expect("a number")
    };
    assert!((accuracy("run/model.nin") - trained).abs() <= 1.0, "{trained} in training");
    assert_eq!(accuracy("run/model.nin"), accuracy("run/checkpoint"));
    printed(&folder, &["quantize", "run/checkpoint", "--data", "images", "--out", "again.nin"]);
    assert!(fs::read(folder.join("again.nin")).unwrap() == file);
    printed(&folder, &["report", "run", "--data", "images"]);

    let refused = |arguments: &[&str]| failure(&folder, arguments);
    let text = refused(&["quantize", "run/checkpoint", "--data", "images", "--weights", "8bit"]);
    assert!(text.contains("cannot change its integers"), "{text}");
    assert!(refused(&["train", "--data", "images", "--qat"]).contains("--from"));
    assert!(refused(&[&train[..], &["--weights", "4bit"]].concat()).contains("--qat"));
    assert!(refused(&["train", "--data", "images", "--resume", "run", "--weights", "4bit"]).contains("--weights"));
    assert!(refused(&[&train[..], &["--qat", "--batch-norm"]].concat()).contains("--batch-norm"));
}
