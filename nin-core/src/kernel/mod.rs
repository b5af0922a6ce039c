//! The kernels: one layer for one tile of pixels, on each kind of processor.
//!
//! [`operands`] holds their operands, [`sum`] the rounding of float sums, [`isa`] the vectors of a host's processor.
//! The `mod.rs` files of [`float`] and [`int8`] select the kernels for the target. All code that depends on the target
//! is in this folder.
//!
//! It may import `packing` and `plan`, which define the places of weights and working memory. It does not depend on
//! models, formats or networks.

pub(crate) mod float;
pub(crate) mod int8;
#[cfg(not(target_os = "none"))]
mod isa;
pub(crate) mod operands;
pub(crate) mod sum;
#[cfg(test)]
mod tests;
#[cfg(nin_m4f)]
mod vfma;
