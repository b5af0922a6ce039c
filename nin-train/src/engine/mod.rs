//! One step: a batch's images in parallel through the network and back, into one gradient.
//!
//! A batch is cut into [`GROUPS`] groups, a group into chunks of images that a thread carries through all layers in
//! its own workspace. Each group sums its chunks' gradients in order, and the groups are summed in order: the
//! result does not depend on how many threads took part, and nothing large is allocated in a step.

pub mod arrays;
pub mod distill;
pub mod loss;
pub mod streaming;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use nin_core::{Plan, Spec, argmax};
use rayon::prelude::*;

use crate::integers::Weights;
use crate::integers::aware::Rounding;
use crate::kernel::{Buffer, padded, vectorized};
use crate::layers::{Linear, Mode, Network, Packed, Workspace};
use crate::network::normalization::{self, Normalized};
use crate::report::bytes;
use crate::support::memory;
use distill::{Desk, Distill, Images, Lessons};
use loss::cross_entropy;

/// Groups that a full batch is cut into at most, and so the most threads that share a step. With batch normalisation it
/// is cut into groups of the images that are normalised together instead: 128 by 32 into 4.
pub const GROUPS: usize = 16;

/// Where a batch's images come from; called from several threads at once.
pub trait Source: Sync {
    /// Images in the batch.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes image `index` (channels last, as large as the network's input) and the distribution over classes that
    /// the network should give it, and returns its label.
    ///
    /// The distribution's sum is how much the image's loss counts: usually 1.
    fn sample(&self, index: usize, image: &mut [f32], target: &mut [f32]) -> usize;
}

/// What a batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Sum over the images of the cross-entropy, or with a teacher of what [`crate::engine::distill`] says.
    pub loss: f64,
    /// Images whose largest logit is their label's.
    pub correct: usize,
    /// Images.
    pub images: usize,
}

/// Which random numbers a step draws for dropout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The run's seed.
    pub seed: u64,
    /// The step since the start of training.
    pub step: u64,
}

/// Runs batches through one network; see the [module](self).
pub struct Engine {
    plan: Plan,
    network: Network,
    packed: Vec<Packed>,
    /// One for each thread.
    workers: Vec<Mutex<Worker>>,
    groups: Vec<Mutex<Group>>,
    /// Images in a group.
    group: usize,
    normalized: Vec<Normalized>,
    /// Means and variances of the last batch that was trained.
    moments: Vec<f32>,
    rounding: Option<Rounding>,
    lessons: Option<Lessons>,
    pool: rayon::ThreadPool,
}

/// What one thread works with.
struct Worker {
    workspace: Workspace,
    /// A sample, before it stands among the chunk's.
    image: Vec<f32>,
    targets: Vec<f32>,
    labels: Vec<usize>,
    desk: Option<Desk>,
}

struct Group {
    gradient: Buffer,
    moments: Vec<f64>,
    outcome: Outcome,
}

/// Why there can be no engine.
#[derive(Debug)]
#[non_exhaustive]
pub enum EngineError {
    /// The system gave no threads.
    Threads(rayon::ThreadPoolBuildError),
    /// The network's maps do not fit the memory that is left.
    Memory {
        /// Bytes that they and the gradients take at least.
        needed: u64,
        /// Bytes that are left.
        left: u64,
        /// Threads, each with maps of its own.
        threads: usize,
    },
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Threads(error) => write!(f, "cannot start the worker threads: {error}"),
            EngineError::Memory { needed, left, threads } => write!(
                f,
                "the network takes at least {} of memory on {threads} thread{}, and {} are left; it takes less on fewer \
                 threads, with a smaller input or fewer channels, and with fewer images normalised together",
                bytes(*needed),
                if *threads == 1 { "" } else { "s" },
                bytes(*left)
            ),
        }
    }
}

impl std::error::Error for EngineError {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A worker that panicked has left numbers, not broken structures; the panic itself is not lost.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, threads) = (self.plan.spec().to_string(), self.workers.len());
        f.debug_struct("Engine").field("line", &line).field("threads", &threads).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine for training in batches of `batch` images, or for evaluation only if `batch` is 0; `threads` 0
    /// means one for each processor.
    ///
    /// # Errors
    ///
    /// If the system gives no threads, or has not the memory.
    pub fn new(spec: Spec, batch: usize, threads: usize) -> Result<Engine, EngineError> {
        let plan = Plan::new(spec);
        Engine::build(plan, Network::new(&plan), batch, batch.div_ceil(GROUPS).max(1), threads)
    }

    /// An engine for training with batch normalisation, `images` of a batch normalised together (see
    /// [`crate::network::normalization`]): at most so many, where a batch does not divide fewer.
    ///
    /// # Errors
    ///
    /// If the system gives no threads, or has not the memory.
    pub fn normalizing(spec: Spec, batch: usize, images: usize, threads: usize) -> Result<Engine, EngineError> {
        let plan = Plan::new(spec);
        let group = images.clamp(1, batch.max(1));
        let mut engine = Engine::build(plan, Network::normalized(&plan, group), batch, group, threads)?;
        engine.normalized = normalization::normalized(&plan);
        engine.moments = vec![0.0; normalization::len(&plan) - normalization::trainable(&plan)];
        for group in &engine.groups {
            lock(group).moments = vec![0.0; engine.moments.len()];
        }
        Ok(engine)
    }

    /// An engine for quantisation-aware training (see [`crate::integers::aware`]), or with `batch` 0 to evaluate what
    /// came of it; the network sees an image's bytes times `input_scale`.
    ///
    /// # Errors
    ///
    /// If the system gives no threads, or has not the memory.
    pub fn rounding(
        spec: Spec,
        batch: usize,
        input_scale: f32,
        weights: &Weights,
        threads: usize,
    ) -> Result<Engine, EngineError> {
        let plan = Plan::new(spec);
        let network = Network::new(&plan).rounding(input_scale);
        let mut engine = Engine::build(plan, network, batch, batch.div_ceil(GROUPS).max(1), threads)?;
        engine.rounding = Some(Rounding::new(plan, input_scale, weights.clone()));
        Ok(engine)
    }

    fn build(plan: Plan, network: Network, batch: usize, group: usize, threads: usize) -> Result<Engine, EngineError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(EngineError::Threads)?;
        let training = batch > 0;
        let (threads, groups) = (pool.current_num_threads(), batch.div_ceil(group));
        let gradients = (groups * network.gradient_len() * size_of::<f32>()) as u64;
        let needed = network.workspace_bytes(training).saturating_mul(threads as u64).saturating_add(gradients);
        if let Some(left) = memory::left().filter(|&left| left < needed) {
            return Err(EngineError::Memory { needed, left, threads });
        }
        let worker = |_| {
            let workspace = network.workspace(training);
            let targets = vec![0.0; network.images * plan.classes()];
            let image = vec![0.0; network.input().len()];
            Mutex::new(Worker { workspace, image, targets, labels: vec![0; network.images], desk: None })
        };
        let gradient = |_| {
            let gradient = Buffer::zeros(network.gradient_len());
            Mutex::new(Group { gradient, moments: Vec::new(), outcome: Outcome::default() })
        };
        Ok(Engine {
            packed: network.linears().map(|linear| linear.packed(training)).collect(),
            workers: (0..threads).map(worker).collect(),
            groups: (0..groups).map(gradient).collect(),
            group,
            normalized: Vec::new(),
            moments: Vec::new(),
            rounding: None,
            lessons: None,
            pool,
            plan,
            network,
        })
    }

    /// Lets trained networks, each by its architecture and parameters, teach in the steps that follow (see
    /// [`crate::engine::distill`]); if `images` come again, they remember their answers.
    ///
    /// # Panics
    ///
    /// If there is no teacher, or one that reads other images or answers in another number of classes.
    pub fn teach(&mut self, teachers: &[(Spec, &[f32])], distill: Distill, images: Images) {
        let fit = |(spec, _): &(Spec, &[f32])| distill::check(&Plan::new(*spec), &self.plan).is_ok();
        assert!(!teachers.is_empty() && teachers.iter().all(fit), "an unfit teacher");
        let lessons = Lessons::new(teachers, self.plan.classes(), distill, images);
        for worker in &self.workers {
            lock(worker).desk = Some(lessons.desk(self.network.images, self.plan.classes()));
        }
        self.lessons = Some(lessons);
    }

    /// The network's plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs `work` on the engine's threads.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }

    /// Takes parameters for the batches that follow: as many as the plan says, and to train with normalisation also
    /// the gains behind them, with rounding the ranges.
    pub fn load(&mut self, parameters: &[f32]) {
        let (network, packed) = (&self.network, &mut self.packed);
        let parameters = match &mut self.rounding {
            Some(rounding) => {
                rounding.load(parameters);
                packed.iter_mut().zip(rounding.grids()).for_each(|(packed, grid)| packed.grid.clone_from(grid));
                rounding.values()
            }
            None => parameters,
        };
        let linears: Vec<&Linear> = network.linears().collect();
        self.pool.install(|| {
            packed.par_iter_mut().zip(linears).for_each(|(packed, linear)| linear.pack(parameters, packed));
        });
        if parameters.len() > self.plan.parameters() {
            let normalized = self.packed.iter_mut().zip(self.network.linears()).filter(|(_, l)| l.is_normalized());
            for ((packed, _), Normalized { gain, .. }) in normalized.zip(&self.normalized) {
                Linear::set_gain(&parameters[gain.clone()], packed);
            }
        }
    }

    /// Of the last batch that was trained with normalisation: the means of all normalised layers, then their
    /// variances, in the order of [`crate::network::normalization`].
    pub fn moments(&self) -> &[f32] {
        &self.moments
    }

    /// The mean loss's gradient over a batch, in the order of the parameters, with normalisation also that of the
    /// gains, with rounding that of the ranges.
    ///
    /// # Panics
    ///
    /// If the batch is larger than the engine was made for, or `gradient` is not as long as what is trained.
    pub fn gradient(&mut self, source: &impl Source, draw: Draw, gradient: &mut [f32]) -> Outcome {
        let images = source.len();
        assert!(images <= self.groups.len() * self.group, "a batch larger than the engine's");
        let count = images.div_ceil(self.group);
        let scale = 1.0 / images.max(1) as f32;
        let next = AtomicUsize::new(0);
        let engine = &*self;
        self.pool.install(|| {
            engine.workers.par_iter().with_max_len(1).for_each(|worker| {
                let worker = &mut *lock(worker);
                // Whoever is free takes the next group.
                while let Some(group) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|group| *group < count) {
                    let range = group * images / count..(group + 1) * images / count;
                    let group = &mut *lock(&engine.groups[group]);
                    group.gradient.fill(0.0);
                    group.moments.fill(0.0);
                    group.outcome = Outcome::default();
                    for first in range.clone().step_by(engine.network.images) {
                        let images = engine.network.images.min(range.end - first);
                        let mode = Mode::Train { seed: draw.seed, step: draw.step, first };
                        let outcome = engine.chunk(worker, source, Chunk { first, images, mode, scale }, |_, _, _| {});
                        group.outcome = group.outcome.and(outcome);
                        engine.network.backward(&engine.packed, &mut worker.workspace, &mut group.gradient, images);
                        engine.network.add_moments(&worker.workspace, images, &mut group.moments);
                    }
                }
            });
            engine.reduce(count, gradient);
        });
        if let Some(rounding) = &self.rounding {
            rounding.finish(gradient);
        }
        for (i, moment) in self.moments.iter_mut().enumerate() {
            let sum: f64 = self.groups[..count].iter().map(|group| lock(group).moments[i]).sum();
            *moment = (sum / images as f64) as f32;
        }
        let sum = |sum: Outcome, group: &Mutex<Group>| sum.and(lock(group).outcome);
        self.groups[..count].iter().fold(Outcome::default(), sum)
    }

    /// Runs a batch of any size forward only; `each(index, label, logits)` sees every image, from any thread.
    pub fn forward(&mut self, source: &impl Source, each: impl Fn(usize, usize, &[f32]) + Sync) -> Outcome {
        let (images, most) = (source.len(), self.network.images);
        // Losses are summed chunk by chunk, so that the sum does not depend on the threads.
        let mut outcomes = vec![Outcome::default(); images.div_ceil(most)];
        let engine = &*self;
        self.pool.install(|| {
            let tasks = outcomes.par_iter_mut().enumerate();
            tasks.for_each(|(number, outcome)| {
                let first = number * most;
                let chunk = Chunk { first, images: most.min(images - first), mode: Mode::Evaluate, scale: 0.0 };
                let worker = rayon::current_thread_index().unwrap_or(0) % engine.workers.len();
                *outcome = engine.chunk(&mut lock(&engine.workers[worker]), source, chunk, &each);
            });
        });
        outcomes.into_iter().fold(Outcome::default(), Outcome::and)
    }

    /// The values after every layer for one image, channels last, the image itself first; dropout passes them on.
    pub fn activations(&mut self, image: &[f32]) -> Vec<Vec<f32>> {
        let Some(worker) = self.workers.first() else { return Vec::new() };
        let workspace = &mut lock(worker).workspace;
        self.network.put(workspace, 0, image);
        self.network.forward(&self.packed, workspace, Mode::Evaluate, 1);
        (0..=self.network.layers.len()).map(|index| self.network.get(workspace, index, 0)).collect()
    }

    /// Takes the chunk's samples forward, and their losses' gradient into the workspace, times `scale`.
    fn chunk(
        &self,
        worker: &mut Worker,
        source: &impl Source,
        chunk: Chunk,
        mut each: impl FnMut(usize, usize, &[f32]),
    ) -> Outcome {
        let network = &self.network;
        let Worker { workspace, image, targets, labels, desk } = worker;
        let mut lesson = match chunk.mode {
            Mode::Train { .. } => self.lessons.as_ref().zip(desk.as_mut()),
            Mode::Evaluate => None,
        };
        let samples = targets.chunks_exact_mut(self.plan.classes()).zip(labels.iter_mut()).take(chunk.images);
        for (i, (target, label)) in samples.enumerate() {
            *label = source.sample(chunk.first + i, image, target);
            network.put(workspace, i, image);
            if let Some((lessons, desk)) = &mut lesson {
                lessons.show(desk, i, image);
            }
        }
        network.forward(&self.packed, workspace, chunk.mode, chunk.images);
        let mut taught = lesson.map(|(lessons, desk)| (lessons.distill, lessons.logits(desk)));
        let by_label = taught.as_ref().map_or(1.0, |(distill, _)| 1.0 - distill.share);
        let mut outcome = Outcome { images: chunk.images, ..Outcome::default() };
        let samples = targets.chunks_exact(self.plan.classes()).zip(&*labels).take(chunk.images);
        for (i, (target, label)) in samples.enumerate() {
            let (logits, d_logits) = network.head(workspace, i);
            outcome.loss += f64::from(by_label) * cross_entropy(logits, target, by_label * chunk.scale, d_logits);
            if let Some((distill, teacher)) = &mut taught {
                let teacher = teacher.next().unwrap_or_default();
                let counts: f32 = target.iter().sum();
                outcome.loss += f64::from(counts) * distill.loss(logits, teacher, counts * chunk.scale, d_logits);
            }
            outcome.correct += usize::from(argmax(logits) == Some(*label));
            each(chunk.first + i, *label, logits);
        }
        outcome
    }

    /// Sums the first `count` groups' gradients, group by group, and turns them into the parameters' order.
    fn reduce(&self, count: usize, gradient: &mut [f32]) {
        let groups: Vec<MutexGuard<Group>> = self.groups[..count].iter().map(lock).collect();
        let groups: Vec<&[f32]> = groups.iter().map(|group| &*group.gradient).collect();
        let mut start = 0;
        let (mut rest, mut gains) = gradient.split_at_mut(self.plan.parameters());
        for linear in self.network.linears() {
            let tensor = linear.tensor();
            let (weight, after) = rest.split_at_mut(tensor.weight.len());
            let (bias, after) = after.split_at_mut(tensor.bias.len());
            rest = after;
            let (outputs, fan_in) = (tensor.bias.len(), tensor.layer.fan_in());
            let wide = padded(outputs);
            weight.par_chunks_mut(LINE * fan_in).enumerate().for_each(|(block, weight)| {
                let first = start + block * LINE;
                vectorized(
                    #[inline(always)]
                    || {
                        for k in 0..fan_in {
                            let sum = sum_line(&groups, first + k * wide);
                            weight.chunks_exact_mut(fan_in).zip(sum).for_each(|(weight, sum)| weight[k] = sum);
                        }
                    },
                );
            });
            for (block, bias) in bias.chunks_mut(LINE).enumerate() {
                let sum = sum_line(&groups, start + fan_in * wide + block * LINE);
                bias.iter_mut().zip(sum).for_each(|(bias, sum)| *bias = sum);
            }
            if linear.is_normalized() {
                let (gain, after) = gains.split_at_mut(outputs);
                gains = after;
                for (block, gain) in gain.chunks_mut(LINE).enumerate() {
                    let sum = sum_line(&groups, start + (fan_in + 1) * wide + block * LINE);
                    gain.iter_mut().zip(sum).for_each(|(gain, sum)| *gain = sum);
                }
            }
            if linear.is_rounded()
                && let Some((range, after)) = std::mem::take(&mut gains).split_first_mut()
            {
                gains = after;
                let blocks =
                    (0..wide).step_by(LINE).map(|block| sum_line(&groups, start + (fan_in + 1) * wide + block));
                *range = blocks.map(|line| line.iter().map(|&sum| f64::from(sum)).sum::<f64>()).sum::<f64>() as f32;
            }
            start += linear.gradient_len();
        }
    }
}

/// Values summed at once: a cache line.
const LINE: usize = 16;

#[inline(always)]
fn sum_line(groups: &[&[f32]], at: usize) -> [f32; LINE] {
    let mut sum = [0.0; LINE];
    for group in groups {
        sum.iter_mut().zip(&group[at..at + LINE]).for_each(|(sum, value)| *sum += value);
    }
    sum
}

/// Images that a thread takes through the network at once.
#[derive(Clone, Copy)]
struct Chunk {
    first: usize,
    images: usize,
    mode: Mode,
    /// Factor of the loss's gradient.
    scale: f32,
}

impl Outcome {
    fn and(self, other: Outcome) -> Outcome {
        Outcome {
            loss: self.loss + other.loss,
            correct: self.correct + other.correct,
            images: self.images + other.images,
        }
    }
}
