//! `nin-train train` as a program: it learns, writes what it announces, stops and resumes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::TempDir;
use crate::program::{fails, succeeds};

use nin_train::Recipe;
use nin_train::data::{Dataset, idx, subset};
use nin_train::engine::streaming::ModelBytes;
use nin_train::network::resources::Resources;
use nin_train::network::trained::Trained;
use nin_train::training::checkpoint::Checkpoint;
use serde_json::Value;

const LINE: &str = "1x28x28 nin5/2+2:8,8 max3/2 nin3+1:12,12 gap fc10";

/// Returns an empty folder for one test, with a small part of Fashion-MNIST in `images`.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("train-{name}"));
    let _ = fs::remove_dir_all(&folder);
    let images = folder.join("images");
    fs::create_dir_all(&images).unwrap();
    let splits = subset::bundled().unwrap();
    let every = |data: &Dataset, step: usize| data.select(&(0..data.len()).step_by(step).collect::<Vec<_>>());
    for (name, data) in [("train", every(&splits.train, 10)), ("t10k", every(&splits.test, 5))] {
        let create = |end: &str| File::create(images.join(format!("{name}-{end}"))).unwrap();
        idx::write_images(&data, &mut create("images-idx3-ubyte")).unwrap();
        idx::write_labels(&data, &mut create("labels-idx1-ubyte")).unwrap();
    }
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
    command.current_dir(folder).args(arguments);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("the program runs")
}

fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "no progress bar in a file, and nothing to note");
    String::from_utf8(output.stdout).unwrap()
}

fn failure(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(!output.status.success(), "{arguments:?} should fail");
    String::from_utf8(output.stderr).unwrap()
}

/// Returns the metrics, one JSON object per line.
fn metrics(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// More memory than any computer has. If the system does not report its memory, there is no limit.
#[cfg(target_os = "linux")]
#[test]
fn a_network_that_does_not_fit_the_memory_is_not_begun() {
    let folder = folder("memory");
    let line = "1x2000x2000 nin1:64 gap fc10";
    let arguments =
        ["train", "--data", "images", "--out", "run", "--line", line, "--batch", "128", "--batch-norm", "128"];
    let error = failure(&folder, &[&arguments[..], &["--threads", "4"]].concat());
    assert!(error.starts_with("error: the network needs at least ") && error.contains(" on 4 threads, "), "{error}");
    assert!(!folder.join("run").exists(), "nothing has begun");
}

#[test]
fn a_network_that_does_not_tell_all_classes_apart_is_said_to() {
    let folder = folder("never-answered");
    // It has learnt nothing: by chance it predicts some classes and not others.
    let trained = printed(
        &folder,
        &["train", "--line", LINE, "--data", "images", "--epochs", "1", "--lr", "1e-9", "--out", "run", "--quiet"],
    );
    let text = printed(&folder, &["eval", "run/model.nin", "--data", "images", "--channels"]);
    let json = printed(&folder, &["eval", "run/model.nin", "--data", "images", "--channels", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let confusion: Vec<Vec<u32>> = serde_json::from_value(json["confusion"].clone()).unwrap();
    let names: Vec<String> = serde_json::from_value(json["classes"].clone()).unwrap();
    let never = (0..10).filter(|&class| confusion.iter().all(|row| row[class] == 0));
    let never: Vec<&str> = never.map(|class| names[class].as_str()).collect();
    assert!((1..10).contains(&never.len()), "{confusion:?}");
    let line = format!("{} of 10 classes are never predicted: {}\n", never.len(), never.join(", "));
    assert!(trained.contains(&line) && text.contains(&line), "{trained}\n{text}\nlack {line}");

    let layers = json["layers"].as_array().unwrap();
    let channels: Vec<_> = layers.iter().map(|layer| layer["channels"].as_u64().unwrap()).collect();
    assert_eq!(channels, [8, 8, 12, 12], "those that a ReLU follows");
    let dead: u64 = layers.iter().map(|layer| layer["dead"].as_u64().unwrap()).sum();
    assert!(text.contains(&format!("{dead} of 40 channels are dead")), "{text}");
}

#[test]
fn a_run_learns_and_writes_what_it_says() {
    let folder = folder("learns");
    let arguments = ["train", "--line", LINE, "--data", "images", "--epochs", "12", "--lr", "0.01", "--batch", "20"];
    let text = printed(&folder, &arguments);
    assert!(text.contains("600 training and 200 test images"), "{text}");
    assert!(text.contains("10 classes") && text.contains("test accuracy"), "{text}");
    // The printed commands work, word for word; here cargo runs the program.
    let next: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("  cargo run -p nin-train -- ")).collect();
    assert_eq!(next.len(), 5, "{text}");
    for line in next {
        printed(&folder, &line.split(' ').collect::<Vec<_>>());
    }

    let run = folder.join("runs/custom");
    let metrics = metrics(&run.join("metrics.jsonl"));
    assert_eq!(metrics.len(), 14);
    assert_eq!((&metrics[0]["line"], &metrics[0]["training_images"]), (&LINE.into(), &600.into()));
    assert_eq!((&metrics[0]["measured_on"], &metrics[0]["teachers"]), (&"test".into(), &serde_json::json!([])));
    assert_eq!(metrics[13]["test"]["accuracy"], metrics[12]["test_accuracy"]);
    let accuracy = metrics[12]["test_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.5, "it has learnt nothing: {accuracy}");
    let eval = printed(&folder, &["eval", "runs/custom/model.nin", "--data", "images", "--json"]);
    let eval: Value = serde_json::from_str(&eval).unwrap();
    // Another order of sums may break a tie differently.
    assert!((eval["accuracy"].as_f64().unwrap() - accuracy).abs() <= 0.011, "{eval} where training said {accuracy}");
    assert_eq!(eval["images"], 200);
    let confusion: Vec<Vec<f64>> = serde_json::from_value(eval["confusion"].clone()).unwrap();
    let recalls: Vec<f64> = confusion.iter().enumerate().map(|(i, row)| row[i] / row.iter().sum::<f64>()).collect();
    let balanced = recalls.iter().sum::<f64>() / 10.0;
    assert!((eval["balanced_accuracy"].as_f64().unwrap() - balanced).abs() < 1e-12, "{eval}");

    // A second run does not overwrite the first. The same seed gives the same network with another number of threads.
    let quiet = printed(&folder, &[&arguments[..], &["--quiet", "--threads", "1"]].concat());
    assert_eq!(quiet.lines().count(), 1, "{quiet}");
    let model = |run: &str| fs::read(folder.join(run).join("model.nin")).unwrap();
    assert!(model("runs/custom") == model("runs/custom-2"), "the same seed, the same bytes");
    printed(&folder, &[&arguments[..], &["--seed", "2", "--out", "other"]].concat());
    assert!(model("runs/custom") != model("other"), "another seed, other bytes");

    let short = ["train", "--line", LINE, "--data", "images", "--epochs", "1", "--out", "my runs/installed"];
    let installed = command(&folder, &short).env_remove("CARGO_PKG_NAME").output().expect("the program runs");
    let installed = String::from_utf8(installed.stdout).unwrap();
    assert!(installed.contains("\n  nin-train eval 'my runs/installed/model.nin'\n"), "{installed}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_writes_a_checkpoint_to_go_on_with() {
    let folder = folder("stops");
    let arguments = ["train", "--line", LINE, "--data", "images", "--epochs", "40", "--batch", "20", "--quiet"];
    let mut child = command(&folder, &[&arguments[..], &["--out", "stopped"]].concat())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let first = folder.join("stopped/metrics.jsonl");
    while fs::read_to_string(&first).map_or(0, |text| text.lines().count()) < 3 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("stopped/checkpoint"), "{text}");
    let stopped = Checkpoint::load(&folder.join("stopped/checkpoint")).unwrap();
    assert!((2..40).contains(&stopped.position.epoch), "{:?}", stopped.position);
    assert!(!folder.join("stopped/model.nin").exists());

    printed(&folder, &["train", "--resume", "stopped", "--data", "images", "--quiet"]);
    printed(&folder, &[&arguments[..], &["--out", "whole"]].concat());
    let model = |run: &str| fs::read(folder.join(run).join("model.nin")).unwrap();
    assert!(model("stopped") == model("whole"), "stopping changes nothing");
    assert_eq!(metrics(&first).len(), 42);

    let error = failure(&folder, &["train", "--resume", "stopped/checkpoint", "--data", "images"]);
    assert!(error.contains("this run has completed its 40 epochs"), "{error}");
    let error = failure(&folder, &["train", "--resume", "stopped", "--lr", "0.1"]);
    assert!(error.contains("--lr cannot change"), "{error}");
}

#[test]
fn ones_own_images_and_a_network_to_begin_with() {
    let folder = folder("own");
    for (class, light) in [("dark", 40u8), ("light", 200)] {
        fs::create_dir_all(folder.join("photos").join(class)).unwrap();
        for number in 0..20u8 {
            let image = image::RgbImage::from_fn(20, 20, |x, y| {
                // Noise, because pictures that are alike in training and test are noted.
                let picture = 101 * u32::from(number) + 7 * u32::from(light) + 1;
                let noise = ((31 * x + 17 * y + 7) * picture).wrapping_mul(2_654_435_761) >> 24;
                let value = light + (noise % 40) as u8;
                image::Rgb([value, value / 2, value])
            });
            image.save(folder.join(format!("photos/{class}/{number}.png"))).unwrap();
        }
    }
    let line = "3x12x12 nin3+1:6 max2/2 gap fc2";
    let text = printed(
        &folder,
        &["train", "--line", line, "--data", "photos", "--epochs", "60", "--lr", "0.02", "--batch", "8", "--out", "a"],
    );
    assert!(text.contains("test accuracy 100.00 %"), "{text}");
    let more = ["train", "--from", "a/model.nin", "--data", "photos", "--epochs", "1", "--lr", "0", "--out", "b", "-q"];
    printed(&folder, &more);
    let model = |run: &str| fs::read(folder.join(run).join("model.nin")).unwrap();
    assert!(model("a") == model("b"), "a learning rate of 0 changes nothing");
    let text = printed(&folder, &["predict", "a/model.nin", "photos/light/3.png", "--quiet"]);
    assert_eq!(text, "photos/light/3.png: light\n");

    // Without a line the network fits the images and the memory, and the recipe their number; flags win.
    let chosen = ["train", "--data", "photos", "--flash", "16K", "--epochs", "1", "--out", "c"];
    let text = printed(&folder, &chosen);
    let chosen = Checkpoint::load(&folder.join("c/checkpoint")).unwrap();
    let line = chosen.spec.to_string();
    assert!(line.starts_with("3x20x20 ") && line.ends_with(" gap fc2"), "{line}");
    assert!(text.contains(&format!("{line} (--line)")) && text.contains("16.0 KiB of flash"), "{text}");
    assert!(Resources::new(&chosen.plan()).flash_int8 < 16 << 10, "{line}");
    assert_eq!(chosen.class_names, ["dark", "light"]);
    let Recipe { epochs, batch, batch_norm, validation, balanced, .. } = chosen.recipe;
    // 32 training images: none to spare for validation.
    assert_eq!((epochs, batch, batch_norm, validation, balanced), (1, 32, Some(32), 0.0, false));
    let error = failure(&folder, &["train", "--data", "photos", "--flash", "1K", "--out", "d"]);
    assert!(error.contains("1.0 KiB of flash") && error.contains("--board"), "{error}");

    // Uneven classes: their numbers are printed, and rare images weigh more.
    (4..20).for_each(|number| fs::remove_file(folder.join(format!("photos/dark/{number}.png"))).unwrap());
    let text =
        printed(&folder, &["train", "--data", "photos", "--ram", "2K", "--lr", "0", "--epochs", "1", "--out", "e"]);
    assert!(text.contains("light 16, dark 3") && text.contains("--balanced false"), "{text}");
    assert!(Checkpoint::load(&folder.join("e/checkpoint")).unwrap().recipe.balanced);

    let error = failure(&folder, &["train", "--data", "photos", "--dataset", "folder", "--line", "1x8x8 nin3:1 gap"]);
    assert!(error.contains("2 classes"), "{error}");
    let error = failure(&folder, &["train", "--data", "images", "--line", "3x8x8 nin3:10 gap"]);
    assert!(error.contains("use a line that begins with 1x8x8"), "{error}");
    let error = failure(&folder, &["train", "--data", "images", "--line", "1x8x8 nin3:10 gup"]);
    assert!(error.ends_with("  1x8x8 nin3:10 gup\n                ^\n"), "{error}");
}

#[test]
fn several_teachers_teach_a_run_and_are_in_its_checkpoint() {
    let folder = folder("taught");
    let train = |line: &str, epochs: &str, out: &str, more: &[&str]| {
        let given = ["train", "--line", line, "--data", "images", "--epochs", epochs, "--out", out, "--quiet"];
        run(&folder, &[&given[..], &["--batch", "20", "--schedule", "constant"], more].concat())
    };
    let done = |output: Output| assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let [student, other] = ["1x28x28 nin5/4:6 gap fc10", "1x28x28 nin5/4:12 gap fc10"];
    done(train(LINE, "1", "first", &[]));
    done(train(other, "1", "second", &[]));
    done(train("1x28x28 nin5/4:12 gap fc11", "1", "unfit", &[]));
    let taught = ["--teacher", "first/model.nin", "--teacher", "second/checkpoint"];
    done(train(student, "2", "taught", &taught));
    let checkpoint = Checkpoint::load(&folder.join("taught/checkpoint")).unwrap();
    let lines: Vec<_> = checkpoint.teachers.iter().map(|teacher| teacher.spec.to_string()).collect();
    assert_eq!(lines, [LINE, other]);
    let noted = metrics(&folder.join("taught/metrics.jsonl"))[0]["teachers"].clone();
    assert_eq!((&noted[0]["line"], &noted[1]["line"]), (&LINE.into(), &other.into()));
    assert_ne!(noted[0]["sha256"], noted[1]["sha256"]);

    let error = train(student, "1", "none", &["--teacher", "first/model.nin", "--teacher", "unfit/model.nin"]).stderr;
    let error = String::from_utf8(error).unwrap();
    assert!(error.contains("unfit/model.nin: a teacher must have its student's number of classes"), "{error}");

    // Without its teachers' files the run resumes, and ends in the bytes of a run that never stopped.
    done(train(student, "3", "whole", &taught));
    fs::remove_dir_all(folder.join("first")).unwrap();
    fs::remove_dir_all(folder.join("second")).unwrap();
    printed(&folder, &["train", "--resume", "taught/checkpoint", "--data", "images", "--epochs", "3", "--quiet"]);
    let model = |run: &str| fs::read(folder.join(run).join("model.nin")).unwrap();
    assert!(model("taught") == model("whole"), "the same run");
}

/// Trained layers initialise a network with other classes.
#[test]
fn a_new_head_begins_on_learnt_layers() {
    let folder = folder("transfer");
    let data = ["--data", "images", "--epochs", "1", "--quiet"];
    printed(&folder, &[&["train", "--line", LINE, "--out", "a"][..], &data].concat());
    let other = "1x20x24 nin5/2+2:8,8 max3/2 nin3+1:12,16 gap fc10";
    let begun = ["train", "--from", "a/model.nin", "--line", other, "--lr", "0", "--out", "b"];
    let text = printed(&folder, &[&begun[..], &data[..4]].concat());
    assert!(text.contains("The first 3 of 5 layers with weights are copied from a/model.nin."), "{text}");
    let read = |run: &str| Trained::from_file(&fs::read(folder.join(run).join("checkpoint")).unwrap()).unwrap();
    let (a, b) = (read("a"), read("b"));
    // 5×5 to 8, 1×1 to 8, 3×3 to 12; then 12 outputs became 16.
    let same = 8 * 26 + 8 * 9 + 12 * 73;
    assert_eq!(a.parameters[..same], b.parameters[..same]);
    assert_ne!(a.parameters[same..][..12 * 12], b.parameters[same..][..12 * 12]);
    assert_eq!(b.spec.to_string(), other);
    let noted = metrics(&folder.join("b/metrics.jsonl"))[0]["recipe"]["from"].clone();
    assert_eq!(noted, serde_json::json!({ "file": "model.nin", "layers": 3, "of": 5 }));

    let refused = |more: &[&str]| failure(&folder, &[&["train", "--from", "a/model.nin"][..], more, &data].concat());
    let said = refused(&["--line", "1x28x28 nin3:4 gap fc10"]);
    assert!(said.contains("its first layer differs from that of the line"), "{said}");
    assert!(refused(&["--line", other, "--qat"]).contains("quantisation-aware"));
    assert!(refused(&["--init", "he"]).contains("--init sets new weights"));
}

#[test]
fn momentum_is_nesterovs_or_plain() {
    let folder = folder("nesterov");
    let short = ["train", "--line", LINE, "--data", "images", "--epochs", "1", "--quiet"];
    for (out, flags, wanted) in [
        ("a", &["--momentum", "0.5"][..], (0.5, true)),
        ("b", &["--momentum", "0.5", "--nesterov", "false"], (0.5, false)),
        ("c", &["--nesterov"], (0.9, true)),
        ("d", &["--optimizer", "sgd", "--momentum", "0"], (0.0, false)),
    ] {
        printed(&folder, &[&short[..], flags, &["--out", out]].concat());
        let optimizer = metrics(&folder.join(out).join("metrics.jsonl"))[0]["recipe"]["optimizer"].clone();
        let found = (optimizer["momentum"].as_f64().unwrap(), optimizer["nesterov"].as_bool().unwrap());
        assert!((found.0 - wanted.0).abs() < 1e-6 && found.1 == wanted.1, "{flags:?}: {optimizer}");
    }
    for flags in [&["--nesterov", "--momentum", "0"][..], &["--nesterov", "--optimizer", "adamw"]] {
        assert!(failure(&folder, &[&short[..], flags].concat()).contains("--nesterov"));
    }
}

#[test]
fn a_run_that_cannot_learn_says_so() {
    let folder = folder("diverges");
    let error =
        failure(&folder, &["train", "--line", LINE, "--data", "images", "--lr", "1e20", "--optimizer", "sgd", "-q"]);
    assert!(error.contains("learning rate"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn validation_images_choose_the_network_and_end_the_run() {
    let folder = folder("validation");
    let arguments = [
        "train",
        "--line",
        LINE,
        "--data",
        "images",
        "--epochs",
        "60",
        "--batch",
        "20",
        "--optimizer",
        "sgd",
        "--batch-norm",
        "10",
        "--ema",
        "0.9",
        "--mixup",
        "0.2",
        "--rotate",
        "5",
        "--erase",
        "0.1",
        "--validation",
        "0.1",
        "--patience",
        "2",
        "--out",
        "run",
    ];
    let text = printed(&folder, &arguments);
    assert!(text.contains("val. accuracy") && text.contains("test accuracy"), "{text}");
    assert!(text.contains("-- export run/best --rust"), "what is said of one network is not of another: {text}");
    let best = Checkpoint::load(&folder.join("run/best")).unwrap();
    let last = Checkpoint::load(&folder.join("run/checkpoint")).unwrap();
    let accuracies: Vec<f64> = last.history.iter().filter_map(|report| report.test_accuracy).collect();
    assert!(accuracies.len() < 60, "it ends early");
    // A tenth of each class, 58 of the 600 training images; of the most accurate epochs that of the least loss, and two
    // more.
    let largest = accuracies.iter().copied().fold(0.0, f64::max);
    assert!((largest * 58.0 - (largest * 58.0).round()).abs() < 1e-9, "{largest}");
    let losses: Vec<f64> = last.history.iter().filter_map(|report| report.test_loss).collect();
    let best_epochs = (0..accuracies.len()).filter(|epoch| accuracies[*epoch] == largest);
    let at = best_epochs.min_by(|a, b| losses[*a].total_cmp(&losses[*b])).unwrap();
    assert_eq!((best.history.len(), accuracies.len()), (at + 1, at + 3));
    // The model is the best epoch's: its average, with normalisation folded in.
    let trained = best.trained();
    let model = fs::read(folder.join("run/model.nin")).unwrap();
    assert_eq!(Trained::from_model(&model).unwrap().parameters, trained.parameters);
    assert_eq!(trained.parameters.len(), trained.plan().parameters());

    // The report shows the whole run and that network, and is the same when it is written again.
    let page = fs::read(folder.join("run/report.html")).unwrap();
    printed(&folder, &["report", "run", "--data", "images", "--out", "again.html"]);
    assert!(fs::read(folder.join("again.html")).unwrap() == page, "another page");

    let said = failure(&folder, &["train", "--resume", "run", "--data", "images"]);
    assert!(said.contains("stopped early"), "{said}");
    let said = failure(&folder, &["train", "--data", "images", "--patience", "2"]);
    assert!(said.contains("--validation"), "{said}");
    let said = failure(&folder, &["train", "--data", "images", "--from", "run/model.nin", "--batch-norm"]);
    assert!(said.contains("--from"), "{said}");
}

/// Without a line, the network fits the folder: its channels, size, number of classes and names.
#[test]
fn a_folder_of_pictures_needs_no_other_flag() {
    let folder = TempDir::new();
    for (class, light) in [("blue", [30, 40, 220]), ("red", [220, 40, 30])] {
        for number in 0..12u8 {
            let pixel = |x: u32, y: u32| image::Rgb(light.map(|level: u8| level - number + (x * y / 8) as u8));
            fs::create_dir_all(folder.0.join("p").join(class)).unwrap();
            image::RgbImage::from_fn(12, 12, pixel).save(folder.0.join(format!("p/{class}/{number}.png"))).unwrap();
        }
    }
    let run = |arguments: &[&str]| crate::program::command(&folder, arguments);
    let (text, _) = succeeds(&mut run(&["train", "--data", "p", "--epochs", "2", "--ram", "3K", "--out", "r"]));
    assert!(text.contains("Chosen for these images; the flags in brackets change it:"), "{text}");
    let model = fs::read(folder.0.join("r/model.nin")).unwrap();
    let model = ModelBytes::new(&model);
    let model = model.model().unwrap();
    let line = model.plan().spec().to_string();
    assert!(line.starts_with("3x12x12 ") && line.ends_with(" gap fc2") && text.contains(&line), "{line}: {text}");
    assert_eq!(model.class_names().collect::<Vec<_>>(), ["blue", "red"]);
    let (said, _) = succeeds(&mut run(&["predict", "r/model.nin", "p/red/3.png", "-q"]));
    assert!(["p/red/3.png: red\n", "p/red/3.png: blue\n"].contains(&said.as_str()), "{said}");
    succeeds(&mut run(&["quantize", "r/checkpoint", "--rust", "model.rs"]));
    let source = fs::read_to_string(folder.0.join("model.rs")).unwrap();
    assert!(source.contains("CLASSES: [&str; 2] = [\n    \"blue\",\n    \"red\",\n];"), "{source}");

    // --epochs counts those that are done.
    let said = fails(&mut run(&["train", "--resume", "r", "--epochs", "1"]));
    assert_eq!(said, "error: this run has completed 2 epochs, which --epochs includes: pass a number above 2");
    let said = fails(&mut run(&["train", "--resume", "r"]));
    assert_eq!(said, "error: this run has completed its 2 epochs; pass a larger number with --epochs");
}
