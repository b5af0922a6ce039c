//! Input that means harm, or is absurd: one sentence, a bounded cost, nothing that a terminal obeys.

#![cfg(unix)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread::available_parallelism;

use common::{TempDir, idx_files, noise};
use nin_core::{Plan, Spec, WeightType};
use nin_train::data::batch::Preprocessing;
use nin_train::data::{Shape, idx};
use nin_train::formats::model_file::Lanes;
use nin_train::network::parameters::{Init, initial};
use nin_train::network::trained::Trained;
use nin_train::support::threads;

fn command(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
    command.current_dir(&folder.0).args(arguments).env_remove("RAYON_NUM_THREADS");
    command
}

/// Standard output and standard error of a command that succeeds.
fn succeeds(command: &mut Command) -> (String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program runs");
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{command:?}: {stderr}");
    (stdout, stderr)
}

/// The sentence of a command that fails.
fn fails(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().expect("the program runs");
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{command:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    let last = stderr.trim_end().lines().last().unwrap_or_default();
    assert!(last.starts_with("error: "), "{stderr}");
    last.to_owned()
}

const LINE: &str = "1x28x28 nin5/4:4 gap fc10";

/// A network of this line with initial weights.
fn network(line: &str, names: &[&str]) -> Trained {
    let spec = Spec::parse(line).unwrap();
    Trained {
        spec,
        parameters: initial(&Plan::new(spec), Init::He, 1),
        preprocessing: Preprocessing::unit(spec.input().channels.into()),
        class_names: names.iter().map(|&name| name.to_owned()).collect(),
    }
}

fn model(trained: &Trained) -> Vec<u8> {
    trained.to_model(WeightType::F32, Lanes::One).unwrap()
}

/// A data set of noise in IDX form, in `images`.
fn write_images(folder: &TempDir) {
    let shape = Shape { channels: 1, rows: 28, columns: 28 };
    for (name, bytes) in idx::NAMES.iter().zip(idx_files(&noise(60, shape, 1), &noise(20, shape, 2))) {
        folder.write(&format!("images/{name}"), &bytes);
    }
}

/// A picture of random pixels.
fn png(path: &Path, width: u32, height: u32) {
    let mut number = common::numbers(7, 256);
    image::GrayImage::from_fn(width, height, |_, _| image::Luma([number() as u8])).save(path).unwrap();
}

#[test]
fn threads_are_bounded_by_the_processors() {
    let most = 4 * available_parallelism().unwrap().get();
    assert_eq!(threads::pool(100_000).unwrap().current_num_threads(), most);
    assert_eq!(threads::pool(1).unwrap().current_num_threads(), 1);

    let folder = TempDir::new();
    write_images(&folder);
    folder.write("m.nin", &model(&network(LINE, &[])));
    let note = format!("; {most} are started");
    let train = ["train", "--line", LINE, "--epochs", "1", "--out", "run", "--threads", "1000000"];
    for arguments in
        [&["eval", "m.nin", "--threads", "1000000"][..], &["quantize", "m.nin", "--threads", "9999"], &train]
    {
        let (_, said) = succeeds(command(&folder, arguments).args(["--data", "images"]));
        assert!(said.contains("note: ") && said.contains(&note), "{said}");
    }
    let (alone, said) = succeeds(&mut command(&folder, &["eval", "m.nin", "--data", "images", "--quiet"]));
    assert_eq!(said, "");
    let mut absurd = command(&folder, &["eval", "m.nin", "--data", "images", "--quiet"]);
    let (bounded, said) = succeeds(absurd.env("RAYON_NUM_THREADS", "100000"));
    assert!(said.contains("RAYON_NUM_THREADS=100000") && said.contains(&format!("{most} threads")), "{said}");
    assert_eq!(bounded, alone);
}

/// Clears the screen, names the window, turns the text round.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;pwned\u{7}\u{202e}evil";
const SHOWN: &str = r"\u001b[2J\u001b]0;pwned\u0007\u202eevil";

/// Whether a text is free of what a terminal obeys.
fn is_harmless(text: &str) -> bool {
    !text.contains(|c: char| c != '\n' && c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))
}

#[test]
fn names_do_not_reach_the_terminal_as_commands() {
    let folder = TempDir::new();
    for class in [EVIL, "good"] {
        let class = folder.0.join("photos").join(class);
        fs::create_dir_all(&class).unwrap();
        (0..4).for_each(|i| png(&class.join(format!("{i}.png")), 8, 8));
    }
    let file = format!("{EVIL}.png");
    png(&folder.0.join(&file), 8, 8);
    folder.write("m.nin", &model(&network("1x8x8 nin3:4 gap fc2", &["good", EVIL])));
    let photos = model(&network("1x8x8 nin3:4 gap fc2", &[EVIL, "good"]));
    folder.write("photos.nin", &photos);
    folder.write(&format!("{EVIL}.nin"), &photos);
    folder.write(&format!("{EVIL}.broken"), b"nothing");

    let evil = format!("{EVIL}.nin");
    let commands: [&[&str]; 6] = [
        &["data", "--data", "photos", "--shape", "1x8x8"],
        &["predict", "m.nin", &file],
        &["predict", "m.nin", &file, "--quiet"],
        &["predict", "m.nin", &file, "--logits"],
        &["eval", "photos.nin", "--data", "photos"],
        &["export", &evil, "--out", &format!("{EVIL}.out")],
    ];
    for arguments in commands {
        let (printed, said) = succeeds(&mut command(&folder, arguments));
        assert!(is_harmless(&printed) && is_harmless(&said), "{printed:?} {said:?}");
        assert!(printed.contains(SHOWN), "{arguments:?}: {printed}");
        if arguments.contains(&"--logits") {
            let line: serde_json::Value = serde_json::from_str(&printed).unwrap();
            assert_eq!(line["image"], file, "JSON holds the name itself");
        }
    }
    let broken = format!("{EVIL}.broken");
    let missing = format!("{EVIL}\n.nin");
    for arguments in
        [&["eval", "m.nin", "--data", "photos"][..], &["eval", &broken], &["export", &missing, "--out", "x.nin"]]
    {
        let said = fails(&mut command(&folder, arguments));
        assert!(is_harmless(&said) && said.contains(SHOWN), "{said:?}");
    }
    let typed = command(&folder, &["eval", "m.nin", &format!("--{EVIL}")]).output().unwrap();
    assert_eq!(typed.status.code(), Some(2));
    assert!(is_harmless(std::str::from_utf8(&typed.stderr).unwrap()), "{:?}", typed.stderr);
}
