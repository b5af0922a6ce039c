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
mod lessons;
mod loss;
mod teacher;

pub use lessons::Recurrence;
pub(crate) use lessons::{Desk, Lessons};
pub use loss::Distill;
pub(crate) use teacher::check;
pub use teacher::{Teacher, TeacherProblem};
