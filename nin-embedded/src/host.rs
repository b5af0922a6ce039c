//! Runs a firmware on a computer.

use crate::{Board, Error, Usage};
use core::fmt;
use std::process::ExitCode;
use std::string::String;
use std::time::Instant;
use std::vec::Vec;
use std::{env, eprintln, fs, println, vec};

/// The computer.
pub struct Host {
    started: Instant,
    arguments: String,
    models: &'static [u8],
}

/// Runs a firmware and returns its status: 0, or 1 after an error.
pub fn start(run: impl FnOnce(&Host) -> Result<(), Error>) -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let file = |name: &str| arguments.iter().find_map(|word| word.strip_prefix(name));
    let models = match partition(file("models="), file("images=")) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let host = Host { started: Instant::now(), arguments: arguments.join(" "), models };
    match run(&host) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the content of the model partition, aligned like flash: the model, and the test images at the next multiple
/// of 16 bytes. `scripts/run.sh` places them the same way.
fn partition(model: Option<&str>, images: Option<&str>) -> Result<&'static [u8], String> {
    let Some(model) = model else { return Ok(&[]) };
    let read = |path: &str| fs::read(path).map_err(|error| std::format!("{path}: {error}"));
    let mut bytes = read(model)?;
    if let Some(images) = images {
        bytes.resize(bytes.len().next_multiple_of(16), 0);
        bytes.extend(read(images)?);
    }
    let mut words = vec![0u128; bytes.len().div_ceil(size_of::<u128>())];
    bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(&bytes);
    Ok(&bytemuck::cast_slice(Vec::leak(words))[..bytes.len()])
}

impl Board for Host {
    fn name(&self) -> &'static str {
        "host"
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        println!("{text}");
    }

    fn clock(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    fn unit(&self) -> &'static str {
        "ns"
    }

    fn arguments(&self) -> &str {
        &self.arguments
    }

    fn models(&self) -> &'static [u8] {
        self.models
    }

    fn usage(&self) -> Option<Usage> {
        None
    }
}
