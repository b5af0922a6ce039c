//! Knowledge distillation (Hinton, Vinyals, Dean 2015): a network learns from the labels and from the logits of one or
//! more trained networks for the same images.
//!
//! The loss of an image, with student's logits `z`, teacher's `v`, softmax `σ`, share `a` and temperature `T`:
//!
//! ```text
//! (1 − a) · cross-entropy(label, σ(z))  +  a · T² · KL(σ(v / T) ‖ σ(z / T))
//! ```
//!
//! Several teachers are combined by the mean of their logits; its softmax is the normalised geometric mean of theirs.
//!
//! A teacher receives each image with the student's augmentation. If images recur in the same form, shifted and
//! mirrored as before, the teachers' logits are cached and cost nothing in later epochs. A checkpoint contains the
//! teachers too, so that a run resumes without other files.

mod answers;
mod lessons;
mod loss;
mod teacher;

pub use lessons::Recurrence;
pub(crate) use lessons::{Desk, Lessons};
pub use loss::Distill;
pub(crate) use teacher::check;
pub use teacher::{Teacher, TeacherProblem};
