//! What programs and shells read: JSON, completions, man pages; and refusals that leave nothing behind.

use serde_json::Value;

use crate::common::TempDir;
use crate::program::{LINE, command, fails, model, network, png, succeeds, write_images};

/// The kind of the images that `write_images` writes.
const KIND: &str = "fashion-mnist";

fn json(folder: &TempDir, words: &[&str]) -> Value {
    let (printed, _) = succeeds(&mut command(folder, words));
    assert_eq!(printed.lines().count(), 1, "{words:?}: {printed}");
    serde_json::from_str(&printed).unwrap()
}

#[test]
fn plans_are_objects() {
    let folder = TempDir::new();
    let plan = json(&folder, &["plan", "fashion", "1x4x4 nin3:3 gap", "--json"]);
    let [fashion, line] = plan["networks"].as_array().unwrap().as_slice() else { panic!("{plan}") };
    assert_eq!((&fashion["name"], &fashion["parameters"]), (&"fashion".into(), &63_542.into()));
    assert_eq!((&fashion["ram"]["int8"], &fashion["ram_layer_by_layer"]["int8"]), (&7_988.into(), &50_176.into()));
    // Two by two pixels of nine products for each of three outputs.
    assert_eq!(
        (&line["name"], &line["macs"], &line["layers"][0]["output"]),
        (&Value::Null, &108.into(), &[3, 2, 2].into())
    );
    assert!(json(&folder, &["plan", "--json"])["presets"].as_array().unwrap().len() > 5);
}

#[test]
fn quantize_and_predict_print_one_object() {
    let folder = TempDir::new();
    write_images(&folder);
    let names =
        ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];
    folder.write("m.nin", &model(&network(LINE, &names)));
    let done = json(
        &folder,
        &["quantize", "m.nin", "--out", "q.nin", "--onnx", "q.onnx", "--json", "--data", "images", "--dataset", KIND],
    );
    assert_eq!((&done["weights"], &done["after"]["images"]), (&"int8".into(), &20.into()));
    assert_eq!((&done["files"]["model"], &done["files"]["onnx"]), (&"q.nin".into(), &"q.onnx".into()));
    assert_eq!(done["flash"], std::fs::metadata(folder.0.join("q.nin")).unwrap().len());
    assert_eq!(
        (done["calibration"]["layers"].as_array().unwrap().len(), &done["calibration"]["images"]),
        (2, &60.into())
    );
    let eval = json(&folder, &["eval", "q.nin", "--data", "images", "--dataset", KIND, "--json"]);
    assert_eq!((&eval["correct"], &eval["loss"]), (&done["after"]["correct"], &done["after"]["loss"]));

    png(&folder.0.join("p.png"), 28, 28);
    let answers = json(&folder, &["predict", "q.nin", "p.png", "p.png", "--json"]);
    let (line, _) = succeeds(&mut command(&folder, &["predict", "q.nin", "p.png", "--logits"]));
    let line: Value = serde_json::from_str(&line).unwrap();
    let answer = &answers["images"][1];
    for field in ["image", "class", "name", "logits"] {
        assert_eq!(answer[field], line[field]);
    }
    let sum: f64 = answer["probabilities"].as_array().unwrap().iter().map(|share| share.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{answer}");
}

#[test]
fn a_budget_that_is_too_small_is_an_error_before_a_file_is_written() {
    let folder = TempDir::new();
    write_images(&folder);
    folder.write("m.nin", &model(&network(LINE, &[])));
    let needed = json(&folder, &["plan", LINE, "--json"])["networks"][0]["ram"]["int8"].as_u64().unwrap();
    let quantize = ["quantize", "m.nin", "--data", "images", "--rust", "q.rs", "--ram-budget"];
    let below = (needed - 1).to_string();
    for words in [
        &[&quantize[..], &[&below]].concat(),
        &vec!["export", "m.nin", "--out", "e.nin", "--rust", "e.rs", "--ram-budget", "10"],
        &vec!["plan", LINE, "--ram-budget", &below],
    ] {
        let said = fails(&mut command(&folder, words));
        assert!(said.contains(" B of RAM, and --ram-budget allows "), "{said}");
    }
    for name in ["q.rs", "q.nin", "e.rs", "e.nin"] {
        assert!(!folder.0.join(name).exists(), "{name}");
    }
    succeeds(&mut command(&folder, &[&quantize[..], &[&needed.to_string()]].concat()));
    succeeds(&mut command(&folder, &["plan", LINE, "--ram-budget", &needed.to_string()]));
}

#[test]
fn folders_are_not_created_in_the_root() {
    let folder = TempDir::new();
    folder.write("m.nin", &model(&network(LINE, &[])));
    let said = fails(&mut command(&folder, &["export", "m.nin", "--out", "/nosuchdir-of-nin-train/x.nin"]));
    assert!(said.ends_with("there is no folder /nosuchdir-of-nin-train; create it, or name another"), "{said}");
    succeeds(&mut command(&folder, &["export", "m.nin", "--out", "a/b/x.nin"]));
    let said = fails(&mut command(&folder, &["export", "m.nin", "--out", "c/d/e/x.nin"]));
    assert!(said.contains("there is no folder c") && !folder.0.join("c").exists(), "{said}");
}

#[test]
fn shells_and_man_know_the_commands() {
    let folder = TempDir::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let (script, _) = succeeds(&mut command(&folder, &["completions", shell]));
        assert!(script.contains("quantize") && script.contains("ram-budget"), "{shell}");
    }
    let (page, _) = succeeds(&mut command(&folder, &["man"]));
    assert!(page.contains(".TH nin-train 1") && page.contains("nin\\-train\\-quantize(1)"), "{page}");
    succeeds(&mut command(&folder, &["man", "--out", "man"]));
    assert!(std::fs::read_to_string(folder.0.join("man/nin-train-train.1")).unwrap().contains("\\-\\-batch\\-norm"));
    for words in [&["help", "--help"][..], &["help", "-h"], &["help"]] {
        assert!(succeeds(&mut command(&folder, words)).0.contains("Commands:"), "{words:?}");
    }
    assert!(succeeds(&mut command(&folder, &["help", "train", "--help"])).0.contains("--batch-norm"));
}
