//! The commands: flags in, library calls, text out.

mod console;
mod data;
mod eval;
mod export;
mod images;
mod import;
mod interrupt;
mod networks;
mod plan;
mod predict;
mod quantize;
mod report;
mod search;
mod train;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use console::Console;

/// What a command gives: nothing, or one sentence for the user.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Parser, Debug)]
#[command(
    name = "nin-train",
    version,
    about = "Trains Network in Network image classifiers for small machines",
    after_help = "\
Examples:
  nin-train                                   train on Fashion-MNIST: three minutes, then what to type next
  nin-train plan d2l lenet alexnet vgg-11     what networks take, side by side
  nin-train train --help                      more epochs, other networks, one's own images
  nin-train predict runs/fashion/model.nin picture.png

A network is one line of text: 1x28x28 nin5+2:32,32,32 max3/2 nin3+1:10,10,10 gap. `nin-train plan --help` explains it."
)]
struct Cli {
    /// Print results only: no progress, no explanations
    #[arg(long, short, global = true)]
    quiet: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Train a network; this is what nin-train does without a command
    Train(Box<train::TrainArgs>),
    /// Measure a network's accuracy
    Eval(eval::EvalArgs),
    /// Tell what is on pictures
    Predict(predict::PredictArgs),
    /// Show what a network takes: parameters, operations, RAM, flash
    Plan(plan::PlanArgs),
    /// Find the best network for a board's flash and RAM
    Search(search::SearchArgs),
    /// Turn a network into 8-bit integers for boards, and say what that costs
    Quantize(quantize::QuantizeArgs),
    /// Write a network for boards (model file, Rust source) or for PyTorch (safetensors)
    Export(export::ExportArgs),
    /// Read a network that was trained in PyTorch (safetensors)
    Import(import::ImportArgs),
    /// Write the page of a run again, or one of several runs side by side
    Report(report::ReportArgs),
    /// Find images, count and show them
    Data(data::DataArgs),
}

/// The flags of `train` when nothing is typed.
#[derive(Parser)]
struct Default {
    #[command(flatten)]
    train: train::TrainArgs,
}

/// Runs the command line.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let console = Console { quiet: cli.quiet };
    let done = |()| ExitCode::SUCCESS;
    let command = cli.command.unwrap_or_else(|| Command::Train(Box::new(Default::parse_from(["nin-train"]).train)));
    let outcome = match &command {
        Command::Train(args) => train::run(args, &console),
        Command::Eval(args) => eval::run(args, &console).map(done),
        Command::Predict(args) => predict::run(args, &console).map(done),
        Command::Plan(args) => plan::run(args, &console).map(done),
        Command::Search(args) => search::run(args, &console),
        Command::Quantize(args) => quantize::run(args, &console).map(done),
        Command::Export(args) => export::run(args, &console).map(done),
        Command::Import(args) => import::run(args, &console).map(done),
        Command::Report(args) => report::run(args, &console).map(done),
        Command::Data(args) => data::run(args, &console).map(done),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
