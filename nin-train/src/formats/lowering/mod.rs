//! Lowers a graph of layers, as other programs' files describe networks, to a line and its parameters.
//!
//! A reader of a format builds a [`Net`] layer by layer, from the image to the answer. `layer` has the layers and folds
//! what has no layer of its own: normalisation into weights, activations into the layer before them. `chain` follows the
//! layers from the image to the answer and writes the line.
//!
//! Imports [`network`](crate::network) and [`support`](crate::support).

mod chain;
mod integers;
mod layer;

use std::fmt;

use crate::network::preprocessing::Preprocessing;
use crate::network::trained::Trained;
use crate::support::text::visible;

pub use self::layer::{Convolution, Grid, Id, Net, Size, Steps};

/// A network with float weights.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Imported {
    /// The network. Its preprocessing is that of the file: of bytes, or of the floats that the file's input is.
    pub trained: Trained,
    /// Whether the file's input is floats.
    pub floats: bool,
}

/// How an image's bytes become the floats of a file's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pixels {
    /// As they are, from 0 to 255: the network scales them itself, or its input is bytes.
    Bytes,
    /// From 0 to 1.
    Unit,
    /// As the caller states.
    Stated,
}

/// A factor of the input below this is one of bytes: 1/255 and 1/127.5 are, one over a standard deviation of pixels from 0
/// to 1 is not.
const BYTE_FACTOR: f32 = 0.05;

impl Imported {
    /// Returns the network with the preprocessing of bytes. `stated` is that of the images in training, if it is known.
    ///
    /// # Errors
    ///
    /// If it is stated of a network whose input is bytes, or has other channels.
    pub fn for_bytes(self, stated: Option<Preprocessing>) -> Result<(Trained, Pixels), Problem> {
        let Self { mut trained, floats } = self;
        let own = &trained.preprocessing;
        let (first, pixels) = match stated {
            Some(_) if !floats => {
                return Err(Problem::whole("converts bytes itself; leave out --mean and --std"));
            }
            Some(stated) => (stated, Pixels::Stated),
            None if !floats || own.scale.iter().all(|scale| scale.abs() < BYTE_FACTOR) => {
                return Ok((trained, Pixels::Bytes));
            }
            None => (Preprocessing::unit(own.scale.len()), Pixels::Unit),
        };
        if !first.fits(own.scale.len()) {
            return Err(Problem::whole(format!("has {} channels; state one number for each", own.scale.len())));
        }
        let each = || first.mean.iter().zip(&first.scale).zip(own.mean.iter().zip(&own.scale));
        // ((byte − mean) · scale − own mean) · own scale
        let mean = each().map(|((mean, scale), (own, _))| mean + own / scale).collect();
        let scale = each().map(|((_, scale), (_, own))| scale * own).collect();
        trained.preprocessing = Preprocessing { mean, scale };
        Ok((trained, pixels))
    }
}

/// An operator in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its number among the operators, from 0.
    pub index: usize,
    /// Its name in the format.
    pub name: String,
}

/// Why a network is outside of the family of networks that a line describes. The text is one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The operator; `None` if the network as a whole is outside.
    pub place: Option<Place>,
    /// The sentence without its subject.
    pub text: String,
}

impl Place {
    /// Returns the problem that continues the sentence "operator N, NAME, …".
    pub fn problem(&self, text: impl Into<String>) -> Problem {
        Problem { place: Some(self.clone()), text: text.into() }
    }
}

impl Problem {
    /// Returns a problem of the whole network, which continues the sentence "the model …".
    pub fn whole(text: impl Into<String>) -> Self {
        Self { place: None, text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = visible(&self.text);
        match &self.place {
            Some(Place { index, name }) => write!(f, "operator {index}, `{}`, {text}", visible(name)),
            None => write!(f, "the model {text}"),
        }
    }
}

impl std::error::Error for Problem {}
