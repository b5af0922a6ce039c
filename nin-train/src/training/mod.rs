//! The training run: its hyperparameters, its loop and its checkpoints.
//!
//! A [`recipe`] holds the hyperparameters, [`fitting`] chooses them for a set of images; a [`batch`] is the images of one step; [`optim`] updates the parameters at
//! the learning rate of [`schedule`]; [`trainer`] is the loop, and [`evaluation`] measures the network. A [`position`]
//! is the progress of a run, and a [`checkpoint`] saves the run so that resuming it gives the same bytes; [`search`]
//! draws architectures that fit a board.
//!
//! Imports every folder above it in the [crate's table](crate).

pub mod batch;
pub mod checkpoint;
pub mod error;
pub mod evaluation;
pub mod fitting;
pub mod footprint;
pub mod optim;
pub mod position;
pub mod recipe;
mod run;
pub mod schedule;
pub mod search;
pub mod trainer;
