//! `nin-train search`: searches for the best architecture line that fits a board.

mod trials;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;
use nin_core::{Plan, Shape};
use nin_train::Recipe;
use nin_train::data::Dataset;
use nin_train::formats::model_file;
use nin_train::network::family;
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::resources::Resources;
use nin_train::support::text::{Align, Table, bytes, grouped};
use nin_train::training::error::TrainError;
use nin_train::training::optim::Optimizer;
use nin_train::training::search::{candidates, first_epochs, rungs};
use nin_train::training::trainer::{Ended, Trainer};

use serde_json::{Value, json};

use super::budget::BudgetArgs;
use super::images::{self, ImageArgs};
use super::size::{count, shape};
use super::{Console, Outcome, interrupt, program, threads_of};
use trials::{Trial, Trials};

/// Flags of `search`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train search --flash 64K --ram 16K                    for Fashion-MNIST
  nin-train search --flash 64K --ram 16K --candidates 27    a longer search
  nin-train search --board microbit-v2 --data photos        for your own images, on a board

Begins with the line that `train` would choose, and draws others at random, each as wide as the board allows. Trains all
of them briefly, then the best third three times as long, and so on (successive halving). Lines are compared on
validation images split off the training images; test images are not used. Ctrl-C stops the search; the same command
continues it.")]
pub struct SearchArgs {
    /// The board or memory that the networks have to fit.
    #[command(flatten)]
    budget: BudgetArgs,

    /// Limit of the multiply-accumulates per image; K and M are 1,000 and 1,000,000 [default: no limit]. With it, lines
    /// may have depthwise convolutions and shortcuts
    #[arg(long, value_name = "N", value_parser = count)]
    macs: Option<u64>,

    /// Number of lines in the first round
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    candidates: u32,

    /// Epochs of the first, shortest training runs [default: as many as make 300 steps: 1 for 60,000 images, 5 for 2,000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    epochs: Option<u32>,

    /// Input shape, channels x rows x columns [default: the shape of the images; in a folder, up to 64 pixels a side]
    #[arg(long, value_name = "CxHxW", value_parser = shape)]
    shape: Option<Shape>,

    /// Seed of all random numbers
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Threads; 0 uses one per processor
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,

    /// The images.
    #[command(flatten)]
    images: ImageArgs,

    /// Folder for the results of all training runs
    #[arg(long, value_name = "DIR", default_value = "runs/search")]
    out: PathBuf,

    /// Print the result as one JSON object; docs/json.md describes it
    #[arg(long)]
    json: bool,
}

/// Runs the search and prints each round's lines, best first.
pub fn run(args: &SearchArgs, console: &Console) -> Outcome<ExitCode> {
    let console = &Console { quiet: console.quiet || args.json };
    let mut rounds = Vec::new();
    // Only the pictures of a folder are resized.
    let wanted = args.shape.unwrap_or_else(|| args.budget.shape(&args.images));
    let threads = threads_of(args.threads, console);
    let mut splits = args.images.load(wanted, console)?;
    let input = args.shape.unwrap_or(splits.train.shape());
    let classes = splits.train.class_names().len();
    images::check(input, classes, &splits)?;
    model_file::check_names(splits.train.class_names())?;
    let fingerprint = splits.train.fingerprint();
    let batch = Recipe::usual_batch(splits.train.len());
    let validation = images::split_off(&recipe(args, 1, batch), &mut splits)?;
    let epochs = args.epochs.unwrap_or_else(|| first_epochs(splits.train.len(), batch));
    let measured = validation.as_ref().unwrap_or(&splits.test);

    let budget = args.budget.budget(splits.train.class_names(), args.macs.unwrap_or(u64::MAX));
    let mut plans = candidates(input, classes, &budget, args.candidates as usize, args.seed);
    if let Some(usual) = family::fitting(input, classes, &budget) {
        plans.retain(|plan| plan.spec() != usual.spec());
        plans.insert(0, usual);
        plans.truncate(args.candidates as usize);
    }
    if plans.is_empty() {
        return Err(format!(
            "no network for {input} fits {}: allow more with --board, --flash or --ram, or pass a smaller --shape",
            args.budget
        )
        .into());
    }
    console.say(format_args!("{} lines for {}.", plans.len(), args.budget));
    interrupt::listen()?;
    let mut trials = Trials::open(args.out.join("trials.jsonl"))?;
    for (count, epochs) in rungs(plans.len(), epochs) {
        plans.truncate(count);
        let mut round = Vec::new();
        for (number, plan) in plans.iter().enumerate().map(|(i, plan)| (i + 1, plan)) {
            let trial = Trial::new(plan, epochs, args.seed, &fingerprint);
            let done = match trials.find(&trial) {
                Some(done) => done,
                None => {
                    let bar = console.bar(
                        u64::from(epochs),
                        &format!("{number} of {count} {{bar:20}} epoch {{pos}}/{{len}} {{eta}}"),
                    );
                    let outcome = train(plan, &recipe(args, epochs, batch), &splits.train, measured, threads, &bar);
                    bar.finish_and_clear();
                    match outcome? {
                        Some((accuracy, seconds)) => trials.add(trial.done(accuracy, seconds))?,
                        None => {
                            let path = trials.path().display();
                            console.result(format_args!(
                                "\nStopped. The same command continues with the results in {path}."
                            ));
                            return Ok(ExitCode::from(130));
                        }
                    }
                }
            };
            console.say(format_args!("{number} of {count}  {}  {epochs:>3} epoch(s)  {}", done.percent(), done.line));
            round.push((*plan, done));
        }
        if round.iter().all(|(_, trial)| trial.accuracy.is_none()) {
            return Err("no line could be trained: try another --seed or more --epochs".into());
        }
        // The sort is stable: of equals, the line drawn first comes first.
        round.sort_by(|(_, a), (_, b)| b.accuracy.unwrap_or(0.0).total_cmp(&a.accuracy.unwrap_or(0.0)));
        plans = round.iter().map(|(plan, _)| *plan).collect();
        match args.json {
            true => rounds.push(json!({ "epochs": epochs, "networks": round.iter().map(network).collect::<Vec<_>>() })),
            false => {
                console.result(format_args!("\n{:1$}\n", table(&round, epochs), console.columns()));
                let lines =
                    round.iter().enumerate().map(|(number, (_, trial))| format!("{}  {}", number + 1, trial.line));
                console.result(format_args!("{}\n", lines.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    if args.json {
        console.result(format_args!(
            "{}",
            json!({ "rounds": rounds, "best": plans.first().map(|plan| plan.spec().to_string()) })
        ));
    }
    if let Some(best) = plans.first() {
        let flags = args.images.flags(&splits);
        // The recipe for the user's own images has batch normalisation by default.
        let recipe = if images::are_own(args.images.kind()) { "" } else { " --optimizer sgd --batch-norm --epochs 30" };
        console.say(format_args!(
            "Train the best with:\n  {} train{recipe}{flags} --line \"{}\"",
            program(),
            best.spec()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the recipe of the short training runs: batch normalisation, and a learning rate that is stable for every
/// seed.
fn recipe(args: &SearchArgs, epochs: u32, batch: usize) -> Recipe {
    Recipe {
        seed: args.seed,
        epochs,
        batch,
        lr: 0.05,
        optimizer: Optimizer::Sgd { momentum: 0.9, decay: 5e-4, nesterov: true },
        batch_norm: Some(32),
        validation: 0.1,
        ..Recipe::default()
    }
}

/// Trains a network and returns its accuracy (`None` if it died or diverged) and the seconds of training. Returns
/// `None` if the user stopped the search.
fn train(
    plan: &Plan,
    recipe: &Recipe,
    images: &Dataset,
    measured: &Dataset,
    threads: usize,
    bar: &ProgressBar,
) -> Outcome<Option<(Option<f64>, f64)>> {
    let begun = Instant::now();
    let preprocessing = Preprocessing::unit(plan.shape(0).channels.into());
    let names = images.class_names().to_vec();
    let mut trainer = Trainer::new(*plan.spec(), recipe.clone(), preprocessing, names, threads)?;
    while !trainer.is_done() {
        let stop = |_| if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        match trainer.epoch(images, stop) {
            Ok(Ended::Stopped) => return Ok(None),
            Ok(Ended::Epoch(_)) if interrupt::asked() => return Ok(None),
            Ok(Ended::Epoch(_)) => bar.inc(1),
            Err(TrainError::Dead { .. } | TrainError::Diverged { .. }) => {
                return Ok(Some((None, begun.elapsed().as_secs_f64())));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let accuracy = match trainer.evaluate(measured) {
        Ok(evaluation) => Some(evaluation.accuracy),
        Err(TrainError::Ruined { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Some((accuracy, begun.elapsed().as_secs_f64())))
}

/// Returns a line and its result as JSON.
fn network((plan, trial): &(Plan, Trial)) -> Value {
    let needs = Resources::new(plan);
    json!({
        "line": trial.line,
        "accuracy": trial.accuracy,
        "seconds": trial.seconds,
        "parameters": needs.parameters,
        "macs": needs.macs,
        "ram": { "int8": needs.streaming_int8 },
        "flash": { "int8": needs.flash_int8 },
    })
}

fn table(round: &[(Plan, Trial)], epochs: u32) -> Table {
    use Align::Right;
    let head = format!("after {epochs}");
    let columns = [
        ("", Right),
        (head.as_str(), Right),
        ("seconds", Right),
        ("parameters", Right),
        ("MACs", Right),
        ("RAM int8", Right),
        ("flash int8", Right),
    ];
    let mut table = Table::new(columns);
    table.narrower([vec![2], vec![2, 3], vec![2, 3, 4]]);
    for (number, (plan, trial)) in round.iter().enumerate() {
        let needs = Resources::new(plan);
        table.row([
            (number + 1).to_string(),
            trial.percent(),
            format!("{:.0}", trial.seconds),
            grouped(needs.parameters),
            grouped(needs.macs),
            bytes(needs.streaming_int8),
            bytes(needs.flash_int8),
        ]);
    }
    table
}
