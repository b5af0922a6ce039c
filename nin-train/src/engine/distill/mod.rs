//! Knowledge distillation: a network learns from what a larger, trained one, or several, make of the same images,
//! beside their labels (Hinton, Vinyals, Dean 2015).
//!
//! The loss of an image, with student's logits `z`, teacher's `v`, softmax `σ`, share `a` and temperature `T`:
//!
//! ```text
//! (1 − a) · cross-entropy(label, σ(z))  +  a · T² · KL(σ(v / T) ‖ σ(z / T))
//! ```
//!
//! Several teachers speak with one voice, the mean of their logits: its softmax is the geometric mean of theirs.
//!
//! A teacher sees each image as the student does: shifted, mirrored, blended. Where images come again in the same form,
//! shifted and mirrored as before, what was said is remembered, and costs nothing in a later epoch. A checkpoint holds
//! the teachers too, so that a run goes on without any other file.

mod answers;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nin_core::{Plan, Shape, Spec};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::hex;
use crate::layers::{Mode, Network, Packed, Workspace};
use crate::network::preprocessing::Preprocessing;
use crate::network::trained::Trained;

use answers::{Answers, Key};

/// How much of the loss a teacher has, and how soft its answers are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Distill {
    /// Share of the loss, above 0 and at most 1; the labels have the rest.
    pub share: f32,
    /// What logits are divided by before the softmax, above 0: the higher, the more the unlikely classes say.
    pub temperature: f32,
}

impl Default for Distill {
    /// The values with which distillation methods are compared (Tian, Krishnan, Isola 2020).
    fn default() -> Distill {
        Distill { share: 0.9, temperature: 4.0 }
    }
}

impl Distill {
    /// The teacher's part of one image's loss; its gradient for the student's logits, times `scale`, is added to
    /// `d_logits`.
    ///
    /// Sums run in f64, in the order of the classes.
    pub(crate) fn loss(&self, logits: &[f32], teacher: &[f32], scale: f32, d_logits: &mut [f32]) -> f64 {
        let (share, temperature) = (f64::from(self.share), f64::from(self.temperature));
        let log_mass = |logits: &[f32]| {
            let largest = logits.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
            let sum: f64 = logits.iter().map(|logit| (f64::from(logit - largest) / temperature).exp()).sum();
            f64::from(largest) / temperature + sum.ln()
        };
        let (student_mass, teacher_mass) = (log_mass(logits), log_mass(teacher));
        let mut divergence = 0.0;
        for ((d, z), v) in d_logits.iter_mut().zip(logits).zip(teacher) {
            let log_q = f64::from(*z) / temperature - student_mass;
            let log_p = f64::from(*v) / temperature - teacher_mass;
            divergence += log_p.exp() * (log_p - log_q);
            *d += (share * temperature * (log_q.exp() - log_p.exp()) * f64::from(scale)) as f32;
        }
        share * temperature * temperature * divergence
    }
}

/// A trained network that another learns from.
#[derive(Clone, Debug, PartialEq)]
pub struct Teacher {
    /// Its architecture.
    pub spec: Spec,
    /// Its weights and biases, in the order of [`crate::network::parameters`].
    pub parameters: Vec<f32>,
}

impl Teacher {
    /// Takes a network as teacher of one with this plan, preprocessing and class names.
    ///
    /// # Errors
    ///
    /// [`TeacherProblem`] if it does not see the same images in the same way, or tells other classes apart.
    pub fn new(
        trained: &Trained,
        student: &Plan,
        preprocessing: &Preprocessing,
        class_names: &[String],
    ) -> Result<Teacher, TeacherProblem> {
        check(&trained.plan(), student)?;
        if !trained.parameters.iter().all(|value| value.is_finite()) {
            return Err(TeacherProblem::NotFinite);
        }
        if trained.preprocessing != *preprocessing {
            return Err(TeacherProblem::Preprocessing);
        }
        if !trained.class_names.is_empty() && trained.class_names != class_names {
            return Err(TeacherProblem::Names(trained.class_names.join(", ")));
        }
        Ok(Teacher { spec: trained.spec, parameters: trained.parameters.clone() })
    }

    /// SHA-256 of its parameters as bytes, little end first, in hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        self.parameters.iter().for_each(|value| hash.update(value.to_le_bytes()));
        hex(hash)
    }
}

/// Whether a teacher reads what its student reads, and answers in as many classes.
pub(crate) fn check(teacher: &Plan, student: &Plan) -> Result<(), TeacherProblem> {
    let [found, wanted] = [teacher, student].map(|plan| plan.shape(0));
    if found != wanted {
        return Err(TeacherProblem::Input { found, wanted });
    }
    let [found, wanted] = [teacher, student].map(Plan::classes);
    if found != wanted {
        return Err(TeacherProblem::Classes { found, wanted });
    }
    Ok(())
}

/// Why a network cannot teach another. The text follows the teacher's name.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TeacherProblem {
    /// It reads images of another shape.
    Input {
        /// What it reads.
        found: Shape,
        /// What its student reads.
        wanted: Shape,
    },
    /// It tells another number of classes apart.
    Classes {
        /// How many it knows.
        found: usize,
        /// How many its student is to know.
        wanted: usize,
    },
    /// It tells other classes apart, or in another order; these.
    Names(String),
    /// It was trained with bytes scaled otherwise.
    Preprocessing,
    /// It has weights that are infinite or no numbers.
    NotFinite,
}

impl fmt::Display for TeacherProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { found, wanted } => {
                write!(f, "a teacher must read what its student reads: it reads {found}, the student {wanted}")
            }
            Self::Classes { found, wanted } => {
                write!(f, "a teacher must know its student's classes: it has {found}, the student {wanted}")
            }
            Self::Names(names) => {
                write!(f, "a teacher must know the classes of the images, in their order: it knows {names}")
            }
            Self::NotFinite => f.write_str("a teacher must have weights that are finite numbers"),
            Self::Preprocessing => {
                f.write_str("a teacher must see bytes as its student does: train both with the same --input")
            }
        }
    }
}

impl std::error::Error for TeacherProblem {}

/// Whether a run shows its network the same images again, number for number: then a teacher remembers its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recurrence {
    /// Whole, or in a few forms (shifted by whole pixels, mirrored).
    Recurring,
    /// Blended, turned by any angle, in another light.
    AlwaysNew,
}

/// Teachers at work, shared by all threads.
pub(crate) struct Lessons {
    pub(crate) distill: Distill,
    teachers: Vec<(Network, Vec<Packed>)>,
    /// Images that all of them take at once.
    together: usize,
    /// What they remember, if they are to.
    answers: Option<Mutex<Answers>>,
}

/// What one thread needs to be taught.
pub(crate) struct Desk {
    /// One for each teacher.
    workspaces: Vec<Workspace>,
    /// The mean of the teachers' logits, image by image of the student's chunk.
    logits: Vec<f32>,
    classes: usize,
    /// Images of the chunk so far.
    images: usize,
    /// Those that stand in the workspaces, and have no logits yet; each with its key, if answers are remembered.
    waiting: Vec<(usize, Option<Key>)>,
}

impl Lessons {
    /// Lessons of teachers with these architectures and parameters, for a student of `classes` classes, who remember
    /// their answers if `images` come again.
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

    /// A thread's memory, for chunks of at most `images` images of `classes` classes.
    pub(crate) fn desk(&self, images: usize, classes: usize) -> Desk {
        let workspaces = self.teachers.iter().map(|(network, _)| network.workspace(false)).collect();
        let (logits, waiting) = (vec![0.0; images * classes], Vec::with_capacity(self.together));
        Desk { workspaces, logits, classes, images: 0, waiting }
    }

    /// Shows the teachers the next image of a chunk; `index` 0 begins a new one.
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

    /// What the teachers say of all images of the chunk, one after the other.
    pub(crate) fn logits<'a>(&self, desk: &'a mut Desk) -> std::slice::ChunksExact<'a, f32> {
        self.answer(desk);
        desk.logits[..desk.images * desk.classes].chunks_exact(desk.classes)
    }

    /// Answers those that wait. An image's logits do not depend on which others it stands among.
    fn answer(&self, desk: &mut Desk) {
        if desk.waiting.is_empty() {
            return;
        }
        let Desk { workspaces, logits: all, classes, waiting, .. } = desk;
        for ((network, packed), workspace) in self.teachers.iter().zip(&mut *workspaces) {
            network.forward(packed, workspace, Mode::Evaluate, waiting.len());
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
        // A thread that panicked while it held them has left whole answers; its panic is not lost.
        self.answers.as_ref().map(|answers| answers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::Distill;

    fn softmax(logits: &[f64], temperature: f64) -> Vec<f64> {
        let exp: Vec<f64> = logits.iter().map(|logit| (logit / temperature).exp()).collect();
        let sum: f64 = exp.iter().sum();
        exp.iter().map(|value| value / sum).collect()
    }

    fn naive(distill: Distill, student: &[f64], teacher: &[f64]) -> f64 {
        let temperature = f64::from(distill.temperature);
        let [p, q] = [teacher, student].map(|logits| softmax(logits, temperature));
        let divergence: f64 = p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum();
        f64::from(distill.share) * temperature.powi(2) * divergence
    }

    #[test]
    fn the_loss_and_its_gradient_are_those_of_the_formula() {
        let [student, teacher] = [[1.5f32, -2.0, 0.25, 4.0], [3.0, -1.0, 2.0, 1.0]];
        for (share, temperature) in [(0.9, 4.0), (0.5, 1.0), (1.0, 2.5)] {
            let distill = Distill { share, temperature };
            let mut gradient = [1.0; 4];
            let loss = distill.loss(&student, &teacher, 0.5, &mut gradient);
            let (z, v) = (student.map(f64::from), teacher.map(f64::from));
            assert!((loss - naive(distill, &z, &v)).abs() < 1e-6, "{loss}");
            for class in 0..4 {
                let [mut up, mut down] = [z; 2];
                (up[class], down[class]) = (z[class] + 1e-5, z[class] - 1e-5);
                let slope = (naive(distill, &up, &v) - naive(distill, &down, &v)) / 2e-5;
                let found = f64::from(gradient[class]) - 1.0;
                assert!((found - 0.5 * slope).abs() < 1e-6, "{found} {slope}");
            }
        }
    }

    #[test]
    fn who_says_what_the_teacher_says_has_nothing_to_learn() {
        let logits = [700.0, -700.0, 12.0];
        let mut gradient = [0.0; 3];
        assert!(Distill::default().loss(&logits, &logits, 1.0, &mut gradient).abs() < 1e-9);
        assert!(gradient.iter().all(|value| value.abs() < 1e-6));
    }
}
