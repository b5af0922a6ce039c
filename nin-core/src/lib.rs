//! Network in Network inference for microcontrollers.
#![no_std]
#![deny(unsafe_code)]

pub mod plan;
mod presets;
pub mod spec;

pub use plan::{Plan, WeightType};
pub use presets::{PRESETS, Preset};
pub use spec::{Shape, Spec, SpecError, Stage, Window};
