//! The network that another learns from, and whether it can teach that one.

use std::fmt;

use nin_core::{Plan, Shape, Spec};
use sha2::{Digest, Sha256};

use crate::data::hex;
use crate::network::preprocessing::Preprocessing;
use crate::network::trained::Trained;

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

/// Checks whether a teacher reads what its student reads, and answers in as many classes.
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
