//! Trains Network in Network image classifiers for small machines.
//!
//! The binary `nin-train` is a thin layer over this library: `commands/` parses flags and prints; the library does
//! everything else. Without the feature `cli` only the library is built; without `fetch`, which `cli` turns on, it
//! downloads nothing. A network is one line of text (see [`nin_core::spec`]), read by [`network::architecture`].
//!
//! The API exchanges images, parameters, activations, logits and confusion matrices as arrays of [`ndarray`]; the
//! crate's `examples/` train from arrays, quantise and export, and evaluate a model file.
//!
//! The modules, in the order in which data passes through them:
//!
//! | module | contents |
//! | --- | --- |
//! | [`support`] | atomic files, free memory, random numbers, text to print, threads |
//! | [`boards`] | boards by name: core, memory map, emulator |
//! | [`data`] | loading of data sets, augmentation |
//! | [`network`] | the description of a network: architecture, parameters, preprocessing, class names, resources |
//! | `kernel` | matrix products and Winograd convolutions for each instruction set |
//! | [`integers`] | 8-bit and 4-bit arithmetic: how floats become integers |
//! | `layers` | forward and backward pass of each kind of layer |
//! | [`engine`] | forward and backward pass of a batch on several threads; loss; distillation; the board's engine |
//! | [`training`] | training runs: hyperparameters, batches, optimiser, schedule, loop, checkpoint, architecture search |
//! | [`formats`] | reading and writing of files: the device's model file, ONNX, safetensors, arrays for NumPy |
//! | [`mod@quantize`] | quantisation after or during training: calibration, bias correction, bit widths of weights |
//! | [`mod@firmware`] | a cargo project that runs a model on a board |
//! | [`report`] | tables and HTML pages |
//!
//! A module imports only modules above it in this table.
#![deny(unsafe_code)]

pub mod boards;
pub mod data;
pub mod engine;
pub mod firmware;
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

/// Compiles the README's example as a doctest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
