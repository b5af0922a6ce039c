//! A run loses nothing when it is killed or the system refuses a request.

#![cfg(unix)]

use crate::timeless;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use nin_train::data::{idx, subset};
use nin_train::network::trained::Trained;
use nin_train::support::random::{Purpose, Stream};
use nin_train::training::checkpoint::Checkpoint;

const RECIPE: [&str; 20] = [
    "train",
    "--line",
    "1x28x28 nin5/2+2:6,6 max3/2 nin3+1:8,8 gap fc10",
    "--data",
    "images",
    "--epochs",
    "12",
    "--batch",
    "20",
    "--batch-norm",
    "10",
    "--ema",
    "0.9",
    "--crop",
    "1",
    "--validation",
    "0.1",
    "--quiet",
    "--threads",
    "2",
];

/// Writes every `step`th image of Fashion-MNIST's bundled subset to a new folder.
fn images(folder: &Path, step: usize) {
    fs::create_dir_all(folder).unwrap();
    let splits = subset::bundled().unwrap();
    for (name, data) in [("train", splits.train), ("t10k", splits.test)] {
        let data = data.select(&(0..data.len()).step_by(step).collect::<Vec<_>>());
        let create = |end: &str| File::create(folder.join(format!("{name}-{end}"))).unwrap();
        idx::write_images(&data, &mut create("images-idx3-ubyte")).unwrap();
        idx::write_labels(&data, &mut create("labels-idx1-ubyte")).unwrap();
    }
}

/// Returns an empty folder for one test, with a small part of Fashion-MNIST in `images`.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("trust-{name}"));
    let _ = fs::remove_dir_all(&folder);
    images(&folder.join("images"), 20);
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
    command.current_dir(folder).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("the program runs")
}

/// Returns the error of a command that must fail: one sentence.
fn failure(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    assert!(said.starts_with("error: ") && !said.contains("panicked"), "{said}");
    said
}

/// Returns a run's metrics without times.
fn metrics(bytes: &[u8]) -> Vec<serde_json::Value> {
    let mut lines: Vec<serde_json::Value> =
        serde_json::Deserializer::from_slice(bytes).into_iter().collect::<Result<_, _>>().expect("JSON");
    for line in lines.iter_mut().filter_map(serde_json::Value::as_object_mut) {
        line.remove("seconds");
        line.remove("images_per_second");
    }
    lines
}

/// Killed a dozen times at random moments, mostly within an epoch, and resumed each time.
#[test]
fn killed_again_and_again() {
    let folder = folder("killed");
    let output = run(&folder, &[&RECIPE[..], &["--out", "whole"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut random = Stream::new(3, Purpose::Order, 0, 0);
    let mut kills = 0;
    // On a fast machine the run may finish before it is killed: then the next attempt starts.
    for number in 1.. {
        let out = format!("killed-{number}");
        kills += killed(&folder, &out, 12 - kills, &mut random);
        assert_same(&folder, &out);
        if kills == 12 {
            break;
        }
        assert!(number < 50, "it is never killed");
    }
}

/// Finishes a run although it is killed up to `most` times; returns how often it was.
fn killed(folder: &Path, out: &str, most: usize, random: &mut Stream) -> usize {
    let checkpoint = folder.join(out).join("checkpoint");
    let mut kills = 0;
    for tries in 1..500 {
        let every = ["--checkpoint-every", "0"];
        let resumed = ["train", "--resume", out, "--data", "images", "--quiet", "--threads", "1"];
        let (resumed, began) = ([&resumed[..], &every].concat(), [&RECIPE[..], &["--out", out], &every].concat());
        let exists = checkpoint.exists();
        let mut child = command(folder, if exists { &resumed } else { &began }).spawn().unwrap();
        // The time grows, so that the run finishes on any machine.
        std::thread::sleep(Duration::from_millis(random.below(40 + 4 * tries) as u64));
        if kills < most {
            kills += usize::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        // A kill may also come between the last file and the end of the program.
        if output.status.success() || folder.join(out).join("model.nin").exists() {
            return kills;
        }
        assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stderr));
        if checkpoint.exists() {
            Checkpoint::load(&checkpoint).expect("a whole checkpoint");
        }
    }
    panic!("it never comes to its end");
}

/// Returns whether a run left the same files as the run that was never killed.
fn assert_same(folder: &Path, out: &str) {
    let file = |run: &str, name: &str| fs::read(folder.join(run).join(name)).unwrap();
    assert!(file(out, "model.nin") == file("whole", "model.nin"), "being killed changes nothing");
    for name in ["checkpoint", "best"] {
        let load = |run: &str| timeless::bytes(Checkpoint::load(&folder.join(run).join(name)).unwrap());
        assert!(load(out) == load("whole"), "nor in its {name}");
    }
    let killed = metrics(&file(out, "metrics.jsonl"));
    assert_eq!(killed, metrics(&file("whole", "metrics.jsonl")), "nor in its metrics");
    assert_eq!(killed.len(), 14, "each epoch once, and the test");
    let left = fs::read_dir(folder.join(out)).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("partial")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn refusals_are_one_sentence_and_lose_nothing() {
    let folder = folder("refused");
    let short: Vec<&str> = RECIPE.iter().map(|word| if *word == "12" { "1" } else { word }).collect();
    let output = run(&folder, &[&short[..], &["--out", "run"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let path = folder.join("run/checkpoint");
    let kept = fs::read(&path).unwrap();

    // A path that cannot be a folder.
    fs::write(folder.join("file"), "").unwrap();
    let said = failure(&folder, &[&short[..], &["--out", "file/run"]].concat());
    assert!(said.contains("file/run"), "{said}");

    // Truncated, changed, another file, another architecture.
    fs::write(folder.join("cut"), &kept[..kept.len() / 2]).unwrap();
    let mut changed = kept.clone();
    changed[kept.len() / 2] ^= 1;
    fs::write(folder.join("changed"), changed).unwrap();
    for (name, word) in
        [("cut", "cut off"), ("changed", "damaged"), ("run/model.nin", "not a checkpoint"), ("no", "no")]
    {
        let said = failure(&folder, &["train", "--resume", name, "--data", "images", "--epochs", "3"]);
        assert!(said.contains(name) && said.contains(word), "{said}");
    }
    let said = failure(&folder, &["train", "--resume", "run", "--preset", "fashion", "--data", "images"]);
    assert!(said.contains("--preset"), "{said}");

    // A folder that already holds a run.
    let said = failure(&folder, &[&short[..], &["--out", "run"]].concat());
    assert!(said.contains("--resume run"), "{said}");

    // A loss that becomes NaN, noticed in the next step or at the end of the epoch: nothing of it is kept.
    let ruinous =
        ["train", "--from", "run/model.nin", "--lr", "1e30", "--optimizer", "sgd", "--data", "images", "--quiet"];
    for (batch, out) in [("20", "ruined"), ("10000", "ruined-at-once")] {
        let said = failure(&folder, &[&ruinous[..], &["--batch", batch, "--out", out]].concat());
        assert!(said.contains("learning rate"), "{said}");
        assert!(!folder.join(out).join("checkpoint").exists(), "a ruined network is no checkpoint");
    }
    assert!(fs::read(&path).unwrap() == kept, "the older checkpoint is untouched");
}

/// A resumed run uses the same images, and keeps its best network.
#[test]
fn a_run_goes_on_elsewhere_but_not_with_other_images() {
    let folder = folder("elsewhere");
    let with = |epochs| RECIPE.map(|word| if word == "12" { epochs } else { word });
    let succeeds = |arguments: &[&str]| {
        let output = run(&folder, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    succeeds(&[&with("4")[..], &["--out", "whole"]].concat());
    succeeds(&[&with("3")[..], &["--out", "begun"]].concat());

    // Other images of the same classes: fewer of them.
    images(&folder.join("others"), 30);
    let resume = ["train", "--resume", "begun", "--epochs", "4", "--quiet"];
    let said = failure(&folder, &[&resume[..], &["--data", "others"]].concat());
    assert!(said.contains("images (300 training and 50 test images), not on /") && said.contains("--from"), "{said}");

    // Into another folder: the earlier best network may remain the best.
    succeeds(&[&resume[..], &["--data", "images", "--out", "there"]].concat());
    assert!(folder.join("there/model.nin").exists() && folder.join("there/best").exists());
    let said = failure(&folder, &["train", "--resume", "there", "--data", "images", "--out", "whole"]);
    assert!(said.contains("--resume whole"), "{said}");

    // A checkpoint without its best network, or next to another run's.
    fs::create_dir_all(folder.join("alone")).unwrap();
    fs::copy(folder.join("begun/checkpoint"), folder.join("alone/checkpoint")).unwrap();
    let resume = ["train", "--resume", "alone", "--epochs", "4", "--quiet", "--data", "images"];
    let said = failure(&folder, &resume);
    assert!(said.contains("alone/best"), "{said}");
    fs::copy(folder.join("whole/best"), folder.join("alone/best")).unwrap();
    let said = failure(&folder, &resume);
    assert!(said.contains("a different run"), "{said}");

    // A model that an earlier end left does not count; a finished run is reported as such.
    fs::write(folder.join("there/model.nin"), "of an earlier end").unwrap();
    succeeds(&["train", "--resume", "there", "--data", "images", "--quiet"]);
    let said = failure(&folder, &["train", "--resume", "there", "--data", "images", "--quiet"]);
    assert!(said.contains("has completed its 4 epochs"), "{said}");

    // A checkpoint without its folder, resumed into another folder: the old one stays unchanged.
    let begun = folder.join("begun");
    let kept = fs::read(begun.join("checkpoint")).unwrap();
    let bare =
        ["train", "--resume", "checkpoint", "--data", "../images", "--epochs", "4", "--quiet", "--out", "../bare"];
    let output = run(&begun, &bare);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read(begun.join("checkpoint")).unwrap() == kept && folder.join("bare/model.nin").exists());
    // A checkpoint next to another, which would be overwritten.
    let said = failure(&folder, &["train", "--resume", "begun/best", "--data", "images", "--epochs", "4", "--quiet"]);
    assert!(said.contains("begun/best") && said.contains("--out"), "{said}");
    // A finished run, resumed into another folder: all its files are there.
    succeeds(&["train", "--resume", "whole", "--data", "images", "--quiet", "--out", "copy"]);
    assert!(folder.join("copy/checkpoint").exists() && folder.join("copy/model.nin").exists());
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let folder = folder("shared");
    let long = RECIPE.map(|word| if word == "12" { "100000" } else { word });
    let mut first = command(&folder, &[&long[..], &["--out", "run"]].concat()).spawn().unwrap();
    while !folder.join("run/checkpoint").exists() {
        assert!(first.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(5));
    }
    let resume = ["train", "--resume", "run", "--data", "images", "--epochs", "1", "--quiet"];
    let said = [&[&RECIPE[..], &["--out", "run"]].concat()[..], &resume].map(|second| failure(&folder, second));
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(said.iter().all(|said| said.contains("run: another run is writing to this folder")), "{said:?}");
    // A killed run leaves no lock behind. Fewer epochs than planned end the run, but its checkpoint stays.
    let kept = fs::read(folder.join("run/checkpoint")).unwrap();
    let done = Checkpoint::load(&folder.join("run/checkpoint")).unwrap().position.epoch.to_string();
    let output = run(&folder, &resume.map(|word| if word == "1" { &done } else { word }));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(folder.join("run/model.nin").exists() && fs::read(folder.join("run/checkpoint")).unwrap() == kept);
}

/// Errors that can be known before training are reported before training.
#[test]
fn what_cannot_be_exported_is_not_trained() {
    let folder = folder("beforehand");
    for class in ["a", "b\nc"] {
        fs::create_dir_all(folder.join("photos").join(class)).unwrap();
        for number in 0..3 {
            image::GrayImage::new(8, 8).save(folder.join(format!("photos/{class}/{number}.png"))).unwrap();
        }
    }
    let said =
        failure(&folder, &["train", "--data", "photos", "--line", "1x8x8 nin3:2 gap", "--quiet", "--out", "run"]);
    assert!(said.contains("line break") && !folder.join("run").exists(), "{said}");

    let short = RECIPE.map(|word| if word == "12" { "1" } else { word });
    let output = run(&folder, &[&short[..], &["--out", "run"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A network with other classes is not quantised with these images.
    let mut trained = Trained::from_file(&fs::read(folder.join("run/model.nin")).unwrap()).unwrap();
    trained.class_names.reverse();
    let model = |trained: &Trained| trained.to_model(nin_core::WeightType::F32, Default::default()).unwrap();
    fs::write(folder.join("other.nin"), model(&trained)).unwrap();
    let said = failure(&folder, &["train", "--from", "other.nin", "--qat", "--data", "images", "--quiet"]);
    assert!(said.contains("the network was trained on other classes (9, 8, 7, 6, 5, 4, 3, 2, 1, 0)"), "{said}");
    // Values that are not numbers.
    trained.parameters[0] = f32::NAN;
    fs::write(folder.join("nan.safetensors"), trained.to_safetensors().unwrap()).unwrap();
    let said = failure(&folder, &["train", "--from", "nan.safetensors", "--data", "images", "--quiet"]);
    assert!(said.contains("nan.safetensors: the tensor net.0.0.weight contains an infinite number or NaN"), "{said}");
    let said = failure(&folder, &[&short[..], &["--teacher", "nan.safetensors"]].concat());
    assert!(said.contains("nan.safetensors: the tensor net.0.0.weight"), "{said}");
    // An input next to which the output would overwrite it.
    trained.parameters[0] = 0.5;
    fs::write(folder.join("net.nin"), trained.to_safetensors().unwrap()).unwrap();
    let said = failure(&folder, &["import", "net.nin"]);
    assert!(said.contains("would be overwritten"), "{said}");
    let said = failure(&folder, &["export", "run/model.nin", "--rust", "m.nin"]);
    assert!(said.contains("m.nin"), "{said}");
}

/// On a file system of 256 KiB; skipped if none can be mounted.
#[test]
fn a_full_or_read_only_disk_is_one_sentence_and_loses_nothing() {
    let folder = folder("full");
    let disk = folder.join("disk");
    fs::create_dir_all(&disk).unwrap();
    let mount = |options: &str| {
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&disk).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !mount("size=256k") {
        println!("skipped: this user may not mount a small disk");
        return;
    }
    let short: Vec<&str> = RECIPE.iter().map(|word| if *word == "12" { "1" } else { word }).collect();
    let first = run(&folder, &[&short[..], &["--out", "disk/run"]].concat());
    let kept = fs::read(disk.join("run/checkpoint"));
    // Leaves less space than a checkpoint needs.
    let filled = fs::write(disk.join("filler"), vec![1; 1 << 20]);
    let second = run(&folder, &["train", "--resume", "disk/run", "--data", "images", "--epochs", "3", "--quiet"]);
    let after = fs::read(disk.join("run/checkpoint"));
    let read_only = mount("remount,ro,size=256k");
    let goes_on = run(&folder, &["train", "--resume", "disk/run", "--data", "images", "--epochs", "3", "--quiet"]);
    let begins = run(&folder, &[&short[..], &["--out", "disk/other"]].concat());
    let unmounted = Command::new("umount").arg(&disk).status();
    assert!(unmounted.is_ok_and(|status| status.success()));

    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(filled.is_err(), "the disk is full");
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("disk/run") && said.contains("space"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(kept.unwrap() == after.unwrap(), "the older checkpoint is untouched");
    assert!(read_only, "what is mounted can be made read-only");
    for output in [goes_on, begins] {
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.contains("disk/") && said.to_lowercase().contains("read-only"), "{said}");
    }
}
