//! Forward and backward passes of a batch.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use nin_core::argmax;
use rayon::prelude::*;

use super::loss::cross_entropy;
use super::reduce::reduce;
use super::source::{Draw, Outcome, Source};
use super::{Engine, Group, Worker, lock};
use crate::layers::Mode;

/// The images that a thread takes through the network at once.
#[derive(Clone, Copy)]
struct Chunk {
    first: usize,
    images: usize,
    mode: Mode,
    /// Factor of the loss's gradient.
    scale: f32,
}

impl Engine {
    /// Returns the mean loss's gradient over a batch, in the order of the parameters: with normalisation also of the
    /// gains, with rounding also of the ranges.
    ///
    /// # Panics
    ///
    /// If the batch is larger than the engine was made for, or the length of `gradient` differs from the number of
    /// trainable parameters.
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
                // A free thread takes the next group.
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
            let groups: Vec<MutexGuard<Group>> = engine.groups[..count].iter().map(lock).collect();
            let groups: Vec<&[f32]> = groups.iter().map(|group| &*group.gradient).collect();
            reduce(&engine.network, &groups, gradient);
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

    /// Runs a batch of any size forward only; `each(index, label, logits)` is called for every image, from any thread.
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

    /// Computes the forward pass of the chunk's samples, and writes their losses' gradient, times `scale`, to the
    /// workspace.
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
        network.forward(self.weights(), workspace, chunk.mode, chunk.images);
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
}
