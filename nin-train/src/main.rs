//! `nin-train`: trains Network in Network image classifiers for small machines.

mod commands;

fn main() -> std::process::ExitCode {
    commands::run()
}
