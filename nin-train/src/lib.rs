//! Trains Network in Network image classifiers for small machines.
//!
//! The binary `nin-train` is a thin layer over this library: `commands/` parses flags and prints, everything else
//! works here. A network is one line of text (see [`nin_core::spec`]), read by [`architecture`].
//!
//! The story of a training run, in order: [`dataset`] loads images as bytes; [`batch`] makes of them what the network
//! reads; [`engine`] takes a batch through the network and back, in parallel, on [`parameters`] that are one flat
//! slice; [`loss`], [`optim`] and [`schedule`] say how those change, and a [`recipe`] chooses among them; [`train`] is
//! the loop; [`distill`] adds trained networks as teachers; [`checkpoint`] keeps a run, so that it can go on where it
//! stopped. [`random`] draws every random number.
//!
//! What becomes of it: [`trained`] is a network that has learnt, from whatever file; [`quantize`] makes 8-bit integers
//! of it; [`export`] writes the model file that a device runs, [`streaming`] runs that file here as the device does,
//! [`safetensors`] exchanges networks with PyTorch, and [`onnx`] writes them for other runtimes. [`report`] prints what a
//! network takes and how well it does, [`channels`] finds what does nothing in it, [`pictures`] shows images. [`search`]
//! draws lines that fill a board.

pub mod architecture;
pub mod batch;
pub mod channels;
pub mod checkpoint;
pub mod dataset;
pub mod distill;
pub mod engine;
pub mod export;
pub mod files;
mod kernel;
mod layers;
pub mod loss;
mod memory;
pub mod normalization;
pub mod onnx;
pub mod optim;
pub mod parameters;
pub mod pictures;
pub mod quantize;
pub mod random;
pub mod recipe;
pub mod report;
pub mod safetensors;
pub mod schedule;
pub mod search;
pub mod streaming;
pub mod train;
pub mod trained;

pub use engine::{Draw, Engine, Outcome, Source};
pub use recipe::Recipe;
pub use train::Trainer;
