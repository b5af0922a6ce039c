//! Trains Network in Network image classifiers for small machines.
//!
//! The binary `nin-train` is a thin layer over this library: `commands/` parses flags and prints, everything else
//! works here. A network is one line of text (see [`nin_core::spec`]); its parameters are one flat slice.
//!
//! What happens to a network, in order: [`architecture`] reads its name or line; [`dataset`] finds images; [`views`]
//! says where each layer's parameters stand; [`trained`] is a network that has learnt, from whatever file;
//! [`quantize`] makes 8-bit integers of it; [`safetensors`] exchanges it with PyTorch; [`export`] writes the model file that a device runs; [`streaming`] runs
//! that file here as the device does; [`report`] prints what a network takes and how well it does.

pub mod architecture;
pub mod dataset;
pub mod engine;
pub mod export;
pub mod files;
mod kernel;
mod layers;
pub mod loss;
pub mod optim;
pub mod parameters;
pub mod pictures;
pub mod quantize;
pub mod random;
pub mod report;
pub mod safetensors;
pub mod schedule;
pub mod streaming;
pub mod trained;
pub mod views;

pub use engine::{Draw, Engine, Outcome, Source};
