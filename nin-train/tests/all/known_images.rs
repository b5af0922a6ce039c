//! A run knows its images: every command that needs a trained network's images finds them, or says why it cannot.

use std::fs;

use nin_train::training::checkpoint::Checkpoint;

use crate::common::TempDir;
use crate::program::{command, fails, succeeds};

const LINE: &str = "3x8x8 nin3+1:6 max2/2 nin1:2 gap";

/// Two classes of ten pictures each, and a run on them in `run`.
fn trained() -> TempDir {
    let folder = TempDir::new();
    photos(&folder, "photos", 10);
    let train =
        ["train", "--line", LINE, "--data", "photos", "--test-fraction", "0.3", "--epochs", "2", "--out", "run"];
    succeeds(&mut command(&folder, &train));
    folder
}

fn photos(folder: &TempDir, name: &str, count: u8) {
    for (class, light) in [("blue", 20u8), ("red", 200)] {
        fs::create_dir_all(folder.0.join(name).join(class)).unwrap();
        (0..count).for_each(|number| photo(folder, &format!("{name}/{class}/{number}.png"), light, number));
    }
}

fn photo(folder: &TempDir, name: &str, light: u8, number: u8) {
    let image = image::RgbImage::from_fn(8, 8, |x, y| image::Rgb([light + (x * y) as u8 % 50, 255 - light, number]));
    image.save(folder.0.join(name)).unwrap();
}

/// What a command prints on standard output.
fn out(folder: &TempDir, words: &[&str]) -> String {
    succeeds(&mut command(folder, words)).0
}

fn refused(folder: &TempDir, words: &[&str]) -> String {
    fails(&mut command(folder, words))
}

/// Every command that takes a trained network.
const COMMANDS: [&[&str]; 8] = [
    &["eval", "run/checkpoint"],
    &["eval", "run/model.nin"],
    &["quantize", "run/checkpoint"],
    &["report", "run"],
    &["train", "--resume", "run", "--epochs", "3"],
    &["train", "--from", "run/checkpoint", "--epochs", "1", "--lr", "0.0001", "--out", "b"],
    &["train", "--from", "run/checkpoint", "--qat", "--epochs", "1", "--out", "c"],
    &["train", "--line", "3x8x8 nin3+1:4 gap fc2", "--teacher", "run/model.nin", "--epochs", "1", "--out", "d"],
];

#[test]
fn every_command_takes_the_images_of_the_run() {
    let folder = trained();
    for words in COMMANDS {
        let said = out(&folder, words);
        let line = said.lines().find(|line| line.starts_with("Images of run/")).unwrap_or_else(|| panic!("{said}"));
        assert!(line.contains("14 training and 6 test images of 2 classes") && line.contains("photos"), "{line}");
    }
    // A file that quantize writes beside the checkpoint is known, too.
    out(&folder, &["quantize", "run/checkpoint", "--out", "run/int8.nin", "-q"]);
    assert!(out(&folder, &["eval", "run/int8.nin"]).contains("Images of run/int8.nin: "));
    // The run that went on knows them like the first; so do those that began with it.
    let record = |run: &str| Checkpoint::load(&folder.0.join(run).join("checkpoint")).unwrap().dataset.unwrap();
    assert_eq!((record("run").training, record("run").test, record("run").test_fraction), (14, 6, 0.3));
    for run in ["b", "c", "d"] {
        assert_eq!(record(run), record("run"));
    }
    assert!(record("run").path.unwrap().ends_with("photos"));
    // The split of the run also holds if its folder is named.
    let (named, note) = succeeds(&mut command(&folder, &["eval", "run/checkpoint", "--data", "photos"]));
    assert!(named.contains("14 training and 6 test") && note.is_empty(), "{named}{note}");
    let (_, note) = succeeds(&mut command(&folder, &["eval", "run/checkpoint", "--test-fraction", "0.5"]));
    assert!(note.contains("not on the split of") && note.contains("10 training and 10 test images"), "{note}");

    let model = fs::read(folder.0.join("run/model.nin")).unwrap();
    let holds = |text: &str| model.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("blue") && !holds("photos"), "a model file has its classes and no path");
}

#[test]
fn images_that_have_changed_are_named_and_not_taken() {
    let folder = trained();
    photo(&folder, "photos/blue/0.png", 20, 99);
    for words in COMMANDS {
        let said = refused(&folder, words);
        assert!(said.contains("photos (14 training and 6 test images), whose images have changed since"), "{said}");
    }
    photo(&folder, "photos/blue/new.png", 20, 90);
    for words in COMMANDS {
        let said = refused(&folder, words);
        assert!(said.contains("(14 training and 6 test images), which has changed since to /"), "{said}");
        assert!(said.contains("photos (15 training and 6 test images); to use these, name them with --data"), "{said}");
    }
    // They are taken if they are asked for, with a note; a run cannot go on with them.
    let noted = |words: &[&str]| succeeds(&mut command(&folder, words)).1;
    let note = noted(&["eval", "run/checkpoint", "--data", "photos"]);
    assert!(note.contains("test images may have been training images"), "{note}");
    let said = refused(&folder, &["train", "--resume", "run", "--epochs", "3", "--data", "photos"]);
    assert!(said.contains("which has changed since to") && said.contains("begin another run with --from"), "{said}");
    photos(&folder, "other", 9);
    assert_eq!(noted(&["eval", "run/checkpoint", "--data", "other"]), "");
    for words in [&["quantize", "run/model.nin"][..], &["report", "run"]] {
        let note = noted(&[words, &["--data", "other"]].concat());
        assert!(
            note.contains("photos (14 training") && note.contains("not on /") && note.contains("other ("),
            "{note}"
        );
    }
}

#[test]
fn images_that_are_gone_or_unknown_are_asked_for() {
    let folder = trained();
    fs::rename(folder.0.join("photos"), folder.0.join("moved")).unwrap();
    for words in COMMANDS {
        let said = refused(&folder, words);
        assert!(said.contains("photos (14 training and 6 test images), but there is no /"), "{said}");
        assert!(said.ends_with("any more; name its images with --data"), "{said}");
    }
    // They are the same elsewhere, and the run that goes on knows where they are now.
    let (_, note) = succeeds(&mut command(&folder, &["quantize", "run/checkpoint", "--data", "moved"]));
    assert_eq!(note, "");
    out(&folder, &["train", "--resume", "run", "--epochs", "3", "--data", "moved", "--quiet"]);
    assert!(out(&folder, &["eval", "run/model.nin"]).contains("moved"));

    // A model file alone, and a checkpoint from before there were records: only the classes are known.
    fs::copy(folder.0.join("run/model.nin"), folder.0.join("m.nin")).unwrap();
    let checkpoint = Checkpoint::load(&folder.0.join("run/checkpoint")).unwrap();
    let old = Checkpoint { dataset: None, ..checkpoint };
    folder.write("old/checkpoint", &old.to_bytes());
    assert_eq!(Checkpoint::from_bytes(&old.to_bytes()).unwrap(), old);
    for words in [
        &["eval", "m.nin"][..],
        &["quantize", "m.nin"],
        &["train", "--from", "m.nin", "--qat"],
        &["train", "--line", LINE, "--teacher", "m.nin"],
        &["eval", "old/checkpoint"],
        &["report", "old"],
        &["train", "--resume", "old", "--epochs", "4"],
    ] {
        let said = refused(&folder, words);
        assert!(said.ends_with("trained on the classes blue, red: name its images with --data"), "{said}");
    }
    let said = refused(&folder, &["eval", "m.nin", "--dataset", "fashion-mnist-subset"]);
    let wanted = "m.nin: the network sees images of 3 channel(s), and these have 1; it was trained on the classes blue, \
                  red: name its images with --data";
    assert!(said.ends_with(wanted), "{said}");
    out(&folder, &["train", "--resume", "old", "--epochs", "4", "--data", "moved", "--test-fraction", "0.3", "-q"]);
}

/// A network with more outputs than its images have classes writes a model file without names.
#[test]
fn a_network_without_class_names_is_never_measured_on_clothes() {
    let folder = TempDir::new();
    photos(&folder, "photos", 10);
    let line = "1x28x28 nin5/4:4 gap fc10";
    out(&folder, &["train", "--line", line, "--data", "photos", "--epochs", "1", "--out", "run", "-q"]);
    for words in [&["eval", "run/model.nin"][..], &["quantize", "run/checkpoint"]] {
        let said = out(&folder, words);
        assert!(said.contains("16 training and 4 test images of 2 classes"), "{said}");
    }
    fs::copy(folder.0.join("run/model.nin"), folder.0.join("m.nin")).unwrap();
    let said = refused(&folder, &["eval", "m.nin"]);
    assert!(said.contains("m.nin: this file does not name its classes, so its images are not known"), "{said}");
    // Names that are those of a known data set are found in its usual places.
    let shown = out(&folder, &["train", "--line", line, "--dataset", "fashion-mnist-subset", "--epochs", "1", "-q"]);
    assert!(shown.contains("test accuracy"), "{shown}");
    let eval = out(&folder, &["eval", "runs/custom/model.nin"]);
    assert!(
        eval.contains("Images of runs/custom/model.nin: ") && eval.contains("600 training and 100 test images"),
        "{eval}"
    );
}
