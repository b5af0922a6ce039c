//! Network in Network inference for microcontrollers: no heap, no operating system, and of an image no more in memory
//! than the rows that a kernel needs.
//!
//! ```
//! use nin_core::{Plan, Spec, WeightType};
//!
//! // A network is one line of text ([`spec`]); from it comes what it takes ([`plan`]), at compile time.
//! const PLAN: Plan = Plan::new(Spec::new("1x28x28 nin5+2:32,32,32 max3/2 nin3+1:10,10,10 gap"));
//! let mut state = [0u32; PLAN.state_words(WeightType::F32)]; // what a `Network` works in
//! assert_eq!(size_of_val(&state), 8_280);
//! ```
//!
//! In the order in which data meets the code: [`Spec`] is the architecture line, [`Plan`] the shapes and sizes that
//! follow from it, [`Model`] a checked model file in flash, [`Network`] a model at work in a buffer of the caller's;
//! [`argmax`], [`top_k`] and [`softmax`] make an answer of its logits. A network computes in one of four [`Format`]s:
//! [`F32`], [`F16`] (16-bit weights), [`Int8`] (8-bit weights and activations) and [`Int4`] (the same with weights of 4
//! bits where the model has them).
//!
//! Which form of a format computes is a type that the program chooses: [`F32Fused`] rounds a product and its sum once
//! ([`Float`]). With the feature `std`, which is off by default, a host's kernels ask the processor for its vectors at
//! run time.
#![no_std]
#![deny(unsafe_code)]

#[cfg(target_endian = "big")]
compile_error!("nin-core reads a model's weights where they lie, as little-endian numbers: this target is big-endian");
#[cfg(target_pointer_width = "16")]
compile_error!("nin-core counts in usize what may need 32 bits: this target has 16");

#[cfg(any(test, feature = "std"))]
extern crate std;

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

pub use flow::{Observer, Piece};
pub use format::{F16, F16Fused, F32, F32Fused, Float, Format, Fused, Int4, Int8, Rounding, Separate};
pub use logits::{argmax, softmax, top_k};
pub use model::{Aligned, Model, ModelError, Normalization};
pub use network::{Network, NetworkError};
pub use packing::{Lanes, WeightType};
pub use plan::{Kernels, Plan};
pub use presets::{PRESETS, Preset};
pub use spec::{Shape, Spec, SpecError, Stage, Window};
