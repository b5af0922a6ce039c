//! Where each bias, factor and weight of a layer stands in a model file: the only statement of it.
//!
//! A kernel reads by it, a [`Plan`](crate::Plan) counts by it, and an exporter writes by it. `docs/model-file.md` and
//! `docs/int8.md` in the repository show the layouts in tables. This folder imports nothing of the crate.
//!
//! ```
//! use nin_core::packing::{Packing, Part, Place};
//! use nin_core::WeightType;
//!
//! // Ten outputs that see 288 inputs each, in 8 bits for a Cortex-M with DSP instructions.
//! let packing = Packing::new(WeightType::Int8, 2, 10, 288);
//! assert_eq!(packing.bytes(), 5 * (8 + 2 * 288 + 24));
//! assert_eq!(packing.weight(1, 2), Place { byte: 8 + 3, part: Part::Whole });
//! ```

mod lanes;
mod padding;
mod place;
mod weight_type;

pub use self::lanes::{Lanes, ParseLanesError};
pub use self::place::{Packing, Part, Place};
pub(crate) use self::place::{ROWS, STREAM_BIASES, STREAM_FACTORS};
pub use self::weight_type::WeightType;
