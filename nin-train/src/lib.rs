//! Trains Network in Network image classifiers for small machines.
//!
//! The binary `nin-train` is a thin layer over this library: `commands/` parses flags and prints, everything else
//! works here. A network is one line of text (see [`nin_core::spec`]), read by [`network::architecture`].
//!
//! The folders in the order in which the data meets the code:
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`support`] | atomic files, free memory, random numbers |
//! | [`data`] | images in: data sets, augmentation, batches |
//! | [`network`] | a network as a value: architecture, parameters, preprocessing, class names |
//! | `kernel` | matrix products and Winograd convolutions for each instruction set |
//! | `layers` | forward and backward pass of each kind of layer |
//! | [`engine`] | a batch through all layers and back, on several threads; loss; distillation; the board's engine |
//! | [`training`] | the run: hyperparameters, optimiser, schedule, loop, checkpoint, architecture search |
//! | [`integers`] | 8-bit and 4-bit quantisation, after training or during it |
//! | [`formats`] | files out: the device's model file, ONNX, safetensors |
//! | [`report`] | tables and pages for people |
#![deny(unsafe_code)]

pub mod data;
pub mod engine;
pub mod formats;
pub mod integers;
mod kernel;
mod layers;
pub mod network;
pub mod report;
pub mod support;
pub mod training;

pub use engine::{Draw, Engine, Outcome, Source};
pub use training::recipe::Recipe;
pub use training::train::Trainer;
