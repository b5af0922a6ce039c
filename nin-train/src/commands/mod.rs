//! The commands: flags in, library calls, text out.

mod console;
mod data;
mod eval;
mod export;
mod images;
mod import;
mod networks;
mod plan;
mod predict;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use console::Console;

/// What a command gives: nothing, or one sentence for the user.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Parser, Debug)]
#[command(name = "nin-train", version, about = "Trains Network in Network image classifiers for small machines")]
struct Cli {
    /// Print results only: no progress, no explanations
    #[arg(long, short, global = true)]
    quiet: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Measure a network's accuracy
    Eval(eval::EvalArgs),
    /// Tell what is on pictures
    Predict(predict::PredictArgs),
    /// Show what a network takes: parameters, operations, RAM, flash
    Plan(plan::PlanArgs),
    /// Write a network for boards (model file, Rust source) or for PyTorch (safetensors)
    Export(export::ExportArgs),
    /// Read a network that was trained in PyTorch (safetensors)
    Import(import::ImportArgs),
    /// Find images, count and show them
    Data(data::DataArgs),
}

/// Runs the command line.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let console = Console { quiet: cli.quiet };
    let outcome = match &cli.command {
        Some(Command::Eval(args)) => eval::run(args, &console),
        Some(Command::Predict(args)) => predict::run(args, &console),
        Some(Command::Plan(args)) => plan::run(args, &console),
        Some(Command::Export(args)) => export::run(args, &console),
        Some(Command::Import(args)) => import::run(args, &console),
        Some(Command::Data(args)) => data::run(args, &console),
        None => Ok(()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
