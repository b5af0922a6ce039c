//! Trains Network in Network image classifiers for small machines.
//!
//! The binary `nin-train` is a thin layer over this library: `commands/` parses flags and prints, everything else
//! works here. A network is one line of text (see [`nin_core::spec`]); its parameters are one flat slice.
//!
//! What happens to a network, in order: [`views`] says where each layer's parameters stand; [`safetensors`] exchanges
//! them with PyTorch; [`export`] writes the model file that a device runs; [`report`] prints what a network takes.

pub mod architecture;
pub mod dataset;
pub mod engine;
pub mod export;
mod kernel;
mod layers;
pub mod loss;
pub mod optim;
pub mod parameters;
pub mod random;
pub mod report;
pub mod safetensors;
pub mod schedule;
pub mod views;

pub use engine::{Draw, Engine, Outcome, Source};
