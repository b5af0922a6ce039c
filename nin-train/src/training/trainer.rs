//! The training loop.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Instant;

use nin_core::{Decision, Plan, Shape, Spec};

use crate::data::Dataset;
use crate::engine::Engine;
use crate::engine::distill;
use crate::engine::source::Draw;
use crate::integers::rounding;
use crate::network::layout::Layout;
use crate::network::normalization;
use crate::network::parameters::{initial, tensors};
use crate::network::preprocessing::Preprocessing;
use crate::training::batch::{Batch, Changes, order};
use crate::training::checkpoint::Checkpoint;
use crate::training::error::TrainError;
use crate::training::evaluation::{Evaluation, check_data, evaluate, load};
use crate::training::footprint;
use crate::training::position::{EpochReport, Position};
use crate::training::recipe::Recipe;

/// The progress of an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
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
    /// Images per second since the epoch began or was resumed.
    pub images_per_second: f64,
}

/// How [`Trainer::epoch`] ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// The epoch is done.
    Epoch(EpochReport),
    /// The caller stopped it; the next call of [`Trainer::epoch`] continues it.
    Stopped,
}

/// A training run.
pub struct Trainer {
    engine: Engine,
    /// The current state of the run.
    run: Checkpoint,
    gradient: Vec<f32>,
    /// The number of parameters of the first layer.
    inputs: usize,
}

/// Returns a batch of an epoch: these images, augmented as the recipe asks.
fn batch<'a>(
    (recipe, preprocessing): (&Recipe, &'a Preprocessing),
    epoch: u32,
    data: &'a Dataset,
    indices: &'a [u32],
    input: Shape,
    class_weights: &'a [f32],
) -> Batch<'a> {
    Batch {
        data,
        indices: Some(indices),
        input,
        preprocessing,
        changes: Some(Changes { augment: recipe.augment, mixup: recipe.mixup, seed: recipe.seed, epoch: epoch.into() }),
        smoothing: recipe.smoothing,
        class_weights,
    }
}

impl fmt::Debug for Trainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (engine, recipe, position) = (&self.engine, &self.run.recipe, &self.run.position);
        let fields = &mut f.debug_struct("Trainer");
        fields.field("engine", engine).field("recipe", recipe).field("position", position).finish_non_exhaustive()
    }
}

impl Trainer {
    /// Returns a run that has not begun; `threads` 0 means one for each processor.
    ///
    /// # Errors
    ///
    /// If the recipe has an invalid value, or the system cannot start the threads. A recipe with `quantize` or
    /// `distill` needs ranges or teachers: pass them to [`Checkpoint::begin`], then call [`Trainer::resume`].
    pub fn new(
        spec: Spec,
        recipe: Recipe,
        preprocessing: Preprocessing,
        class_names: Vec<String>,
        threads: usize,
    ) -> Result<Trainer, TrainError> {
        recipe.check().map_err(TrainError::Recipe)?;
        footprint::check(&Plan::new(spec), &recipe, threads)?;
        let parameters = initial(&Plan::new(spec), recipe.init, recipe.seed);
        Trainer::resume(Checkpoint::begin(&spec, recipe, preprocessing, class_names, parameters), threads)
    }

    /// Resumes a run from a checkpoint; the results are the same as without the interruption, for any number of
    /// threads.
    ///
    /// # Errors
    ///
    /// As [`Trainer::new`].
    pub fn resume(checkpoint: Checkpoint, threads: usize) -> Result<Trainer, TrainError> {
        let Checkpoint { spec, recipe, parameters, teachers, .. } = &checkpoint;
        let (plan, layout) = (checkpoint.plan(), recipe.layout());
        recipe.check().map_err(TrainError::Recipe)?;
        if parameters.len() != layout.len(&plan) {
            return Err(TrainError::Recipe("the number of parameters does not match the line and the recipe"));
        }
        let arithmetic = recipe.arithmetic(&checkpoint.preprocessing)?;
        let mut engine = Engine::new(*spec, &arithmetic, recipe.batch, threads)?;
        match recipe.distill {
            Some(_) if teachers.is_empty() => {
                return Err(TrainError::Recipe("distillation needs a teacher"));
            }
            Some(distill) => {
                let mut lessons: Vec<(Spec, &[f32])> = Vec::with_capacity(teachers.len());
                for teacher in teachers {
                    let teaching = Plan::new(teacher.spec);
                    if teaching.parameters() != teacher.parameters.len() || distill::check(&teaching, &plan).is_err() {
                        return Err(TrainError::Recipe("a teacher does not fit the network"));
                    }
                    lessons.push((teacher.spec, &teacher.parameters));
                }
                engine.teach(&lessons, distill, recipe.recurrence());
            }
            None => {}
        }
        let gradient = vec![0.0; layout.trainable(&plan)];
        let inputs = tensors(&plan).first().map_or(0, |tensor| tensor.bias.end);
        // It belongs to the weights, which will change.
        let run = Checkpoint { decision: Decision::PLAIN, ..checkpoint };
        Ok(Trainer { engine, run, gradient, inputs })
    }

    /// Checks whether it can train on this data. [`epoch`](Self::epoch) makes the same check; call this to know
    /// earlier.
    ///
    /// # Errors
    ///
    /// If the data does not fit the network, or, before the first step, batch normalisation would have only one value
    /// to normalise somewhere.
    pub fn check(&self, data: &Dataset) -> Result<(), TrainError> {
        check_data(self.engine.plan(), data, &self.run.preprocessing)?;
        if self.run.position.images > data.len() {
            return Err(TrainError::Recipe(
                "the run's position is beyond the end of its epoch: it was begun with more images",
            ));
        }
        match self.run.recipe.batch_norm {
            Some(images) if self.run.state.steps == 0 => self.check_groups(data.len(), images),
            _ => Ok(()),
        }
    }

    /// Trains to the end of the current epoch. `on_batch` is called after each step and may stop the epoch.
    ///
    /// # Errors
    ///
    /// If the data does not fit the network, or the run diverged or died. In that case keep the last checkpoint: a run
    /// is stopped only where the network's outputs are still numbers.
    pub fn epoch(
        &mut self,
        data: &Dataset,
        mut on_batch: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Ended, TrainError> {
        self.check(data)?;
        let Trainer { engine, run, gradient, inputs } = self;
        let recipe = &run.recipe;
        let input = engine.plan().shape(0);
        let epoch = run.position.epoch;
        let order = order(data.len(), recipe.seed, epoch.into());
        let steps = data.len().div_ceil(recipe.batch) as u64;
        let (begun, before) = (Instant::now(), run.position.seconds);
        let images_before = run.position.images;
        let done = u64::from(epoch) * steps + run.position.step;
        let mut lr = recipe.rate(done.saturating_sub(1), steps);
        let class_weights = if recipe.balanced { data.balancing_weights() } else { Vec::new() };
        for indices in order.chunks(recipe.batch).skip(run.position.step as usize) {
            let step = u64::from(epoch) * steps + run.position.step;
            let batch = batch((recipe, &run.preprocessing), epoch, data, indices, input, &class_weights);
            engine.load(&run.parameters);
            let outcome = engine.gradient(&batch, Draw { seed: recipe.seed, step }, gradient);
            let dead = *inputs > 0 && gradient[..*inputs].iter().all(|gradient| *gradient == 0.0);
            run.position.check(outcome, dead, lr)?;

            lr = recipe.rate(step, steps);
            let trained = &mut run.parameters[..gradient.len()];
            engine.install(|| recipe.optimizer.step(lr, trained, gradient, &mut run.state));
            match recipe.layout() {
                Layout::Plain => {}
                Layout::Normalized => normalization::follow(&mut run.parameters, engine.moments()),
                Layout::Ranged => {
                    let plan = engine.plan();
                    rounding::bound(plan, &mut run.parameters[plan.parameters()..]);
                }
            }
            recipe.average(&run.parameters, &mut run.average, run.state.steps);

            run.position.add(outcome, steps);
            let elapsed = begun.elapsed().as_secs_f64();
            run.position.seconds = before + elapsed;
            let progress = Progress {
                epoch: epoch + 1,
                step: run.position.step,
                steps,
                images: run.position.images,
                loss: outcome.loss / outcome.images as f64,
                lr,
                images_per_second: (run.position.images - images_before) as f64 / elapsed,
            };
            if on_batch(progress).is_break() && run.position.step < steps {
                // A step's loss is computed before its update, so the parameters that the caller saves now are not
                // checked yet.
                load(engine, run);
                let outcome = engine.forward(&Batch { changes: None, smoothing: 0.0, ..batch }, |_, _, _| {});
                return match outcome.loss.is_finite() {
                    true => Ok(Ended::Stopped),
                    false => Err(TrainError::Diverged { epoch: epoch + 1, step: run.position.step, lr }),
                };
            }
        }
        let report = run.position.finish(lr);
        run.history.push(report.clone());
        Ok(Ended::Epoch(report))
    }

    /// Checks that every layer has more than one value to normalise; a single value would become 0.
    fn check_groups(&self, data: usize, images: usize) -> Result<(), TrainError> {
        let normalized = normalization::normalized(self.engine.plan());
        if !normalized.iter().any(|place| place.tensor.layer.output.pixels() == 1) {
            return Ok(());
        }
        let smallest = |batch: usize| batch / batch.div_ceil(images).max(1);
        if smallest(self.run.recipe.batch.min(data)) == 1 {
            return Err(TrainError::Recipe(
                "a layer of one pixel cannot be normalised over one image: choose a larger --batch, or more images for \
                 --batch-norm",
            ));
        }
        match data % self.run.recipe.batch {
            0 => Ok(()),
            rest if smallest(rest) > 1 => Ok(()),
            _ => Err(TrainError::Recipe(
                "a layer of one pixel cannot be normalised over one image, and the last batch of an epoch would be \
                 normalised so: choose another --batch",
            )),
        }
    }

    /// Measures how fast this computer trains the network, in images per second: computes gradients of the next epoch's
    /// first batch for about half a second, one gradient at least, and discards them. The run is not changed.
    ///
    /// # Errors
    ///
    /// If the data does not fit the network.
    pub fn measure(&mut self, data: &Dataset) -> Result<f64, TrainError> {
        self.check(data)?;
        let Trainer { engine, run, gradient, .. } = self;
        let recipe = &run.recipe;
        let input = engine.plan().shape(0);
        let order = order(data.len(), recipe.seed, run.position.epoch.into());
        let indices = &order[..recipe.batch.min(order.len())];
        let class_weights = if recipe.balanced { data.balancing_weights() } else { Vec::new() };
        let batch = batch((recipe, &run.preprocessing), run.position.epoch, data, indices, input, &class_weights);
        let mut images_per_second = 0.0f64;
        let begun = Instant::now();
        while begun.elapsed().as_secs_f64() < 0.5 {
            let step = Instant::now();
            engine.load(&run.parameters);
            engine.gradient(&batch, Draw { seed: recipe.seed, step: 0 }, gradient);
            // The first step finds cold caches, and another program may hold the processor: the fastest one counts.
            images_per_second = images_per_second.max(indices.len() as f64 / step.elapsed().as_secs_f64());
        }
        Ok(images_per_second)
    }

    /// Evaluates the network in its current state.
    ///
    /// # Errors
    ///
    /// If the data does not fit the network, or the loss is not a number because the last steps diverged.
    pub fn evaluate(&mut self, data: &Dataset) -> Result<Evaluation, TrainError> {
        load(&mut self.engine, &self.run);
        let evaluation = evaluate(&mut self.engine, data, &self.run.preprocessing)?;
        match evaluation.loss.is_finite() {
            true => Ok(evaluation),
            false => Err(TrainError::Ruined { epoch: self.run.position.epoch, lr: self.run.recipe.lr }),
        }
    }

    /// Records the evaluation of the last epoch's network on held-out images, and returns whether it is the best so
    /// far: the most accurate one and, of equals, which are common where few images are held out, that of the least
    /// loss.
    pub fn record(&mut self, evaluation: &Evaluation) -> bool {
        if let Some(report) = self.run.history.last_mut() {
            report.test_loss = Some(evaluation.loss);
            report.test_accuracy = Some(evaluation.accuracy);
        }
        self.since_best() == Some(0)
    }

    /// Returns the number of evaluations since the best one.
    fn since_best(&self) -> Option<usize> {
        let recorded = self.run.history.iter().filter_map(|report| report.test_accuracy.zip(report.test_loss));
        // Of equals in both, the first.
        let best = recorded.rev().enumerate().max_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        best.map(|(since, _)| since)
    }

    /// Returns the best accuracy recorded.
    pub fn best(&self) -> Option<f64> {
        self.run.history.iter().filter_map(|report| report.test_accuracy).max_by(f64::total_cmp)
    }

    /// Returns everything needed to resume the run later.
    pub fn checkpoint(&self) -> Checkpoint {
        self.run.clone()
    }

    /// Returns whether all epochs are done, or the run stopped early (patience reached).
    pub fn is_done(&self) -> bool {
        self.run.position.epoch >= self.run.recipe.epochs || self.has_stalled()
    }

    /// Returns whether the recipe's patience is reached.
    pub fn has_stalled(&self) -> bool {
        let since = self.since_best().unwrap_or(0);
        self.run.recipe.patience > 0 && since >= self.run.recipe.patience as usize
    }

    /// Returns the recipe.
    pub fn recipe(&self) -> &Recipe {
        &self.run.recipe
    }

    /// Returns the network's plan.
    pub fn plan(&self) -> &Plan {
        self.engine.plan()
    }

    /// Returns the preprocessing of an image's bytes.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.run.preprocessing
    }

    /// Returns the names of the classes.
    pub fn class_names(&self) -> &[String] {
        &self.run.class_names
    }

    /// Returns the network's weights and biases as they would be exported now, in the order of
    /// [`parameters`](crate::network::parameters): the average, if there is one, with normalisation folded in.
    pub fn parameters(&self) -> Vec<f32> {
        self.run.folded()
    }

    /// Returns the run's position.
    pub fn position(&self) -> &Position {
        &self.run.position
    }

    /// Returns the reports of completed epochs.
    pub fn history(&self) -> &[EpochReport] {
        &self.run.history
    }
}
