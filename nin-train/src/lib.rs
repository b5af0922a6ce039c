//! Trains Network in Network image classifiers for small machines.
//!
//! The story of a training run, in order: [`dataset`] loads images as bytes; [`batch`] makes of them what the network
//! reads; [`engine`] takes a batch through the network and back, in parallel, on [`parameters`] that are one flat
//! slice; [`loss`], [`optim`] and [`schedule`] say how they change; [`train`] is the loop; [`checkpoint`] keeps a run
//! so that it can go on where it stopped. [`random`] is where all chance comes from.

pub mod batch;
pub mod checkpoint;
pub mod dataset;
pub mod engine;
mod kernel;
mod layers;
pub mod loss;
pub mod optim;
pub mod parameters;
pub mod random;
pub mod schedule;
pub mod train;

pub use engine::{Draw, Engine, Outcome, Source};
pub use train::{Recipe, Trainer};
