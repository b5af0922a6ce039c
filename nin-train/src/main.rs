//! `nin-train`: trains Network in Network image classifiers for small machines.

#![forbid(unsafe_code)]

mod commands;

fn main() -> std::process::ExitCode {
    commands::run()
}
