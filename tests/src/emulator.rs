//! Runs firmware on the emulator, and the same network on this computer.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use nin_core::{Affine, AffineInt4, F16, F16Fused, F32, F32Fused, Int4, Int8, Model, Network, WeightType};
use nin_embedded::LevelFormat;

/// The scripts' exit status when a tool is not installed.
const MISSING: i32 = 77;

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| unreachable!("it is a workspace")).into()
}

/// Builds a firmware for a board and runs it with the script of that name; `environment` is added to the build's.
///
/// Returns `None`, after printing the reason, if the emulator or a compiler for the board is missing. With
/// `NIN_REQUIRE_EMULATOR=1` that is a failure.
///
/// # Panics
///
/// If a required tool is missing.
pub fn firmware(board: &str, program: &str, words: &[&str], environment: &[(&str, &str)]) -> Option<Output> {
    // The environment with which each ELF file was last built here: even an up-to-date build takes longer than most
    // runs. The lock is held to the end because tests share the files and the machine.
    static BUILT: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);

    let elf = root().join("target/firmware").join(board).join(program);
    let wanted = format!("{environment:?}");
    let mut output = None;
    if built.get(&elf) != Some(&wanted) {
        built.remove(&elf);
        let mut build = script("scripts/firmware.sh");
        build.args([board, program, "build"]).envs(environment.iter().copied());
        let build = output_of(&mut build);
        if build.status.success() {
            built.insert(elf.clone(), wanted);
        } else {
            output = Some(build);
        }
    }
    let run = || output_of(script("scripts/run.sh").arg(&elf).args(words).env("NIN_BOARD", board));
    let output = output.unwrap_or_else(run);

    if output.status.code() != Some(MISSING) {
        return Some(output);
    }
    let reason = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(std::env::var("NIN_REQUIRE_EMULATOR").as_deref() != Ok("1"), "{reason}");
    // Not `eprint!`, which the test harness captures.
    let _ = write!(stderr(), "not run on the emulator: {reason}");
    None
}

fn script(path: &str) -> Command {
    Command::new(root().join(path))
}

fn output_of(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Returns the output of a firmware that succeeded.
///
/// # Panics
///
/// If it failed.
pub fn printed(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    text
}

/// Returns the bits of the logits that a firmware printed, one list for each image.
///
/// # Panics
///
/// If they are not hexadecimal digits.
pub fn logits(printed: &str) -> Vec<Vec<u32>> {
    let lines = printed.lines().filter_map(|line| line.trim().strip_prefix("logits "));
    let bits = |word: &str| u32::from_str_radix(word, 16).unwrap_or_else(|error| panic!("{word}: {error}"));
    lines.map(|line| line.split(' ').map(bits).collect()).collect()
}

/// Returns the number that follows `name` and a colon in a firmware's output.
///
/// # Panics
///
/// If it is missing.
pub fn number(printed: &str, name: &str) -> usize {
    let line = printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let word = line.and_then(|line| line.split(' ').next());
    word.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{name} is not in\n{printed}"))
}

/// Returns the bits of the logits that this computer gets for `images` images. `level` returns the level (0 to 255) of
/// pixel `(row, column)` in a channel of an image; `fused` selects sums of floats that are rounded once for each
/// product.
///
/// # Panics
///
/// If the file is not a model.
pub fn host(
    file: &[u8],
    fused: bool,
    images: usize,
    level: impl Fn(usize, (usize, usize), usize) -> f32,
) -> Vec<Vec<u32>> {
    // Aligned as in flash.
    let mut words = vec![0u128; file.len().div_ceil(size_of::<u128>())];
    bytemuck::cast_slice_mut(&mut words)[..file.len()].copy_from_slice(file);
    let file = &bytemuck::cast_slice(&words)[..file.len()];
    let model = Model::read(file).unwrap_or_else(|error| panic!("{error}"));
    match model.weight_type() {
        WeightType::F32 if fused => run::<F32Fused>(&model, images, level),
        WeightType::F16 if fused => run::<F16Fused>(&model, images, level),
        WeightType::F32 => run::<F32>(&model, images, level),
        WeightType::F16 => run::<F16>(&model, images, level),
        WeightType::Int8 => run::<Int8>(&model, images, level),
        WeightType::Int4 => run::<Int4>(&model, images, level),
        WeightType::Affine => run::<Affine>(&model, images, level),
        WeightType::AffineInt4 => run::<AffineInt4>(&model, images, level),
        other => panic!("no engine for {}", other.name()),
    }
}

fn run<F: LevelFormat>(
    model: &Model,
    images: usize,
    level: impl Fn(usize, (usize, usize), usize) -> f32,
) -> Vec<Vec<u32>> {
    let mut state = vec![0; model.state_words()];
    let mut network = Network::<F>::new(model, &mut state).unwrap_or_else(|error| panic!("{error}"));
    let infer = |image: usize| {
        let Ok(logits) = network.infer(|y, row| {
            F::write_row(model, row, |x, channel| level(image, (y, x), channel));
            Ok::<(), Infallible>(())
        });
        logits.iter().map(|logit| logit.to_bits()).collect()
    };
    (0..images).map(infer).collect()
}
