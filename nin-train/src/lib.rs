//! Trains Network in Network image classifiers for small machines.
//!
//! The binary `nin-train` is a thin layer over this library: `commands/` parses flags and prints, everything else
//! works here. Without the feature `cli` there is the library alone, and without `fetch`, which `cli` turns on, nothing is
//! downloaded. A network is one line of text (see [`nin_core::spec`]), read by [`network::architecture`].
//!
//! Images, parameters, activations, logits and confusion matrices go in and out as arrays of [`ndarray`]; the crate's
//! `examples/` train from arrays, quantise and export, and evaluate a model file.
//!
//! The folders in the order in which the data meets the code:
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`support`] | atomic files, free memory, random numbers, tables of text |
//! | [`data`] | images in: data sets, augmentation |
//! | [`network`] | a network as a value: architecture, parameters, preprocessing, class names, resources |
//! | `kernel` | matrix products and Winograd convolutions for each instruction set |
//! | [`integers`] | 8-bit and 4-bit arithmetic: how floats become integers |
//! | `layers` | forward and backward pass of each kind of layer |
//! | [`engine`] | a batch through all layers and back, on several threads; loss; distillation; the board's engine |
//! | [`training`] | the run: hyperparameters, batches, optimiser, schedule, loop, checkpoint, architecture search |
//! | [`formats`] | files out and in: the device's model file, ONNX, safetensors, arrays for NumPy |
//! | [`mod@quantize`] | quantisation after training or during it: calibration, bias correction, bits of the weights |
//! | [`report`] | tables and pages for people |
//!
//! A folder imports only folders that stand above it in this table.
#![deny(unsafe_code)]

pub mod data;
pub mod engine;
pub mod formats;
pub mod integers;
mod kernel;
mod layers;
pub mod network;
pub mod quantize;
pub mod report;
pub mod support;
pub mod training;

/// The version of `ndarray` whose arrays this crate takes and returns.
pub use ndarray;

pub use engine::source::{Draw, Outcome, Source};
pub use engine::{Arithmetic, Engine};
pub use training::recipe::Recipe;
pub use training::trainer::Trainer;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
