//! Networks of 8-bit and 4-bit integers: the rules by which `docs/int8.md` computes.
//!
//! Activations become unsigned bytes with one scale a layer, weights signed bytes with one scale an output.
//! [`QuantizedModel`] makes integers of a network whose activations have known ranges; [`rounding`] does so in each
//! step of quantisation-aware training. How ranges are found is the business of [`quantize`](crate::quantize).
//!
//! Imports [`network`](crate::network) and `kernel`.

mod bits;
mod error;
mod fixed;
mod input;
mod layer;
mod model;
pub mod rounding;

pub use bits::{WeightBits, WeightBitsError};
pub use error::QuantizeError;
pub use fixed::multiplier;
pub(crate) use input::fold;
pub(crate) use layer::STEPS;
pub use layer::{GRAIN, Output, QuantizedLayer};
pub use model::QuantizedModel;
