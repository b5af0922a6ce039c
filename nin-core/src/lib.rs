//! Network in Network inference for microcontrollers: no heap, no operating system, and only those rows of an image in
//! memory that a kernel needs.
//!
//! ```
//! use nin_core::{Plan, Spec, WeightType};
//!
//! // One line of text describes a network ([`spec`]). Its memory follows at compile time ([`plan`]).
//! const PLAN: Plan = Plan::new(Spec::new("1x28x28 nin5+2:32,32,32 max3/2 nin3+1:10,10,10 gap"));
//! let mut state = [0u32; PLAN.state_words(WeightType::F32)]; // the working memory of a `Network`
//! assert_eq!(size_of_val(&state), 8_280);
//! ```
//!
//! The types in the order in which data flows through them: [`Spec`] is the architecture line. [`Plan`] holds the
//! shapes and sizes that follow from it. [`Model`] is a checked model file in flash. [`Network`] runs a model in a
//! buffer that the caller provides. It reads images as bytes, channels last (R, G, B for a colour network), rows from
//! the top; [`camera`] makes them from a camera's rows, in the same way as the trainer makes them from pictures.
//! [`Model::answer`], [`argmax`], [`top_k`] and [`softmax`] turn its logits into an answer.
//!
//! A network computes in one of six [`Format`]s: [`F32`], [`F16`] (16-bit weights), [`Int8`] (8-bit weights and
//! activations), [`Int4`] (8-bit activations, 4-bit weights in some or all layers), [`Affine`] (8 bits with zero points,
//! for models from TensorFlow Lite, depthwise layers and shortcuts) and [`AffineInt4`] (the same with 4-bit weights in
//! some or all layers). [`F32Fused`] and [`F16Fused`] round each product and its addition once (see [`Float`]).
//!
//! The feature `std` is off by default. With it, a host's kernels detect the processor's vector instructions at run
//! time.
#![no_std]
#![deny(unsafe_code)]

#[cfg(target_endian = "big")]
compile_error!("nin-core reads a model's weights in place, as little-endian numbers: this target is big-endian");
#[cfg(target_pointer_width = "16")]
compile_error!("nin-core needs a usize of at least 32 bits: this target has 16");

#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod camera;
mod flow;
mod format;
mod kernel;
mod logits;
pub mod model;
mod network;
pub mod packing;
pub mod plan;
mod presets;
pub mod spec;
mod test_images;

pub use flow::{Observer, Piece};
pub use format::{
    Affine, AffineInt4, F16, F16Fused, F32, F32Fused, Float, Format, Fused, Int4, Int8, Rounding, Separate,
};
pub use logits::{argmax, softmax, top_k};
pub use model::{Aligned, Answer, Decision, Model, ModelError, Normalization, Score, Threshold};
pub use network::{Network, NetworkError};
pub use packing::{Lanes, WeightType};
pub use plan::{Kernels, Plan};
pub use presets::{PRESETS, Preset};
pub use spec::{Shape, Spec, SpecError, Stage, Window};
pub use test_images::{TestImages, TestImagesError};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
