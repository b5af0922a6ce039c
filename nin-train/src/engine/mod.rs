//! One training step: forward and backward passes of a batch's images in parallel, and the sum of their gradients.
//!
//! A batch is split into [`GROUPS`] groups, and a group into chunks of images that a thread takes through all layers in
//! its own workspace. Each group sums its chunks' gradients in order, and the groups are summed in order, so the result
//! does not depend on the number of threads. A step makes no large allocation.
//!
//! A batch comes from a [`source`]; a [`step`](Engine::gradient) computes its [`loss`], with teachers that of
//! [`distill`], and the gradient. [`streaming`] runs the board's engine on this host, and [`confidence`] finds
//! calibrated probabilities and thresholds with it.
//!
//! Imports [`support`](crate::support), [`data`](crate::data), [`network`](crate::network), `kernel`,
//! [`integers`](crate::integers) and `layers`.

mod arithmetic;
pub mod arrays;
pub mod confidence;
pub mod confusion;
pub mod distill;
mod error;
pub mod footprint;
pub mod loss;
mod reduce;
pub mod source;
mod step;
pub mod streaming;

use std::fmt;
use std::sync::{Mutex, MutexGuard};

use nin_core::{Plan, Spec};
use rayon::prelude::*;

use crate::integers::rounding::Rounding;
use crate::kernel::Buffer;
use crate::layers::{Linear, Mode, Network, Packed, Weights, Workspace};
use crate::network::normalization::{self, Normalized};
use crate::support::threads;
use distill::{Desk, Distill, Lessons, Recurrence};
use source::Outcome;

pub use arithmetic::Arithmetic;
pub use error::EngineError;

/// The largest number of groups in a batch, and so of threads that share a step. With batch normalisation the groups
/// are the images that are normalised together: a batch of 128 by 32 gives 4 groups.
pub const GROUPS: usize = 16;

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

/// One thread's memory.
struct Worker {
    workspace: Workspace,
    /// A sample, before it is copied to the chunk.
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A worker that panicked leaves valid structures, and its panic still propagates.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, threads) = (self.plan.spec().to_string(), self.workers.len());
        f.debug_struct("Engine").field("line", &line).field("threads", &threads).finish_non_exhaustive()
    }
}

impl Engine {
    /// Returns an engine for training in batches of `batch` images, or for evaluation only if `batch` is 0; `threads` 0
    /// means one for each processor. It starts at most [`threads::most`] threads.
    ///
    /// # Errors
    ///
    /// If the system cannot provide the threads or the memory.
    pub fn new(spec: Spec, arithmetic: &Arithmetic, batch: usize, threads: usize) -> Result<Engine, EngineError> {
        let plan = Plan::new(spec);
        // Before the network's layout, which allocates memory, too.
        let together = match arithmetic {
            Arithmetic::Normalized { images } => Some(*images),
            Arithmetic::Float | Arithmetic::Rounded { .. } => None,
        };
        let bounded = threads::bounded(threads);
        footprint::check(footprint::least(&plan, batch, together, bounded), bounded)?;
        let group = match arithmetic {
            Arithmetic::Normalized { images } => (*images).clamp(1, batch.max(1)),
            Arithmetic::Float | Arithmetic::Rounded { .. } => batch.div_ceil(GROUPS).max(1),
        };
        let network = match arithmetic {
            Arithmetic::Float => Network::new(&plan),
            Arithmetic::Normalized { .. } => Network::normalized(&plan, group),
            Arithmetic::Rounded { input_scale, .. } => Network::rounding(&plan, *input_scale),
        };
        let (normalized, moments) = match arithmetic {
            Arithmetic::Normalized { .. } => {
                (normalization::normalized(&plan), normalization::len(&plan) - normalization::trainable(&plan))
            }
            Arithmetic::Float | Arithmetic::Rounded { .. } => (Vec::new(), 0),
        };
        let rounding = match arithmetic {
            Arithmetic::Rounded { input_scale, weights } => Some(Rounding::new(plan, *input_scale, weights.clone())),
            Arithmetic::Float | Arithmetic::Normalized { .. } => None,
        };

        let pool = threads::pool(threads).map_err(EngineError::Threads)?;
        let training = batch > 0;
        let (threads, groups) = (pool.current_num_threads(), batch.div_ceil(group));
        let values = groups * network.gradient_len() + plan.parameters() * if training { 2 } else { 1 };
        let shared = (values * size_of::<f32>()) as u64;
        let needed = network.workspace_bytes(training).saturating_mul(threads as u64).saturating_add(shared);
        footprint::check(needed, threads)?;
        let worker = |_| {
            let workspace = network.workspace(training);
            let targets = vec![0.0; network.images * plan.classes()];
            let image = vec![0.0; network.input().len()];
            Mutex::new(Worker { workspace, image, targets, labels: vec![0; network.images], desk: None })
        };
        let gradient = |_| {
            let gradient = Buffer::zeros(network.gradient_len());
            Mutex::new(Group { gradient, moments: vec![0.0; moments], outcome: Outcome::default() })
        };
        Ok(Engine {
            packed: network.linears().map(|linear| linear.packed(training)).collect(),
            workers: (0..threads).map(worker).collect(),
            groups: (0..groups).map(gradient).collect(),
            group,
            normalized,
            moments: vec![0.0; moments],
            rounding,
            lessons: None,
            pool,
            plan,
            network,
        })
    }

    /// Adds teachers, given by architecture and parameters, for the following steps (see [`crate::engine::distill`]);
    /// their logits are cached if `images` recur.
    ///
    /// # Panics
    ///
    /// If there is no teacher, or one has another input shape or number of classes.
    pub fn teach(&mut self, teachers: &[(Spec, &[f32])], distill: Distill, images: Recurrence) {
        let fit = |(spec, _): &(Spec, &[f32])| distill::check(&Plan::new(*spec), &self.plan).is_ok();
        assert!(!teachers.is_empty() && teachers.iter().all(fit), "an unfit teacher");
        let lessons = Lessons::new(teachers, self.plan.classes(), distill, images);
        for worker in &self.workers {
            lock(worker).desk = Some(lessons.desk(self.network.images, self.plan.classes()));
        }
        self.lessons = Some(lessons);
    }

    /// Returns the network's plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs `work` on the engine's threads.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }

    /// Loads parameters for the following batches, in the [layout](Arithmetic::layout) of the engine's arithmetic; the
    /// trainable ones are enough.
    pub fn load(&mut self, parameters: &[f32]) {
        match &mut self.rounding {
            Some(rounding) => {
                rounding.load(parameters);
                pack(&self.pool, &self.network, &mut self.packed, rounding.values());
            }
            None => self.load_folded(parameters),
        }
        let normalized = self.packed.iter_mut().zip(self.network.linears()).filter(|(_, l)| l.is_normalized());
        for ((packed, _), Normalized { gain, .. }) in normalized.zip(&self.normalized) {
            Linear::set_gain(&parameters[gain.clone()], packed);
        }
    }

    /// Loads weights and biases of a float network for evaluation; normalisation is
    /// [folded](crate::network::layout::Layout::fold) in.
    pub fn load_folded(&mut self, parameters: &[f32]) {
        pack(&self.pool, &self.network, &mut self.packed, parameters);
    }

    /// Returns what the network computes with in this step.
    fn weights(&self) -> Weights<'_> {
        Weights { packed: &self.packed, grids: self.rounding.as_ref().map_or(&[], Rounding::grids) }
    }

    /// Returns the moments of the last batch trained with normalisation: the means of all normalised layers, then their
    /// variances, in the order of [`crate::network::normalization`].
    pub fn moments(&self) -> &[f32] {
        &self.moments
    }

    /// Returns the values after every layer for one image, channels last, the image itself first; dropout returns its
    /// input.
    pub fn activations(&mut self, image: &[f32]) -> Vec<Vec<f32>> {
        let Some(worker) = self.workers.first() else { return Vec::new() };
        let workspace = &mut lock(worker).workspace;
        self.network.put(workspace, 0, image);
        self.network.forward(self.weights(), workspace, Mode::Evaluate, 1);
        (0..=self.network.layers.len()).map(|index| self.network.get(workspace, index, 0)).collect()
    }
}

/// Packs each layer's weights and biases for its matrix products.
fn pack(pool: &rayon::ThreadPool, network: &Network, packed: &mut [Packed], parameters: &[f32]) {
    let linears: Vec<&Linear> = network.linears().collect();
    pool.install(|| {
        packed.par_iter_mut().zip(linears).for_each(|(packed, linear)| linear.pack(parameters, packed));
    });
}
