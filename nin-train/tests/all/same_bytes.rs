//! The same seed gives the same bytes: with any number of threads, and when a run stops and resumes.

use crate::timeless;

use std::ops::ControlFlow;

use nin_core::{Plan, Shape, Spec};
use nin_train::data::Augment;
use nin_train::data::Dataset;
use nin_train::engine::distill::{Distill, Teacher};
use nin_train::network::parameters::{Init, initial};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::support::random::{Purpose, Stream};
use nin_train::training::checkpoint::{Checkpoint, Problem, VERSION};
use nin_train::training::error::TrainError;
use nin_train::training::optim::Optimizer;
use nin_train::training::position::EpochPart;
use nin_train::training::trainer::Ended;
use nin_train::{Recipe, Trainer};
use timeless::bytes;

const LINE: &str = "1x14x14 nin3+1:8,8 max3/2 drop0.3 nin3+1:12,4 gap fc4";
/// One of the whole family: depthwise and grouped convolutions, shortcuts, ReLU6, padding that differs by side.
const FAMILY: &str =
    "1x14x14 nin3+1:8r6 res(dw3+1:8id)r6 drop0.3 proj(dw3/2+same:12id) nin1g2:12 mean3x2/2+0,1 gap fc4";
/// The teacher, if a recipe has one.
const TEACHER: &str = "1x14x14 nin3+1:16,16 max3/2 nin3+1:24 gap fc4";

/// Images whose class is the position of their brightest quarter.
fn data(images: usize) -> Dataset {
    let mut stream = Stream::new(3, Purpose::Order, 0, 0);
    let mut bytes = Vec::new();
    for image in 0..images {
        for row in 0..12 {
            for column in 0..12 {
                let bright = (row / 6) * 2 + column / 6 == image % 4;
                bytes.push(stream.below(100) as u8 + if bright { 120 } else { 0 });
            }
        }
    }
    let names = ["a", "b", "c", "d"].map(String::from).to_vec();
    let shape = Shape { channels: 1, rows: 12, columns: 12 };
    Dataset::new(bytes, shape, (0..images).map(|i| (i % 4) as u16).collect(), names).expect("a good data set")
}

fn recipe(optimizer: Optimizer) -> Recipe {
    Recipe {
        epochs: 2,
        batch: 36,
        lr: 0.02,
        optimizer,
        smoothing: 0.1,
        augment: Augment { crop: 1, ..Augment::default() },
        ..Recipe::default()
    }
}

fn trainer(recipe: Recipe, threads: usize) -> Trainer {
    trainer_of(LINE, recipe, threads)
}

fn trainer_of(line: &str, recipe: Recipe, threads: usize) -> Trainer {
    let names = data(4).class_names().to_vec();
    let spec = Spec::parse(line).expect(line);
    let parameters = initial(&Plan::new(spec), recipe.init, recipe.seed);
    let taught = recipe.distill.is_some();
    let mut begun = Checkpoint::begin(&spec, recipe, Preprocessing::unit(1), names, parameters);
    if taught {
        let parameters = initial(&Plan::new(Spec::new(TEACHER)), Init::He, 5);
        begun.teachers = vec![Teacher { spec: Spec::new(TEACHER), parameters }];
    }
    Trainer::resume(begun, threads).expect("a good recipe")
}

/// Returns one recipe for each optimiser, and one with every option.
fn recipes() -> [Recipe; 4] {
    let nesterov = recipe(Optimizer::Sgd { momentum: 0.9, decay: 1e-3, nesterov: true });
    let augment = Augment { flip: true, crop: 1, rotate: 10, erase: 0.5, brightness: 0.3, contrast: 0.3 };
    [
        recipe(Optimizer::default()),
        Recipe {
            augment,
            mixup: 0.4,
            batch_norm: Some(7),
            ema: 0.9,
            balanced: true,
            distill: Some(Distill { share: 0.6, temperature: 2.0 }),
            ..nesterov.clone()
        },
        nesterov,
        recipe(Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.01 }),
    ]
}

fn whole_run(recipe: &Recipe, threads: usize, data: &Dataset) -> Trainer {
    finished(trainer(recipe.clone(), threads), data)
}

fn finished(mut trainer: Trainer, data: &Dataset) -> Trainer {
    while !trainer.is_done() {
        trainer.epoch(data, |_| ControlFlow::Continue(())).expect("an epoch");
        let evaluation = trainer.evaluate(data).expect("an evaluation");
        trainer.record(&evaluation);
    }
    trainer
}

#[test]
fn any_number_of_threads() {
    let data = data(200);
    for recipe in recipes() {
        let one = bytes(whole_run(&recipe, 1, &data).checkpoint());
        for threads in [2, 3, 4] {
            assert!(bytes(whole_run(&recipe, threads, &data).checkpoint()) == one, "{threads} threads, {recipe:?}");
        }
    }
}

#[test]
fn the_whole_family() {
    let data = data(200);
    for recipe in &recipes()[..2] {
        let one = bytes(finished(trainer_of(FAMILY, recipe.clone(), 1), &data).checkpoint());
        let three = bytes(finished(trainer_of(FAMILY, recipe.clone(), 3), &data).checkpoint());
        assert!(one == three, "{recipe:?}");
        let mut run = trainer_of(FAMILY, recipe.clone(), 2);
        let ended = run.epoch(&data, |_| ControlFlow::Break(())).expect("a step");
        assert!(!matches!(ended, Ended::Epoch(_)));
        let kept = Checkpoint::from_bytes(&run.checkpoint().to_bytes()).expect("a good checkpoint");
        let run = finished(Trainer::resume(kept, 2).expect("a good checkpoint"), &data);
        assert!(bytes(run.checkpoint()) == one, "resumed, {recipe:?}");
    }
}

#[test]
fn stopped_and_resumed() {
    let data = data(200);
    for recipe in recipes() {
        let want = bytes(whole_run(&recipe, 2, &data).checkpoint());
        // Stops after every step, restores from the bytes of a file each time, with another number of threads.
        let mut run = trainer(recipe.clone(), 1);
        let mut threads = 1;
        while !run.is_done() {
            let ended = run.epoch(&data, |_| ControlFlow::Break(())).expect("a step");
            if matches!(ended, Ended::Epoch(_)) {
                let evaluation = run.evaluate(&data).expect("an evaluation");
                run.record(&evaluation);
            }
            let kept = Checkpoint::from_bytes(&run.checkpoint().to_bytes()).expect("a good checkpoint");
            assert_eq!(kept, run.checkpoint());
            threads = threads % 3 + 1;
            run = Trainer::resume(kept, threads).expect("a good checkpoint");
        }
        assert!(bytes(run.checkpoint()) == want, "{recipe:?}");
    }
}

#[test]
fn it_learns() {
    let data = data(400);
    let recipe = Recipe { epochs: 8, batch: 20, lr: 0.01, ..Recipe::default() };
    let names = data.class_names().to_vec();
    let line = Spec::new("1x12x12 nin3+1:8,8 max3/2 nin3+1:12,12 max3/2 gap fc4");
    let mut run = Trainer::new(line, recipe, Preprocessing::standard(&data), names, 0).expect("a recipe");
    while !run.is_done() {
        run.epoch(&data, |_| ControlFlow::Continue(())).expect("an epoch");
    }
    for report in run.history() {
        // Parts of four steps each.
        assert_eq!(report.parts.iter().map(|part| part.done).collect::<Vec<_>>(), [0.2, 0.4, 0.6, 0.8, 1.0]);
        let mean = |value: fn(&EpochPart) -> f64| report.parts.iter().map(value).sum::<f64>() / 5.0;
        let (loss, accuracy) = (mean(|part| part.loss), mean(|part| part.accuracy));
        assert!((loss - report.loss).abs() < 1e-9 && (accuracy - report.accuracy).abs() < 1e-9, "{report:?}");
    }
    let evaluation = run.evaluate(&data).expect("an evaluation");
    assert!(evaluation.accuracy > 0.9, "{evaluation:?}");
    let counted: u32 = evaluation.confusion.iter().flatten().sum();
    assert_eq!(counted as usize, data.len());
    let right: u32 = (0..4).map(|class| evaluation.confusion[class][class]).sum();
    assert_eq!(f64::from(right) / data.len() as f64, evaluation.accuracy);
}

#[test]
fn broken_checkpoints_are_refused() {
    let bytes = trainer(recipes()[1].clone(), 1).checkpoint().to_bytes();
    for len in 0..bytes.len() {
        let problem = Checkpoint::from_bytes(&bytes[..len]).expect_err("a truncated file");
        let said = matches!(problem, Problem::Truncated) || len == 0 && matches!(problem, Problem::NotACheckpoint);
        assert!(said, "{len}: {problem}");
    }
    for at in (0..bytes.len()).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        assert!(Checkpoint::from_bytes(&flipped).is_err(), "byte {at}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(Checkpoint::from_bytes(&longer), Err(Problem::Damaged)));
    let mut other = bytes.clone();
    other[8] = VERSION as u8 + 1;
    assert!(matches!(Checkpoint::from_bytes(&other), Err(Problem::Version { .. })));
    assert!(matches!(Checkpoint::from_bytes(b"NINM0123456789"), Err(Problem::NotACheckpoint)));
}

#[test]
fn saving_replaces_the_whole_file_or_nothing() {
    let folder = std::env::temp_dir().join(format!("nin-train-checkpoint-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("run.ckpt");
    let checkpoint = trainer(recipe(Optimizer::default()), 1).checkpoint();
    checkpoint.save(&path).expect("saved");
    checkpoint.save(&path).expect("saved again");
    assert_eq!(Checkpoint::load(&path).expect("loaded"), checkpoint);
    assert_eq!(std::fs::read_dir(&folder).expect("the folder").count(), 1, "nothing is left beside it");
    let nowhere = path.join("run.ckpt");
    let error = checkpoint.save(&nowhere).expect_err("a file is no folder").to_string();
    assert!(error.contains("run.ckpt") && !error.contains('\n'), "{error}");
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_run_that_diverges_or_dies_says_so() {
    let data = data(200);
    let names = data.class_names().to_vec();
    let run = |lr: f32, line: &str, kill: bool| {
        let spec = Spec::parse(line).expect("a line");
        let recipe = Recipe { epochs: 20, batch: 8, ..Recipe::book(lr) };
        let mut run = Trainer::new(spec, recipe, Preprocessing::unit(1), names.clone(), 1).expect("a recipe");
        if kill {
            let mut dead = run.checkpoint();
            dead.parameters.iter_mut().for_each(|parameter| *parameter = -parameter.abs() - 0.01);
            run = Trainer::resume(dead, 1).expect("a checkpoint");
        }
        while !run.is_done() {
            run.epoch(&data, |_| ControlFlow::Continue(()))?;
        }
        Ok::<_, TrainError>(())
    };
    let diverged = run(1e30, "1x12x12 gap fc4,4", false).expect_err("a rate far too high");
    assert!(matches!(diverged, TrainError::Diverged { .. }), "{diverged}");
    // If a step's update ruins the network, that step's loss does not show it: a checkpoint must not contain it.
    let recipe = Recipe { epochs: 20, batch: 8, ..Recipe::book(1e30) };
    let spec = Spec::new("1x12x12 gap fc4,4");
    let mut single = Trainer::new(spec, recipe, Preprocessing::unit(1), names.clone(), 1).expect("a recipe");
    let ruined = single.epoch(&data, |_| ControlFlow::Break(())).expect_err("not worth saving");
    assert!(matches!(ruined, TrainError::Diverged { epoch: 1, step: 1, .. }), "{ruined}");
    let dead = run(0.01, "1x12x12 nin3:8,4 gap", true).expect_err("no logit is above 0");
    let cut = run(1e6, "1x12x12 nin3:8 gap fc4", false).expect_err("a rate that cuts every path");
    assert!(matches!(cut, TrainError::Dead { .. }), "{cut}");
    assert!(matches!(dead, TrainError::Dead { epoch: 1, step: 20 }), "{dead}");
    println!("{diverged}\n{dead}");
}

/// A single value can only be normalised to 0.
#[test]
fn normalisation_needs_more_than_one_value() {
    let data = data(33);
    let run = |line: &str, batch: usize, images: usize| {
        let spec = Spec::parse(line).expect("a line");
        let recipe = Recipe { batch, batch_norm: Some(images), ..Recipe::default() };
        let names = data.class_names().to_vec();
        let mut run = Trainer::new(spec, recipe, Preprocessing::unit(1), names, 1).expect("a recipe");
        run.epoch(&data, |_| ControlFlow::Continue(()))
    };
    let pixel = "1x12x12 nin3:8 fc8,4";
    // One image in each group; in some groups (5 in groups of 2); in the last batch of an epoch.
    for (batch, images) in [(16, 1), (1, 32), (5, 2), (16, 8)] {
        let refused = run(pixel, batch, images).expect_err("groups of one image");
        assert!(refused.to_string().contains("--batch"), "{batch} {images}: {refused}");
        assert!(run("1x12x12 nin3:8 nin3:4 gap", batch, images).is_ok(), "whole maps have many values");
    }
    assert!(run(pixel, 11, 6).is_ok());
}

#[test]
fn data_of_another_kind_is_refused() {
    let data = data(8);
    let run = |line: &str| {
        let spec = Spec::parse(line).expect("a line");
        let preprocessing = Preprocessing::unit(spec.input().channels.into());
        let mut run = Trainer::new(spec, Recipe::default(), preprocessing, Vec::new(), 1).expect("a recipe");
        run.epoch(&data, |_| ControlFlow::Continue(())).expect_err("data that does not fit")
    };
    assert!(matches!(run("3x12x12 gap fc4"), TrainError::Channels { .. }));
    assert!(matches!(run("1x12x12 gap fc3"), TrainError::Classes { data: 4, network: 3 }));
}
