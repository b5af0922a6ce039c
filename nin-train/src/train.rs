//! The training loop.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use nin_core::{Plan, Shape, Spec};
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, Preprocessing, order};
use crate::checkpoint::Checkpoint;
use crate::dataset::Dataset;
use crate::distill::{self, Teacher};
use crate::engine::{Draw, Engine, NoThreads, Outcome};
use crate::loss::argmax;
use crate::normalization;
use crate::optim::State;
use crate::parameters::{initial, tensors};
use crate::quantize::aware;
use crate::recipe::Recipe;

/// Why training cannot begin or go on. The text is one sentence.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrainError {
    /// The system gave no threads.
    Threads(NoThreads),
    /// A recipe with a value that cannot be used; says which.
    Recipe(&'static str),
    /// Images with other channels than the network reads.
    Channels {
        /// Shape of the images.
        images: Shape,
        /// Shape the network reads.
        input: Shape,
    },
    /// More classes in the data than the network tells apart.
    Classes {
        /// Classes of the data.
        data: usize,
        /// Classes of the network.
        network: usize,
    },
    /// Preprocessing for another number of channels.
    Preprocessing,
    /// A data set without images.
    Empty,
    /// The loss is no longer a number.
    Diverged {
        /// Epoch, from 1.
        epoch: u32,
        /// Step of the epoch, from 1.
        step: u64,
        /// Learning rate of the step before.
        lr: f32,
    },
    /// For many steps no image has given the first layer any gradient: the ReLUs have cut every path through the
    /// network.
    Dead {
        /// Epoch, from 1.
        epoch: u32,
        /// Step of the epoch, from 1.
        step: u64,
    },
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrainError::Threads(error) => error.fmt(f),
            TrainError::Recipe(problem) => f.write_str(problem),
            TrainError::Channels { images, input } => write!(
                f,
                "the images are {images} and the network reads {input}: they differ in channels (the first number)"
            ),
            TrainError::Classes { data, network } => {
                write!(f, "the data has {data} classes, but the network tells {network} apart")
            }
            TrainError::Preprocessing => f.write_str("the preprocessing is for another number of channels"),
            TrainError::Empty => f.write_str("there are no images to work on"),
            TrainError::Diverged { epoch, step, lr } => write!(
                f,
                "training diverged in epoch {epoch}, step {step}: the loss is no longer a number; try a learning rate \
                 below {lr}, or a warm-up"
            ),
            TrainError::Dead { epoch, step } => write!(
                f,
                "the network died by epoch {epoch}, step {step}: its ReLUs let no gradient through any more, so nothing \
                 can be learned; try a lower learning rate, another seed, or the head `gap fc` in place of `gap`, \
                 whose logits have no ReLU"
            ),
        }
    }
}

impl std::error::Error for TrainError {}

impl From<NoThreads> for TrainError {
    fn from(error: NoThreads) -> TrainError {
        TrainError::Threads(error)
    }
}

/// How far an epoch has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Epoch, from 1.
    pub epoch: u32,
    /// Steps of this epoch that are done.
    pub step: u64,
    /// Steps of an epoch.
    pub steps: u64,
    /// Images of this epoch that are done.
    pub images: usize,
    /// Mean loss of the last step.
    pub loss: f64,
    /// Learning rate of the last step.
    pub lr: f32,
    /// Images a second since the epoch began, or since it was resumed.
    pub images_per_second: f64,
}

/// What a part of an epoch came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Share of the epoch's steps that are done at its end.
    pub done: f64,
    /// Mean loss over its images, each as the network stood when it saw it.
    pub loss: f64,
    /// Share of its images classified rightly, likewise.
    pub accuracy: f64,
}

/// Parts of an epoch, as many as the book draws into its curves.
const PARTS: u64 = 5;

/// What an epoch came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Epoch, from 1.
    pub epoch: u32,
    /// Mean loss over the epoch's images, each as the network stood when it saw it.
    pub loss: f64,
    /// Share of images classified rightly, likewise.
    pub accuracy: f64,
    /// Learning rate of the last step.
    pub lr: f32,
    /// Seconds of training.
    pub seconds: f64,
    /// Images a second.
    pub images_per_second: f64,
    /// Loss on images not trained with, once [`Trainer::record`] gave it.
    pub test_loss: Option<f64>,
    /// Accuracy on images not trained with, likewise.
    pub test_accuracy: Option<f64>,
    /// Its course, a fifth of its steps at a time.
    #[serde(default)]
    pub parts: Vec<Part>,
}

/// How [`Trainer::epoch`] ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// The epoch is done.
    Epoch(EpochReport),
    /// The caller stopped it; the next call of [`Trainer::epoch`] goes on.
    Stopped,
}

/// How a network does on a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Mean cross-entropy.
    pub loss: f64,
    /// Share of images classified rightly.
    pub accuracy: f64,
    /// Images.
    pub images: usize,
    /// Images of true class (row) and predicted class (column).
    pub confusion: Vec<Vec<u32>>,
    /// Images a second.
    pub images_per_second: f64,
}

/// An engine with the network that a checkpoint's run would export, to evaluate it; `threads` 0 means one for each
/// processor.
///
/// # Errors
///
/// If the checkpoint's line is wrong, or the system gives no threads.
pub fn evaluator(checkpoint: &Checkpoint, threads: usize) -> Result<Engine, TrainError> {
    let Checkpoint { line, recipe, preprocessing, parameters, average, .. } = checkpoint;
    let spec = Spec::parse(line).map_err(|_| TrainError::Recipe("the checkpoint's line is wrong"))?;
    let mut engine = match &recipe.quantize {
        Some(weights) => Engine::rounding(spec, 0, preprocessing.steps()?, weights, threads)?,
        None => Engine::new(spec, 0, threads)?,
    };
    load(&mut engine, recipe, parameters, average);
    Ok(engine)
}

/// Loads what is evaluated: the average, if there is one; with normalisation folded in, or with the ranges.
fn load(engine: &mut Engine, recipe: &Recipe, parameters: &[f32], average: &[f32]) {
    match recipe.quantize {
        Some(_) => engine.load(if average.is_empty() { parameters } else { average }),
        None => engine.load(&deployed(&Plan::new(*engine.plan().spec()), parameters, average)),
    }
}

/// Evaluates the parameters loaded in an engine on a data set.
///
/// # Errors
///
/// If the data does not fit the network.
pub fn evaluate(engine: &mut Engine, data: &Dataset, preprocessing: &Preprocessing) -> Result<Evaluation, TrainError> {
    evaluate_each(engine, data, preprocessing, |_, _, _| {})
}

/// [`evaluate`], where `each(index, label, logits)` sees every image, from any thread.
///
/// # Errors
///
/// If the data does not fit the network.
pub fn evaluate_each(
    engine: &mut Engine,
    data: &Dataset,
    preprocessing: &Preprocessing,
    each: impl Fn(usize, usize, &[f32]) + Sync,
) -> Result<Evaluation, TrainError> {
    check_data(engine.plan(), data, preprocessing)?;
    let (input, classes) = (engine.plan().shape(0), engine.plan().classes());
    let counts: Vec<AtomicU32> = (0..classes * classes).map(|_| AtomicU32::new(0)).collect();
    let start = Instant::now();
    let batch = Batch { data, indices: None, input, preprocessing, augment: None, smoothing: 0.0 };
    let outcome = engine.forward(&batch, |index, label, logits| {
        each(index, label, logits);
        counts[label * classes + argmax(logits)].fetch_add(1, Ordering::Relaxed);
    });
    let rows = counts.chunks_exact(classes);
    Ok(Evaluation {
        loss: outcome.loss / outcome.images as f64,
        accuracy: outcome.correct as f64 / outcome.images as f64,
        images: outcome.images,
        confusion: rows.map(|row| row.iter().map(|count| count.load(Ordering::Relaxed)).collect()).collect(),
        images_per_second: outcome.images as f64 / start.elapsed().as_secs_f64(),
    })
}

fn check_data(plan: &Plan, data: &Dataset, preprocessing: &Preprocessing) -> Result<(), TrainError> {
    let (images, input) = (data.shape(), plan.shape(0));
    let classes = data.class_names().len();
    if data.is_empty() {
        return Err(TrainError::Empty);
    }
    if images.channels != input.channels {
        return Err(TrainError::Channels { images, input });
    }
    if classes > plan.classes() {
        return Err(TrainError::Classes { data: classes, network: plan.classes() });
    }
    let channels = input.channels as usize;
    if preprocessing.mean.len() != channels || preprocessing.scale.len() != channels {
        return Err(TrainError::Preprocessing);
    }
    Ok(())
}

/// Where in its training a run stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Epochs done.
    pub epoch: u32,
    /// Steps done of the epoch that follows.
    pub step: u64,
    /// Sum of the losses of those steps' images.
    pub loss: f64,
    /// Images of those steps classified rightly.
    pub correct: usize,
    /// Images of those steps.
    pub images: usize,
    /// Seconds that they took.
    pub seconds: f64,
    /// The last steps in which no gradient reached the first layer, in a row.
    pub dead: u64,
    /// The parts of that epoch that are done.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// What has been done of the part that follows.
    #[serde(default)]
    pub part: Sums,
}

/// Sums over the images of some steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// Losses.
    pub loss: f64,
    /// Images classified rightly.
    pub correct: usize,
    /// Images.
    pub images: usize,
}

/// Dead steps in a row after which a run is given up: momentum may move it back to life in the first few.
const DEAD_STEPS: u64 = 20;

/// A training run.
pub struct Trainer {
    engine: Engine,
    /// What it does.
    recipe: Recipe,
    preprocessing: Preprocessing,
    class_names: Vec<String>,
    /// With normalisation, as [`normalization`] orders them.
    parameters: Vec<f32>,
    /// Their moving average, or nothing.
    average: Vec<f32>,
    gradient: Vec<f32>,
    /// Parameters of the first layer.
    inputs: usize,
    state: State,
    position: Position,
    history: Vec<EpochReport>,
    teacher: Option<Teacher>,
}

impl Trainer {
    /// A run that has not begun; `threads` 0 means one for each processor.
    ///
    /// # Errors
    ///
    /// If the recipe has a value that cannot be used, or the system gives no threads.
    pub fn new(
        spec: Spec,
        recipe: Recipe,
        preprocessing: Preprocessing,
        class_names: Vec<String>,
        threads: usize,
    ) -> Result<Trainer, TrainError> {
        let parameters = initial(&Plan::new(spec), recipe.init, recipe.seed);
        let checkpoint = Checkpoint::begin(&spec, recipe, preprocessing, class_names, parameters);
        Trainer::start(spec, checkpoint, threads)
    }

    /// Goes on where a checkpoint was made; from there everything is as if the run had never stopped, whatever the
    /// number of threads.
    ///
    /// # Errors
    ///
    /// As [`Trainer::new`].
    pub fn resume(checkpoint: Checkpoint, threads: usize) -> Result<Trainer, TrainError> {
        let spec = Spec::parse(&checkpoint.line).map_err(|_| TrainError::Recipe("the checkpoint's line is wrong"))?;
        Trainer::start(spec, checkpoint, threads)
    }

    fn start(spec: Spec, checkpoint: Checkpoint, threads: usize) -> Result<Trainer, TrainError> {
        let Checkpoint { recipe, preprocessing, class_names, position, history, .. } = checkpoint;
        let Checkpoint { parameters, average, state, teacher, .. } = checkpoint;
        recipe.check().map_err(TrainError::Recipe)?;
        let mut engine = match (recipe.batch_norm, &recipe.quantize) {
            (Some(images), _) => Engine::normalizing(spec, recipe.batch, images, threads)?,
            (None, Some(weights)) => Engine::rounding(spec, recipe.batch, preprocessing.steps()?, weights, threads)?,
            (None, None) => Engine::new(spec, recipe.batch, threads)?,
        };
        match (recipe.distill, &teacher) {
            (Some(distill), Some(teacher)) => {
                let spec = Spec::parse(&teacher.line);
                let fit = spec.ok().filter(|spec| distill::check(&Plan::new(*spec), engine.plan()).is_ok());
                let spec = fit.ok_or(TrainError::Recipe("the teacher does not fit the network"))?;
                engine.teach(spec, &teacher.parameters, distill);
            }
            (Some(_), None) => return Err(TrainError::Recipe("to distil there must be a teacher")),
            (None, _) => {}
        }
        let gradient = vec![0.0; recipe.trainable(engine.plan())];
        let inputs = tensors(engine.plan()).first().map_or(0, |tensor| tensor.bias.end);
        Ok(Trainer {
            engine,
            recipe,
            preprocessing,
            class_names,
            parameters,
            average,
            gradient,
            inputs,
            state,
            position,
            history,
            teacher,
        })
    }

    /// Trains to the end of the current epoch. `on_batch` is called after each step, and may stop the epoch there.
    ///
    /// # Errors
    ///
    /// If the data does not fit the network, or the run diverged or died; the parameters then are those before the
    /// step that failed.
    pub fn epoch(
        &mut self,
        data: &Dataset,
        mut on_batch: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Ended, TrainError> {
        check_data(self.engine.plan(), data, &self.preprocessing)?;
        let recipe = &self.recipe;
        let input = self.engine.plan().shape(0);
        let epoch = self.position.epoch;
        let order = order(data.len(), recipe.seed, epoch.into());
        let steps = data.len().div_ceil(recipe.batch) as u64;
        let (begun, before) = (Instant::now(), self.position.seconds);
        let images_before = self.position.images;
        let mut lr = recipe.lr;
        for indices in order.chunks(recipe.batch).skip(self.position.step as usize) {
            let step = u64::from(epoch) * steps + self.position.step;
            let batch = Batch {
                data,
                indices: Some(indices),
                input,
                preprocessing: &self.preprocessing,
                augment: Some((recipe.augment, recipe.mixup, recipe.seed, epoch.into())),
                smoothing: recipe.smoothing,
            };
            self.engine.load(&self.parameters);
            let outcome = self.engine.gradient(&batch, Draw { seed: recipe.seed, step }, &mut self.gradient);
            let dead = self.inputs > 0 && self.gradient[..self.inputs].iter().all(|gradient| *gradient == 0.0);
            self.position.check(outcome, dead, lr)?;

            lr = recipe.rate(step, steps);
            let (engine, gradient) = (&self.engine, &self.gradient);
            let trained = &mut self.parameters[..gradient.len()];
            engine.install(|| recipe.optimizer.step(lr, trained, gradient, &mut self.state));
            normalization::follow(&mut self.parameters, engine.moments());
            if recipe.quantize.is_some() {
                aware::bound(&mut self.parameters[engine.plan().parameters()..]);
            }
            recipe.average(&self.parameters, &mut self.average, self.state.steps);

            self.position.add(outcome, steps);
            let elapsed = begun.elapsed().as_secs_f64();
            self.position.seconds = before + elapsed;
            let progress = Progress {
                epoch: epoch + 1,
                step: self.position.step,
                steps,
                images: self.position.images,
                loss: outcome.loss / outcome.images as f64,
                lr,
                images_per_second: (self.position.images - images_before) as f64 / elapsed,
            };
            if on_batch(progress).is_break() && self.position.step < steps {
                return Ok(Ended::Stopped);
            }
        }
        Ok(Ended::Epoch(self.finish(lr)))
    }

    fn finish(&mut self, lr: f32) -> EpochReport {
        let Position { epoch, loss, correct, images, seconds, dead, parts, .. } = std::mem::take(&mut self.position);
        let report = EpochReport {
            epoch: epoch + 1,
            loss: loss / images as f64,
            accuracy: correct as f64 / images as f64,
            lr,
            seconds,
            images_per_second: images as f64 / seconds,
            test_loss: None,
            test_accuracy: None,
            parts,
        };
        self.position = Position { epoch: epoch + 1, dead, ..Position::default() };
        self.history.push(report.clone());
        report
    }

    /// Evaluates the network as it stands.
    ///
    /// # Errors
    ///
    /// If the data does not fit the network.
    pub fn evaluate(&mut self, data: &Dataset) -> Result<Evaluation, TrainError> {
        load(&mut self.engine, &self.recipe, &self.parameters, &self.average);
        evaluate(&mut self.engine, data, &self.preprocessing)
    }

    /// Notes how the last epoch's network did on images not trained with, and says whether it is the best so far.
    pub fn record(&mut self, evaluation: &Evaluation) -> bool {
        let best = self.best();
        if let Some(report) = self.history.last_mut() {
            report.test_loss = Some(evaluation.loss);
            report.test_accuracy = Some(evaluation.accuracy);
        }
        best.is_none_or(|best| evaluation.accuracy > best)
    }

    /// The best accuracy recorded.
    pub fn best(&self) -> Option<f64> {
        self.history.iter().filter_map(|report| report.test_accuracy).max_by(f64::total_cmp)
    }

    /// Everything needed to go on later.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            line: self.engine.plan().spec().to_string(),
            recipe: self.recipe.clone(),
            preprocessing: self.preprocessing.clone(),
            class_names: self.class_names.clone(),
            position: self.position.clone(),
            history: self.history.clone(),
            parameters: self.parameters.clone(),
            average: self.average.clone(),
            state: self.state.clone(),
            teacher: self.teacher.clone(),
        }
    }

    /// Whether all of the recipe's epochs are done, or its patience is.
    pub fn is_done(&self) -> bool {
        self.position.epoch >= self.recipe.epochs || self.has_stalled()
    }

    /// Whether the recipe's patience is done.
    pub fn has_stalled(&self) -> bool {
        let accuracies: Vec<f64> = self.history.iter().filter_map(|report| report.test_accuracy).collect();
        let best = accuracies.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let since = accuracies.iter().position(|accuracy| *accuracy == best).map_or(0, |at| accuracies.len() - 1 - at);
        self.recipe.patience > 0 && since >= self.recipe.patience as usize
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The network's plan.
    pub fn plan(&self) -> &Plan {
        self.engine.plan()
    }

    /// How bytes become the network's input.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// The names of the classes.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The network's parameters as they would be exported now, in the order of [`crate::parameters`]: the average, if
    /// there is one, with normalisation folded in.
    pub fn parameters(&self) -> Vec<f32> {
        deployed(self.engine.plan(), &self.parameters, &self.average)
    }

    /// Where the run stands.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The epochs done.
    pub fn history(&self) -> &[EpochReport] {
        &self.history
    }
}

/// The parameters that a device gets: of the average, if there is one, with normalisation folded in.
pub(crate) fn deployed(plan: &Plan, parameters: &[f32], average: &[f32]) -> Vec<f32> {
    normalization::fold(plan, if average.is_empty() { parameters } else { average })
}

impl Position {
    /// Whether a step's loss allows to go on.
    fn check(&mut self, outcome: Outcome, dead: bool, lr: f32) -> Result<(), TrainError> {
        let (epoch, step) = (self.epoch + 1, self.step + 1);
        if !outcome.loss.is_finite() {
            return Err(TrainError::Diverged { epoch, step, lr });
        }
        self.dead = if dead { self.dead + 1 } else { 0 };
        if self.dead >= DEAD_STEPS {
            return Err(TrainError::Dead { epoch, step });
        }
        Ok(())
    }

    fn add(&mut self, outcome: Outcome, steps: u64) {
        let Outcome { loss, correct, images, .. } = outcome;
        self.step += 1;
        self.loss += loss;
        self.correct += correct;
        self.images += images;

        let part = &mut self.part;
        *part = Sums { loss: part.loss + loss, correct: part.correct + correct, images: part.images + images };
        if self.step * PARTS / steps > (self.step - 1) * PARTS / steps {
            let Sums { loss, correct, images } = std::mem::take(part);
            self.parts.push(Part {
                done: self.step as f64 / steps as f64,
                loss: loss / images as f64,
                accuracy: correct as f64 / images as f64,
            });
        }
    }
}
