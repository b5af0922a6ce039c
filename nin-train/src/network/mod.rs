//! A network as a value: its architecture, its parameters, how it reads an image, its class names.
//!
//! [`architecture`] reads a line or a preset's name; [`parameters`] is the flat buffer of weights and biases and where
//! each tensor stands in it, [`views`] shows them as arrays; [`normalization`] adds batch normalisation to that buffer and folds it away again;
//! [`trained`] is the whole.

pub mod architecture;
pub mod normalization;
pub mod parameters;
pub mod trained;
pub mod views;
