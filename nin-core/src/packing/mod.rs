//! The layout of a layer's biases, factors and weights in a model file.
//!
//! The kernels, [`Plan`](crate::Plan) and the exporter all use this one definition. `docs/model-file.md` and
//! `docs/int8.md` in the repository show the layouts in tables. This module imports nothing from the rest of the crate.
//!
//! ```
//! use nin_core::packing::{Packing, Part, Place};
//! use nin_core::WeightType;
//!
//! // Ten outputs with 288 inputs each, in 8 bits for a Cortex-M with DSP instructions.
//! let packing = Packing::new(WeightType::Int8, 2, 10, 288);
//! assert_eq!(packing.bytes(), 5 * (8 + 2 * 288 + 24));
//! assert_eq!(packing.weight(1, 2), Place { byte: 8 + 3, part: Part::Whole });
//! ```

pub mod affine;
mod lanes;
mod padding;
mod place;
mod weight_type;

pub use self::lanes::{Lanes, ParseLanesError};
pub use self::place::{Packing, Part, Place};
pub(crate) use self::place::{ROWS, STREAM_BIASES, STREAM_FACTORS};
pub use self::weight_type::WeightType;
