//! The commands: each reads its flags, calls the library and prints the result.

mod budget;
mod completions;
mod console;
mod cost;
mod data;
mod demo;
mod eval;
mod export;
mod firmware;
mod images;
mod import;
mod interrupt;
mod known;
mod networks;
mod plan;
mod predict;
mod quantize;
mod rejection;
mod report;
mod run_folder;
mod search;
mod size;
mod survey;
mod suspects;
mod train;

use std::borrow::Cow;
use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use nin_train::engine::confusion::Confusion;
use nin_train::support::text::visible;
use nin_train::support::threads;

use console::Console;

/// Returns the words that start this program: `cargo run …` if cargo has started it, as the environment shows.
fn program() -> &'static str {
    match std::env::var("CARGO_PKG_NAME") {
        Ok(name) if name == env!("CARGO_PKG_NAME") => "cargo run -p nin-train --",
        _ => "nin-train",
    }
}

/// Returns a path as one word of a shell's command line, in quotes if it needs them.
fn word(path: &Path) -> String {
    let path = path.display().to_string();
    // Only the byte 0 has no quoted form, and no path contains it.
    shlex::try_quote(&path).map_or_else(|_| path.clone(), Cow::into_owned)
}

/// Returns the number of threads of `--threads` (0: of the environment, or one per processor), limited to what this
/// computer can use. Prints a note if it was limited.
fn threads_of(asked: usize, console: &Console) -> usize {
    let (wanted, most) = (threads::wanted(asked), threads::most());
    // `run` prints the note about the environment.
    if asked > most {
        console.warn(format_args!("{wanted} threads are more than this computer can use; {most} are started"));
    }
    threads::bounded(asked)
}

/// Prints the classes that a network never predicts; returns whether there are some.
fn say_never_answered(confusion: &Confusion, console: &Console) -> bool {
    const LISTED: usize = 20;
    let names: Vec<_> = confusion.never_answered().map(visible).collect();
    if !names.is_empty() {
        let (some, all) = (names.len(), confusion.labels().len());
        let more = if some > LISTED { ", …" } else { "" };
        let names = names[..some.min(LISTED)].join(", ");
        console.result(format_args!("{some} of {all} classes are never predicted: {names}{more}"));
    }
    !names.is_empty()
}

/// The result of a command. An error is one sentence for the user.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Parser, Debug)]
#[command(
    name = "nin-train",
    version,
    about = "Trains Network in Network image classifiers for small machines",
    after_help = "\
Examples:
  nin-train                                   train on Fashion-MNIST: three minutes, then what to type next
  nin-train plan d2l lenet alexnet vgg-11     compare the cost of networks
  nin-train train --help                      more epochs, other networks, your own images
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
    /// Classify image files
    Predict(predict::PredictArgs),
    /// Show the cost of a network: parameters, operations, RAM, flash
    Plan(plan::PlanArgs),
    /// Find the best network for a board's flash and RAM
    Search(search::SearchArgs),
    /// Convert a network to 8-bit integers for boards, and show the change in accuracy
    Quantize(quantize::QuantizeArgs),
    /// Write a page in which a network runs in the browser
    Demo(demo::DemoArgs),
    /// Write a network for boards (model file, Rust source) or for PyTorch (safetensors)
    Export(export::ExportArgs),
    /// Write a cargo project that runs a network on a board
    Firmware(firmware::FirmwareArgs),
    /// Convert a network from PyTorch (safetensors), ONNX or TensorFlow Lite
    Import(import::ImportArgs),
    /// Write the report page of a run again or of a model, or a page that compares several runs
    Report(report::ReportArgs),
    /// Find images, count them and show samples
    Data(data::DataArgs),
    /// Print a shell's completion script: bash, zsh, fish, powershell or elvish
    Completions(completions::CompletionsArgs),
    /// Print the man page
    Man(completions::ManArgs),
}

/// The default flags of `train`, for a command line without a command.
#[derive(Parser)]
struct Default {
    #[command(flatten)]
    train: train::TrainArgs,
}

/// Returns the words of the command line. `help --help` becomes `help`, since clap refuses it.
fn asked_for_help(mut words: Vec<OsString>) -> Vec<OsString> {
    if words.get(1).is_some_and(|word| word == "help") {
        words.retain(|word| word != "--help" && word != "-h");
    }
    words
}

/// Runs the command line.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse_from(asked_for_help(std::env::args_os().collect())) {
        Ok(cli) => cli,
        // The words may be names of files, to which a shell expands `*`, so they are escaped.
        Err(error) if error.use_stderr() => {
            Console { quiet: false }.usage(&error);
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
        Err(help) => help.exit(),
    };
    let console = Console { quiet: cli.quiet };
    if threads::wanted(0) > threads::most() {
        let (asked, most) = (threads::wanted(0), threads::most());
        console.warn(format_args!(
            "RAYON_NUM_THREADS={asked} is more than this computer can use; {most} threads are started"
        ));
        threads::bound_global();
    }
    let done = |()| ExitCode::SUCCESS;
    let command = cli.command.unwrap_or_else(|| Command::Train(Box::new(Default::parse_from(["nin-train"]).train)));
    let outcome = match &command {
        Command::Train(args) => train::run(args, &console),
        Command::Eval(args) => eval::run(args, &console).map(done),
        Command::Predict(args) => predict::run(args, &console).map(done),
        Command::Plan(args) => plan::run(args, &console).map(done),
        Command::Search(args) => search::run(args, &console),
        Command::Quantize(args) => quantize::run(args, &console).map(done),
        Command::Demo(args) => demo::run(args, &console).map(done),
        Command::Export(args) => export::run(args, &console).map(done),
        Command::Firmware(args) => firmware::run(args, &console).map(done),
        Command::Import(args) => import::run(args, &console).map(done),
        Command::Report(args) => report::run(args, &console).map(done),
        Command::Data(args) => data::run(args, &console).map(done),
        Command::Completions(args) => completions::completions(args, &console).map(done),
        Command::Man(args) => completions::man(args, &console).map(done),
    };
    let outcome = outcome.and_then(|status| console.written().map(|()| status));
    outcome.unwrap_or_else(|error| {
        console.fail(&error);
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::word;

    #[test]
    fn paths_are_single_words() {
        for (path, typed) in [
            ("runs/a-1/model.nin", "runs/a-1/model.nin"),
            ("my photos", "'my photos'"),
            ("it's", "\"it's\""),
            ("$HOME `date`", "'$HOME `date`'"),
            ("", "''"),
        ] {
            assert_eq!(word(Path::new(path)), typed);
        }
    }
}
