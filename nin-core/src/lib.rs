//! Network in Network inference for microcontrollers.
#![no_std]
#![deny(unsafe_code)]

#[cfg(test)]
extern crate std;

mod flow;
mod format;
mod kernel;
mod logits;
pub mod model;
mod network;
pub mod plan;
mod presets;
pub mod spec;

pub use flow::{Observer, Piece};
pub use format::{F16, F32, Float, Format, Int8};
pub use logits::{argmax, softmax, top_k};
pub use model::{Aligned, Model, ModelError};
pub use network::{Network, NetworkError};
pub use plan::{Kernels, Plan, WeightType};
pub use presets::{PRESETS, Preset};
pub use spec::{Shape, Spec, SpecError, Stage, Window};
