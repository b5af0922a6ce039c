//! The kernels: one layer for one tile of pixels, on each kind of processor.
//!
//! [`operands`] is what they work on and [`sum`] how a float sum is rounded; [`float`] and [`int8`] are the two doors,
//! whose `mod.rs` choose the kernels for the target, and [`isa`] the vectors of a host's processor. Everything that
//! depends on the target stands in this folder.
//!
//! It may import `packing` and `plan`, which say where weights and working memory are; nothing in here knows a model, a
//! format or a network.

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
