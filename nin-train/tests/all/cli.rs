//! The program's output, its files and its errors.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nin_core::{Plan, Spec};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;

/// Returns an empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn nin_train(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
    command.current_dir(folder).args(arguments).output().expect("the program runs")
}

/// Returns the output of a command that succeeds.
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = nin_train(folder, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} failed: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the error of a command that fails.
fn failure(folder: &Path, arguments: &[&str]) -> String {
    let output = nin_train(folder, arguments);
    assert!(!output.status.success(), "{arguments:?} should fail");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    text
}

/// Returns a network with random weights for 1×28×28 images.
fn trained() -> Trained {
    let spec = Spec::new("1x28x28 nin5/2+2:6,6 max3/2 nin3+1:8,10 gap");
    let parameters = (0..Plan::new(spec).parameters()).map(|i| (i as f32 * 0.37).sin() * 0.4 + 0.05).collect();
    Trained { spec, parameters, preprocessing: Preprocessing::unit(1), class_names: Vec::new() }
}

fn picture(path: &Path) {
    let image = image::GrayImage::from_fn(40, 30, |x, y| image::Luma([(x * 7 + y * y) as u8]));
    image.save(path).unwrap();
}

#[test]
fn the_books_argument_is_one_table() {
    let folder = folder("plan");
    let text = printed(&folder, &["plan", "d2l", "lenet", "alexnet", "vgg-11"]);
    for number in ["1,992,166", "762,297,352", "61,706", "46,764,746", "128,806,154"] {
        assert!(text.contains(number), "{number} is missing in\n{text}");
    }
    let text = printed(&folder, &["plan", "fashion"]);
    assert!(text.contains("63,542") && text.contains("18.1 KiB"), "{text}");
    let error = failure(&folder, &["plan", "1x28x28 nin5+2:32,32 mux3/2 gap"]);
    assert!(error.ends_with("  1x28x28 nin5+2:32,32 mux3/2 gap\n                       ^\n"), "{error}");
}

#[test]
fn from_pytorch_to_a_board_and_back() {
    let folder = folder("pipeline");
    let network = trained();
    std::fs::write(folder.join("a.safetensors"), network.to_safetensors().unwrap()).unwrap();
    let text = printed(&folder, &["import", "a.safetensors", "--dataset", "fashion-mnist"]);
    assert!(text.contains("a.nin"), "{text}");
    let read = |name: &str| Trained::from_model(&std::fs::read(folder.join(name)).unwrap()).unwrap();
    assert_eq!(read("a.nin").parameters, network.parameters);
    assert_eq!(read("a.nin").class_names[9], "Ankle boot");

    printed(&folder, &["export", "a.nin", "--rust", "b.rs", "--type", "f16", "--safetensors", "c.safetensors"]);
    assert!(std::fs::read_to_string(folder.join("b.rs")).unwrap().contains("include_bytes!(\"b.nin\")"));
    printed(&folder, &["import", "c.safetensors", "--out", "d.nin", "--mean", "0.5", "--std", "0.25"]);
    assert_eq!(read("d.nin").parameters, network.parameters);
    assert_eq!(read("d.nin").preprocessing, Preprocessing { mean: vec![127.5], scale: vec![4.0 / 255.0] });

    // And by way of ONNX, which states everything itself.
    printed(&folder, &["export", "d.nin", "--onnx", "f.onnx"]);
    printed(&folder, &["import", "f.onnx", "--out", "g.nin"]);
    assert_eq!(std::fs::read(folder.join("g.nin")).unwrap(), std::fs::read(folder.join("d.nin")).unwrap());
    assert!(printed(&folder, &["plan", "f.onnx"]).contains("nin5/2+2"));
    let error = failure(&folder, &["import", "f.onnx", "--line", "fashion"]);
    assert!(error.contains("--line: an ONNX model contains this already"), "{error}");

    picture(&folder.join("p.png"));
    let first = printed(&folder, &["predict", "a.nin", "p.png", "--logits"]);
    let line: serde_json::Value = serde_json::from_str(&first).unwrap();
    let logits: Vec<f64> = line["logits"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert_eq!(logits.len(), 10);
    let best = (0..10).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap();
    assert_eq!(line["class"], best);
    assert!(logits[best] > 0.0, "the logits are alive");
    // Another layout of the same weights gives the same bits.
    printed(&folder, &["export", "a.nin", "--out", "e.nin", "--lanes", "16"]);
    assert_eq!(printed(&folder, &["predict", "e.nin", "p.png", "--logits"]), first);
    let inverted = printed(&folder, &["predict", "a.nin", "p.png", "--logits", "--invert"]);
    assert_ne!(inverted, first);
    let text = printed(&folder, &["predict", "a.nin", "p.png", "--top", "2"]);
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn one_clear_sentence_for_every_broken_file() {
    let folder = folder("broken");
    let network = trained();
    let model = network.to_model(nin_core::WeightType::F32, Default::default()).unwrap();
    let mut flipped = model.clone();
    flipped[200] ^= 1;
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("good.nin", &model);
    write("flipped.nin", &flipped);
    write("short.nin", &model[..100]);
    write("text.nin", b"hello");
    write("empty.nin", b"");
    write("cut.safetensors", &network.to_safetensors().unwrap()[..500]);
    write("no.png", b"no picture");
    let cases: [(&[&str], &str); 10] = [
        (&["predict", "flipped.nin", "no.png"], "flipped.nin: the model file is damaged: its checksum is"),
        (&["predict", "short.nin", "no.png"], "short.nin: the model file ends early: it has 100 of"),
        (&["predict", "text.nin", "no.png"], "text.nin: this is not a model file, checkpoint or safetensors file"),
        (&["predict", "empty.nin", "no.png"], "empty.nin: this is not a model file, checkpoint or safetensors file"),
        (&["predict", "missing.nin", "no.png"], "missing.nin: No such file"),
        (&["predict", "good.nin", "no.png"], "no.png: "),
        (&["import", "cut.safetensors"], "cut.safetensors: not a valid safetensors file: "),
        (&["import", "good.nin", "--line", "fashion"], "good.nin: not a valid safetensors file: "),
        (&["export", "good.nin"], "nothing to write"),
        (&["export", "good.nin", "--out", "a/b.nin", "--rust", "b.rs"], "must be in the same folder"),
    ];
    for (arguments, sentence) in cases {
        let error = failure(&folder, arguments);
        assert!(error.contains(sentence), "{arguments:?}: {error}");
    }
    std::fs::write(folder.join("plain.safetensors"), safetensors_without_line(&network)).unwrap();
    let error = failure(&folder, &["import", "plain.safetensors"]);
    assert!(error.contains("import it with --line"), "{error}");
    let error = failure(&folder, &["import", "plain.safetensors", "--line", "fashion"]);
    assert!(error.contains("expected:\n  net.0.0.weight  [32, 1, 5, 5]") && error.contains("found:\n"), "{error}");
}

/// What other programs write is named, with the way to convert it.
#[test]
fn files_of_other_programs_are_named() {
    let folder = folder("foreign");
    let torch = [b"PK\x03\x04\x00\x00", &[0; 24][..], b"net/data.pklFB"].concat();
    let keras = [b"PK\x03\x04\x00\x00", &[0; 24][..], b"metadata.json", &[0; 90], b"model.weights.h5"].concat();
    for (name, bytes, sentence) in [
        (
            "net.pth",
            &torch[..],
            "this is a PyTorch file, which holds Python objects; in Python, write `safetensors.torch",
        ),
        ("old.pth", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "this is a PyTorch file"),
        ("net.h5", b"\x89HDF\r\n\x1a\n\0\0\0\0", "this is a Keras file; in Python, write `open(\"net.tflite\""),
        ("net.keras", &keras, "this is a Keras file"),
        ("net.pb", b"\x08\x01\x12\x04\x0a\x02\x0a\x00", "this is a TensorFlow graph"),
        ("net.npz", b"PK\x03\x04\x00\x00weight.npy", "these are arrays of NumPy"),
        ("net.gguf", b"GGUF\x03\0\0\0", "this is a GGUF file"),
    ] {
        std::fs::write(folder.join(name), bytes).unwrap();
        for arguments in [&["import", name, "--line", "fashion"][..], &["predict", name, "a.png"], &["eval", name]] {
            let error = failure(&folder, arguments);
            assert!(error.starts_with(&format!("error: {name}: {sentence}")), "{arguments:?}: {error}");
        }
    }
}

/// Commands that would lose data, or give results that are wrong but look right.
#[test]
fn nothing_is_overwritten_or_measured_by_mistake() {
    let folder = folder("mistakes");
    let mut network = trained();
    network.class_names =
        ["cat", "dog", "fox", "elk", "owl", "bee", "ant", "cow", "pig", "hen"].map(String::from).to_vec();
    let model = network.to_model(nin_core::WeightType::F32, Default::default()).unwrap();
    std::fs::write(folder.join("a.nin"), &model).unwrap();

    // The file next to the Rust source would be the network itself.
    for command in ["export", "quantize"] {
        let error = failure(&folder, &[command, "a.nin", "--rust", "./a.rs"]);
        assert!(error.contains("a.nin would be overwritten"), "{error}");
    }
    assert!(std::fs::read(folder.join("a.nin")).unwrap() == model && !folder.join("a.rs").exists());
    printed(&folder, &["export", "a.nin", "--rust", "./b.rs", "--out", "b.nin"]);

    // Labels with another meaning.
    for class in ["cat", "fox"] {
        std::fs::create_dir_all(folder.join("photos").join(class)).unwrap();
        (0..5).for_each(|i| picture(&folder.join("photos").join(class).join(format!("{i}.png"))));
    }
    for command in ["eval", "quantize"] {
        let error = failure(&folder, &[command, "a.nin", "--data", "photos"]);
        assert!(error.contains("other classes (cat, dog, fox") && error.contains("(cat, fox)"), "{error}");
    }
    std::fs::rename(folder.join("photos/fox"), folder.join("photos/dog")).unwrap();
    let text = printed(&folder, &["eval", "a.nin", "--data", "photos"]);
    assert!(text.contains("dog") && text.contains("accuracy"), "{text}");

    // Flags without effect.
    for (arguments, word) in [
        (&["export", "a.nin", "--onnx", "a.onnx", "--type", "f16"][..], "--out"),
        (&["quantize", "a.nin", "--lanes", "1"], "--out"),
        (&["quantize", "a.nin", "--lanes", "4", "--out", "n.nin"], "choose 1, 2 or 16"),
        (&["train", "--optimizer", "adamw", "--momentum", "0.5"], "--momentum"),
        (&["train", "--warmup", "1"], "one-cycle"),
        (&["train", "--from", "a.nin", "--input", "standard"], "--input"),
    ] {
        let error = failure(&folder, arguments);
        assert!(error.contains(word), "{arguments:?}: {error}");
    }
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_full_outputs_told() {
    let folder = folder("links");
    let model = trained().to_model(nin_core::WeightType::F32, Default::default()).unwrap();
    std::fs::write(folder.join("a.nin"), &model).unwrap();
    std::fs::create_dir(folder.join("there")).unwrap();
    std::fs::write(folder.join("there/b.nin"), "old").unwrap();
    std::os::unix::fs::symlink("there/b.nin", folder.join("b.nin")).unwrap();
    printed(&folder, &["export", "a.nin", "--out", "b.nin"]);
    assert!(std::fs::read(folder.join("there/b.nin")).unwrap() == model, "the file behind the link is written");
    assert!(folder.join("b.nin").is_symlink(), "the link stays one");

    // A file name may be invalid UTF-8.
    let name = std::os::unix::ffi::OsStrExt::from_bytes(b"c\xff.nin");
    let name: &std::ffi::OsStr = name;
    if std::fs::copy(folder.join("a.nin"), folder.join(name)).is_ok() {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
        let output = command.current_dir(&folder).arg("export").arg(name).args(["--rust", "d.rs"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else { return };
    let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
    let output = command.current_dir(&folder).args(["plan", "fashion"]).stdout(full).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && error.starts_with("error: standard output: "), "{error}");
}

fn safetensors_without_line(network: &Trained) -> Vec<u8> {
    let file = network.to_safetensors().unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
    safetensors::serialize(tensors.iter(), None).unwrap()
}

#[test]
fn the_bundled_subset_is_there_without_network() {
    let folder = folder("offline");
    let text = {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
        // Nothing in the current folder, and no cache; Debian's package may be installed.
        command.current_dir(&folder).env("XDG_CACHE_HOME", &folder).args(["data", "--offline"]);
        let output = command.output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(text.contains("Ankle boot") && text.contains("images of 1x28x28"), "{text}");
}

#[test]
fn help_teaches() {
    let folder = folder("help");
    for command in ["train", "eval", "predict", "plan", "export", "import", "data"] {
        let text = printed(&folder, &[command, "--help"]);
        assert!(text.contains("Examples:\n  nin-train"), "{command}: {text}");
    }
}
