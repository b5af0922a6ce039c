//! A network as a value: its architecture, parameters, preprocessing and class names.
//!
//! [`architecture`] parses a line or a preset's name. [`parameters`] defines the flat buffer of weights and biases and
//! the place of each tensor in it; [`views`] gives them as arrays. [`chain`] finds the maps that each layer reads.
//! [`normalization`] adds batch normalisation to that buffer and folds it into weights and biases, [`ranges`] are what
//! quantisation-aware training adds; [`layout`] describes a buffer's contents. [`preprocessing`] scales an
//! image's bytes, [`trained`] is the whole network, and [`resources`] computes its flash, RAM and operations. [`family`] has
//! a line for each shape of images and budget.
//!
//! Imports [`support`](crate::support) and [`data`](crate::data).

pub mod architecture;
pub mod chain;
pub mod family;
pub mod layout;
pub mod normalization;
pub mod parameters;
pub mod preprocessing;
pub mod ranges;
pub mod resources;
pub mod trained;
pub mod views;
