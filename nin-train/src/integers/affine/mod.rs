//! The arithmetic with zero points, for lines that the unsigned one cannot compute.
//!
//! Every map gets a [`Grid`]: a scale, and the byte that stands for 0. [`quantize()`] makes the integers of all layers of
//! a network whose maps have known [ranges](Ends), and [`AffineModel`] holds what a model file states of them.

mod grid;
mod layers;
mod model;
mod records;

pub(crate) use grid::{Ends, Grid};
pub(crate) use layers::{AffineLayers, LayerIntegers, quantize, words};
pub use model::{AffineLayer, AffineModel, Record};
pub(crate) use records::model;
