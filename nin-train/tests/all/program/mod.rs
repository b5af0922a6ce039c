//! Runs the program on files of a test's own making.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::Path;
use std::process::{Command, Output};

use nin_core::{Lanes, Plan, Spec, WeightType};
use nin_train::data::{Shape, idx};
use nin_train::network::parameters::{Init, initial};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;

use crate::common::{TempDir, idx_files, noise, numbers};

pub fn command(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
    command.current_dir(&folder.0).args(arguments).env_remove("RAYON_NUM_THREADS");
    command
}

/// Standard output and standard error of a command that succeeds.
pub fn succeeds(command: &mut Command) -> (String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program runs");
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{command:?}: {stderr}");
    (stdout, stderr)
}

/// The sentence of a command that fails.
pub fn fails(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().expect("the program runs");
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{command:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    let last = stderr.trim_end().lines().last().unwrap_or_default();
    assert!(last.starts_with("error: "), "{stderr}");
    last.to_owned()
}

/// A small network for `images`.
pub const LINE: &str = "1x28x28 nin5/4:4 gap fc10";

/// A network of this line with initial weights.
pub fn network(line: &str, names: &[&str]) -> Trained {
    let spec = Spec::parse(line).unwrap();
    Trained {
        spec,
        parameters: initial(&Plan::new(spec), Init::He, 1),
        preprocessing: Preprocessing::unit(spec.input().channels.into()),
        class_names: names.iter().map(|&name| name.to_owned()).collect(),
    }
}

pub fn model(trained: &Trained) -> Vec<u8> {
    trained.to_model(WeightType::F32, Lanes::One).unwrap()
}

/// A data set of noise in IDX form, in `images`.
pub fn write_images(folder: &TempDir) {
    let shape = Shape { channels: 1, rows: 28, columns: 28 };
    for (name, bytes) in idx::NAMES.iter().zip(idx_files(&noise(60, shape, 1), &noise(20, shape, 2))) {
        folder.write(&format!("images/{name}"), &bytes);
    }
}

/// A picture of random pixels.
pub fn png(path: &Path, width: u32, height: u32) {
    let mut number = numbers(7, 256);
    image::GrayImage::from_fn(width, height, |_, _| image::Luma([number() as u8])).save(path).unwrap();
}
