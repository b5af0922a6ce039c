//! Tables and pages for people: what a network takes, and how well it does.
//!
//! Imports every folder above it in the [crate's table](crate); only the command line imports this one.

pub mod channels;
mod compare;
pub mod html;
mod layers;
pub mod pictures;

pub use compare::{Candidate, Comparison};
pub use layers::LayerTable;
