//! Trains Networks in Network on a CPU.
#![deny(missing_docs)]

pub mod engine;
mod kernel;
mod layers;
pub mod loss;
pub mod optim;
pub mod parameters;
pub mod random;
pub mod schedule;

pub use engine::{Draw, Engine, Outcome, Source};
