//! The training loop.

mod error;
mod evaluation;
mod position;
mod run;

use std::fmt;
use std::ops::ControlFlow;
use std::time::Instant;

use nin_core::{Plan, Spec};

use crate::data::Dataset;
use crate::data::batch::{Batch, Changes, Preprocessing, order};
use crate::engine::distill::{self, Teacher};
use crate::engine::{Draw, Engine};
use crate::integers::aware;
use crate::network::normalization;
use crate::network::parameters::{initial, tensors};
use crate::training::checkpoint::Checkpoint;
use crate::training::optim::State;
use crate::training::recipe::Recipe;

pub use error::TrainError;
pub(crate) use evaluation::deployed;
pub use evaluation::{Evaluation, evaluate, evaluate_each, evaluator};
use evaluation::{check_data, load};
pub use position::{EpochReport, Part, Position, Sums};

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

/// How [`Trainer::epoch`] ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// The epoch is done.
    Epoch(EpochReport),
    /// The caller stopped it; the next call of [`Trainer::epoch`] goes on.
    Stopped,
}

/// A training run.
pub struct Trainer {
    engine: Engine,
    /// What it does.
    recipe: Recipe,
    preprocessing: Preprocessing,
    class_names: Vec<String>,
    /// The training images' fingerprint.
    images: Option<String>,
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
    teachers: Vec<Teacher>,
}

impl fmt::Debug for Trainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (engine, recipe, position) = (&self.engine, &self.recipe, &self.position);
        let fields = &mut f.debug_struct("Trainer");
        fields.field("engine", engine).field("recipe", recipe).field("position", position).finish_non_exhaustive()
    }
}

impl Trainer {
    /// A run that has not begun; `threads` 0 means one for each processor.
    ///
    /// # Errors
    ///
    /// If the recipe has a value that cannot be used, or the system gives no threads. A recipe with `quantize` or
    /// `distill` needs ranges or teachers: [`Checkpoint::begin`] with those, then [`Trainer::resume`].
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
        let Checkpoint { recipe, preprocessing, class_names, images, position, history, .. } = checkpoint;
        let Checkpoint { parameters, average, state, teachers, .. } = checkpoint;
        recipe.check().map_err(TrainError::Recipe)?;
        if parameters.len() != recipe.parameters(&Plan::new(spec)) {
            return Err(TrainError::Recipe("the parameters are not as many as the line and the recipe have"));
        }
        let mut engine = match (recipe.batch_norm, &recipe.quantize) {
            (Some(images), _) => Engine::normalizing(spec, recipe.batch, images, threads)?,
            (None, Some(weights)) => Engine::rounding(spec, recipe.batch, preprocessing.steps()?, weights, threads)?,
            (None, None) => Engine::new(spec, recipe.batch, threads)?,
        };
        match recipe.distill {
            Some(_) if teachers.is_empty() => {
                return Err(TrainError::Recipe("to distil there must be a teacher"));
            }
            Some(distill) => {
                let fit = |teacher| {
                    let Teacher { line, parameters }: &Teacher = teacher;
                    let spec = Spec::parse(line).ok()?;
                    let plan = Plan::new(spec);
                    let fits = plan.parameters() == parameters.len() && distill::check(&plan, engine.plan()).is_ok();
                    fits.then_some((spec, &parameters[..]))
                };
                let fit: Option<Vec<(Spec, &[f32])>> = teachers.iter().map(fit).collect();
                let fit = fit.ok_or(TrainError::Recipe("a teacher does not fit the network"))?;
                engine.teach(&fit, distill, recipe.images());
            }
            None => {}
        }
        let gradient = vec![0.0; recipe.trainable(engine.plan())];
        let inputs = tensors(engine.plan()).first().map_or(0, |tensor| tensor.bias.end);
        Ok(Trainer {
            engine,
            recipe,
            preprocessing,
            class_names,
            images,
            parameters,
            average,
            gradient,
            inputs,
            state,
            position,
            history,
            teachers,
        })
    }

    /// Whether it can train on this data. [`epoch`](Self::epoch) asks itself; this is for who wants to know before.
    ///
    /// # Errors
    ///
    /// If the data does not fit the network, or, before the first step, leaves batch normalisation only one value to
    /// normalise somewhere.
    pub fn check(&self, data: &Dataset) -> Result<(), TrainError> {
        check_data(self.engine.plan(), data, &self.preprocessing)?;
        match self.recipe.batch_norm {
            Some(images) if self.state.steps == 0 => self.check_groups(data.len(), images),
            _ => Ok(()),
        }
    }

    /// Trains to the end of the current epoch. `on_batch` is called after each step, and may stop the epoch there.
    ///
    /// # Errors
    ///
    /// If the data does not fit the network, or the run diverged or died: then the last checkpoint is what is worth
    /// keeping, for a run is stopped only where its network still answers with numbers.
    pub fn epoch(
        &mut self,
        data: &Dataset,
        mut on_batch: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Ended, TrainError> {
        self.check(data)?;
        let recipe = &self.recipe;
        let input = self.engine.plan().shape(0);
        let epoch = self.position.epoch;
        let order = order(data.len(), recipe.seed, epoch.into());
        let steps = data.len().div_ceil(recipe.batch) as u64;
        let (begun, before) = (Instant::now(), self.position.seconds);
        let images_before = self.position.images;
        let done = u64::from(epoch) * steps + self.position.step;
        let mut lr = recipe.rate(done.saturating_sub(1), steps);
        let class_weights = if recipe.balanced { data.balancing_weights() } else { Vec::new() };
        for indices in order.chunks(recipe.batch).skip(self.position.step as usize) {
            let step = u64::from(epoch) * steps + self.position.step;
            let batch = Batch {
                data,
                indices: Some(indices),
                input,
                preprocessing: &self.preprocessing,
                changes: Some(Changes {
                    augment: recipe.augment,
                    mixup: recipe.mixup,
                    seed: recipe.seed,
                    epoch: epoch.into(),
                }),
                smoothing: recipe.smoothing,
                class_weights: &class_weights,
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
                // A step's loss is that of before it: what the caller now saves has not been tried yet.
                load(&mut self.engine, recipe, &self.parameters, &self.average);
                let outcome = self.engine.forward(&Batch { changes: None, smoothing: 0.0, ..batch }, |_, _, _| {});
                return match outcome.loss.is_finite() {
                    true => Ok(Ended::Stopped),
                    false => Err(TrainError::Diverged { epoch: epoch + 1, step: self.position.step, lr }),
                };
            }
        }
        let report = self.position.finish(lr);
        self.history.push(report.clone());
        Ok(Ended::Epoch(report))
    }

    /// Whether there is something to normalise everywhere: over one value alone, all that there is becomes 0.
    fn check_groups(&self, data: usize, images: usize) -> Result<(), TrainError> {
        let normalized = normalization::normalized(self.engine.plan());
        if !normalized.iter().any(|place| place.tensor.layer.output.pixels() == 1) {
            return Ok(());
        }
        let smallest = |batch: usize| batch / batch.div_ceil(images).max(1);
        if smallest(self.recipe.batch.min(data)) == 1 {
            return Err(TrainError::Recipe(
                "a layer of one pixel cannot be normalised over one image: choose a larger --batch, or more images for \
                 --batch-norm",
            ));
        }
        match data % self.recipe.batch {
            0 => Ok(()),
            rest if smallest(rest) > 1 => Ok(()),
            _ => Err(TrainError::Recipe(
                "a layer of one pixel cannot be normalised over one image, and the last batch of an epoch would be \
                 normalised so: choose another --batch",
            )),
        }
    }

    /// Evaluates the network as it stands.
    ///
    /// # Errors
    ///
    /// If the data does not fit the network, or the loss is not a number: the last steps were ruinous.
    pub fn evaluate(&mut self, data: &Dataset) -> Result<Evaluation, TrainError> {
        load(&mut self.engine, &self.recipe, &self.parameters, &self.average);
        let evaluation = evaluate(&mut self.engine, data, &self.preprocessing)?;
        match evaluation.loss.is_finite() {
            true => Ok(evaluation),
            false => Err(TrainError::Ruined { epoch: self.position.epoch, lr: self.recipe.lr }),
        }
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
            images: self.images.clone(),
            position: self.position.clone(),
            history: self.history.clone(),
            parameters: self.parameters.clone(),
            average: self.average.clone(),
            state: self.state.clone(),
            teachers: self.teachers.clone(),
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

    /// The network's parameters as they would be exported now, in the order of [`crate::network::parameters`]: the average, if
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
