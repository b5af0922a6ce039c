//! A network as a value: its architecture, its parameters, how it reads an image, its class names.
//!
//! [`architecture`] reads a line or a preset's name; [`parameters`] is the flat buffer of weights and biases and where
//! each tensor stands in it, [`views`] shows them as arrays; [`normalization`] adds batch normalisation to that buffer and
//! folds it away again; [`layout`] tells what a buffer holds; [`preprocessing`] scales an image's bytes; [`trained`] is the
//! whole; [`resources`] is what it needs of a board.
//!
//! Imports [`support`](crate::support) and [`data`](crate::data).

pub mod architecture;
pub mod layout;
pub mod normalization;
pub mod parameters;
pub mod preprocessing;
pub mod resources;
pub mod trained;
pub mod views;
