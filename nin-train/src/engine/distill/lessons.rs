//! The teachers' logits for each image of a step.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nin_core::{Plan, Spec};

use super::answers::{Answers, Key};
use super::loss::Distill;
use crate::layers::{Mode, Network, Packed, Weights, Workspace};

/// Whether a run repeats images exactly, so that caching the teachers' logits pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recurrence {
    /// Images recur unchanged or in a few forms (shifted by whole pixels, mirrored).
    Recurring,
    /// Images are blended, rotated by any angle, or changed in brightness or contrast.
    AlwaysNew,
}

/// The teachers, shared by all threads.
pub(crate) struct Lessons {
    pub(crate) distill: Distill,
    teachers: Vec<(Network, Vec<Packed>)>,
    /// The number of images that every teacher can process at once.
    together: usize,
    /// The cached logits; `None` without caching.
    answers: Option<Mutex<Answers>>,
}

/// One thread's memory.
pub(crate) struct Desk {
    /// One for each teacher.
    workspaces: Vec<Workspace>,
    /// The mean of the teachers' logits, image by image of the student's chunk.
    logits: Vec<f32>,
    classes: usize,
    /// Images of the chunk so far.
    images: usize,
    /// The images in the workspaces that have no logits yet, with their keys if logits are cached.
    waiting: Vec<(usize, Option<Key>)>,
}

impl Lessons {
    /// Prepares teachers with these architectures and parameters for a student of `classes` classes; their logits are
    /// cached if `images` recur.
    pub(crate) fn new(teachers: &[(Spec, &[f32])], classes: usize, distill: Distill, images: Recurrence) -> Lessons {
        let teacher = |(spec, parameters): &(Spec, &[f32])| {
            let network = Network::new(&Plan::new(*spec));
            let mut packed: Vec<Packed> = network.linears().map(|linear| linear.packed(false)).collect();
            network.linears().zip(&mut packed).for_each(|(linear, packed)| linear.pack(parameters, packed));
            (network, packed)
        };
        let teachers: Vec<_> = teachers.iter().map(teacher).collect();
        let together = teachers.iter().map(|(network, _)| network.images).min().unwrap_or(1);
        let answers = match images {
            Recurrence::Recurring => Some(Mutex::new(Answers::new(classes))),
            Recurrence::AlwaysNew => None,
        };
        Lessons { distill, teachers, together, answers }
    }

    /// Returns a thread's memory, for chunks of at most `images` images of `classes` classes.
    pub(crate) fn desk(&self, images: usize, classes: usize) -> Desk {
        let workspaces = self.teachers.iter().map(|(network, _)| network.workspace(false)).collect();
        let (logits, waiting) = (vec![0.0; images * classes], Vec::with_capacity(self.together));
        Desk { workspaces, logits, classes, images: 0, waiting }
    }

    /// Adds the next image of a chunk; `index` 0 begins a new chunk.
    pub(crate) fn show(&self, desk: &mut Desk, index: usize, image: &[f32]) {
        if index == 0 {
            desk.images = 0;
            desk.waiting.clear();
        }
        desk.images += 1;
        let key = self.answers.as_ref().map(|_| Key::of(image));
        if let Some((answers, key)) = self.answers().zip(key)
            && let Some(known) = answers.get(key)
        {
            desk.logits[index * desk.classes..][..desk.classes].copy_from_slice(known);
            return;
        }
        for ((network, _), workspace) in self.teachers.iter().zip(&mut desk.workspaces) {
            network.put(workspace, desk.waiting.len(), image);
        }
        desk.waiting.push((index, key));
        if desk.waiting.len() == self.together {
            self.answer(desk);
        }
    }

    /// Returns the teachers' mean logits for all images of the chunk, consecutively.
    pub(crate) fn logits<'a>(&self, desk: &'a mut Desk) -> std::slice::ChunksExact<'a, f32> {
        self.answer(desk);
        desk.logits[..desk.images * desk.classes].chunks_exact(desk.classes)
    }

    /// Computes the missing logits. An image's logits do not depend on the other images of its batch.
    fn answer(&self, desk: &mut Desk) {
        if desk.waiting.is_empty() {
            return;
        }
        let Desk { workspaces, logits: all, classes, waiting, .. } = desk;
        for ((network, packed), workspace) in self.teachers.iter().zip(&mut *workspaces) {
            network.forward(Weights { packed, grids: &[] }, workspace, Mode::Evaluate, waiting.len());
        }
        let mut answers = self.answers();
        for (place, (image, key)) in waiting.drain(..).enumerate() {
            let mean = &mut all[image * *classes..][..*classes];
            mean.fill(0.0);
            for ((network, _), workspace) in self.teachers.iter().zip(&mut *workspaces) {
                let (logits, _) = network.head(workspace, place);
                mean.iter_mut().zip(logits).for_each(|(mean, logit)| *mean += *logit / self.teachers.len() as f32);
            }
            if let Some((answers, key)) = answers.as_mut().zip(key) {
                answers.keep(key, mean);
            }
        }
    }

    fn answers(&self) -> Option<MutexGuard<'_, Answers>> {
        // A thread that panicked while it held the lock left complete entries; its panic still propagates.
        self.answers.as_ref().map(|answers| answers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
