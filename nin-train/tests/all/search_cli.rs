//! `nin-train search` as a program: it stays within the budget, resumes, and reports errors.

use crate::common;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use common::TempDir;
use nin_core::{Plan, Shape, Spec};
use nin_train::data::{Dataset, idx, subset};
use nin_train::network::family;
use nin_train::network::resources::{Budget, Resources};
use serde_json::Value;

/// Returns a folder with a small part of Fashion-MNIST in `images`.
fn folder() -> TempDir {
    let folder = TempDir::new();
    let images = folder.0.join("images");
    fs::create_dir_all(&images).unwrap();
    let splits = subset::bundled().unwrap();
    let every = |data: &Dataset, step: usize| data.select(&(0..data.len()).step_by(step).collect::<Vec<_>>());
    for (name, data) in [("train", every(&splits.train, 20)), ("t10k", every(&splits.test, 20))] {
        let create = |end: &str| File::create(images.join(format!("{name}-{end}"))).unwrap();
        idx::write_images(&data, &mut create("images-idx3-ubyte")).unwrap();
        idx::write_labels(&data, &mut create("labels-idx1-ubyte")).unwrap();
    }
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
    command.current_dir(folder).arg("search").args(arguments).output().expect("the program runs")
}

fn failure(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(!output.status.success(), "{arguments:?} should fail");
    String::from_utf8(output.stderr).unwrap()
}

const ARGUMENTS: [&str; 11] =
    ["--data", "images", "--flash", "8K", "--ram", "4K", "--candidates", "4", "--epochs", "1", "--quiet"];

#[test]
fn a_search_keeps_to_its_budget_and_goes_on_where_it_stopped() {
    let folder = folder();
    let first = run(&folder.0, &ARGUMENTS);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let path = folder.0.join("runs/search/trials.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let trials: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let epochs: Vec<_> = trials.iter().map(|trial| trial["epochs"].as_u64().unwrap()).collect();
    assert_eq!(epochs, [1, 1, 1, 1, 3, 3]);
    let usual = Budget { flash: (8 << 10) - 80, ram: 4 << 10, macs: u64::MAX };
    let usual = family::fitting(Shape { channels: 1, rows: 28, columns: 28 }, 10, &usual).unwrap();
    assert_eq!(trials[0]["line"], usual.spec().to_string(), "the line that `train` would choose comes first");
    for trial in &trials {
        let needs = Resources::new(&Plan::new(Spec::parse(trial["line"].as_str().unwrap()).unwrap()));
        // With the names of the classes, 75 bytes.
        assert!(needs.flash_int8 + 75 <= 8 << 10 && needs.streaming_int8 <= 4 << 10, "{trial}");
    }

    // The two best continue.
    let mut scores: Vec<_> = trials[..4].iter().map(|trial| trial["accuracy"].as_f64().unwrap_or(0.0)).collect();
    scores.sort_by(f64::total_cmp);
    for trial in &trials[4..] {
        let before = trials[..4].iter().find(|one| one["line"] == trial["line"]).unwrap();
        assert!(before["accuracy"].as_f64().unwrap_or(0.0) >= scores[2], "{trial}");
    }

    let again = run(&folder.0, &ARGUMENTS);
    assert_eq!(again.stdout, first.stdout, "nothing is trained twice");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);

    // As one object, best first in each round.
    let json = run(&folder.0, &[&ARGUMENTS[..], &["--json"]].concat());
    let json = String::from_utf8(json.stdout).unwrap();
    assert_eq!(json.lines().count(), 1, "{json}");
    let found: Value = serde_json::from_str(&json).unwrap();
    let rounds = found["rounds"].as_array().unwrap();
    assert_eq!(rounds.iter().map(|round| round["epochs"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 3]);
    for (round, done) in rounds.iter().zip([&trials[..4], &trials[4..]]) {
        let networks = round["networks"].as_array().unwrap();
        assert_eq!(networks.len(), done.len());
        let scores: Vec<f64> = networks.iter().map(|one| one["accuracy"].as_f64().unwrap_or(0.0)).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
        for network in networks {
            let trial = done.iter().find(|trial| trial["line"] == network["line"]).unwrap();
            let needs = Resources::new(&Plan::new(Spec::parse(network["line"].as_str().unwrap()).unwrap()));
            assert_eq!(network["accuracy"], trial["accuracy"]);
            assert_eq!((&network["parameters"], &network["macs"]), (&needs.parameters.into(), &needs.macs.into()));
            assert_eq!(network["ram"]["int8"], needs.streaming_int8);
            assert_eq!(network["flash"]["int8"], needs.flash_int8);
        }
    }
    assert_eq!(found["best"], rounds[1]["networks"][0]["line"]);

    // Killed while it wrote its last line: that training is repeated, with the same accuracy.
    fs::write(&path, &text[..text.len() - 20]).unwrap();
    assert!(run(&folder.0, &ARGUMENTS).status.success());
    let text = fs::read_to_string(&path).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((&last["line"], &last["accuracy"]), (&trials[5]["line"], &trials[5]["accuracy"]));

    // Equally many but different images: no earlier result applies to them.
    let images = folder.0.join("images/train-images-idx3-ubyte");
    let mut bytes = fs::read(&images).unwrap();
    bytes[1000] ^= 1;
    fs::write(&images, bytes).unwrap();
    assert!(run(&folder.0, &ARGUMENTS).status.success());
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), text.lines().count() + 6);
}

#[test]
fn refusals_are_one_sentence() {
    let folder = folder();
    let little = failure(&folder.0, &["--data", "images", "--flash", "100", "--ram", "16K"]);
    assert!(little.contains("100 B of flash") && little.lines().count() == 1, "{little}");
    let size = failure(&folder.0, &["--data", "images", "--flash", "64KB", "--ram", "16K"]);
    assert!(size.contains("K or M"), "{size}");
    let board = failure(&folder.0, &["--data", "images", "--board", "picot"]);
    assert!(board.contains("did you mean 'pico'?"), "{board}");
}
