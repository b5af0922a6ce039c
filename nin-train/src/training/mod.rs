//! The training run: what decides it, its loop, and the file that keeps it.
//!
//! A [`recipe`] holds the hyperparameters; a [`batch`] is a step's images; [`optim`] and [`schedule`] change the
//! parameters; [`trainer`] is the loop, [`evaluation`] measures what came of it; a [`position`] says how far a run is,
//! and a [`checkpoint`] writes it to disk so that it resumes to the same bytes; [`search`] draws architectures that fit
//! a board.
//!
//! Imports every folder above it in the [crate's table](crate).

pub mod batch;
pub mod checkpoint;
pub mod error;
pub mod evaluation;
pub mod optim;
pub mod position;
pub mod recipe;
mod run;
pub mod schedule;
pub mod search;
pub mod trainer;
