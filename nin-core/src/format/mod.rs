//! The number formats of a network: the types of its weights, activations and sums.
//!
//! `float`, `int8`, `int4`, `affine` and `affine_int4` implement the trait of `arithmetic`, by which the engine calls the
//! kernels. This module may import `packing`, `plan` and `kernel`.

mod affine;
mod affine_int4;
mod arithmetic;
mod float;
mod int4;
mod int8;

pub use self::affine::Affine;
pub use self::affine_int4::AffineInt4;
pub(crate) use self::arithmetic::Arithmetic;
pub use self::arithmetic::Format;
pub use self::float::{F16, F16Fused, F32, F32Fused, Float};
pub use self::int4::Int4;
pub use self::int8::Int8;
pub use crate::kernel::sum::{Fused, Rounding, Separate};
