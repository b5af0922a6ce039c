//! Networks of 8-bit and 4-bit integers, quantised by the rules of `docs/int8.md`.
//!
//! Activations become unsigned bytes with one scale for each layer, weights signed bytes with one scale for each
//! output. [`QuantizedModel`] quantises a network whose activations have known ranges, and `affine` one whose line needs
//! zero points; [`rounding`] does so in each step of quantisation-aware training. [`quantize`](crate::quantize) finds the
//! ranges.
//!
//! Imports [`network`](crate::network) and `kernel`.

mod affine;
mod bits;
mod error;
mod fixed;
mod input;
mod layer;
mod model;
pub mod rounding;

pub use affine::{AffineLayer, AffineModel, Record};
pub(crate) use affine::{Ends, Grid, model as affine_model, quantize as affine_layers};
pub(crate) use bits::check_unsigned;
pub use bits::{WeightBits, WeightBitsError};
pub use error::QuantizeError;
pub use fixed::{factor, multiplier};
pub(crate) use input::fold;
pub(crate) use layer::STEPS;
pub use layer::{GRAIN, Output, QuantizedLayer};
pub use model::QuantizedModel;
