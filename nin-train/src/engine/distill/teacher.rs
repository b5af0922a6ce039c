//! Teachers, and the check that a teacher fits its student.

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
    /// Makes a trained network the teacher of a student with this plan, preprocessing and class names.
    ///
    /// # Errors
    ///
    /// [`TeacherProblem`] if its input, preprocessing or classes differ from the student's.
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

    /// Returns the SHA-256 of its parameters as little-endian bytes, in hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        self.parameters.iter().for_each(|value| hash.update(value.to_le_bytes()));
        hex(hash)
    }
}

/// Checks whether a teacher has its student's input shape and number of classes.
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

/// The reason why a network cannot teach another. The text follows the teacher's name.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TeacherProblem {
    /// Its input has another shape.
    Input {
        /// The teacher's input.
        found: Shape,
        /// The student's input.
        wanted: Shape,
    },
    /// It has another number of classes.
    Classes {
        /// The teacher's number of classes.
        found: usize,
        /// The student's number of classes.
        wanted: usize,
    },
    /// It has other classes, or in another order; these are its class names.
    Names(String),
    /// It was trained with other preprocessing.
    Preprocessing,
    /// It has weights that are infinite or NaN.
    NotFinite,
}

impl fmt::Display for TeacherProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { found, wanted } => {
                write!(f, "a teacher must have its student's input shape: it reads {found}, the student {wanted}")
            }
            Self::Classes { found, wanted } => {
                write!(f, "a teacher must have its student's number of classes: it has {found}, the student {wanted}")
            }
            Self::Names(names) => {
                write!(f, "a teacher must have the classes of the images in the same order: it has {names}")
            }
            Self::NotFinite => f.write_str("a teacher must have weights that are finite numbers"),
            Self::Preprocessing => {
                f.write_str("a teacher must have its student's preprocessing: train both with the same --input")
            }
        }
    }
}

impl std::error::Error for TeacherProblem {}
