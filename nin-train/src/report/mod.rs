//! Tables and HTML pages: the resources that a network needs, and its accuracy.
//!
//! Imports every folder above it in the [crate's table](crate); only the command line imports this one.

pub mod channels;
mod compare;
pub mod demo;
pub mod html;
mod layers;
mod network;
pub mod pictures;

pub use compare::{Candidate, Comparison};
pub use layers::LayerTable;
pub use network::Network;
