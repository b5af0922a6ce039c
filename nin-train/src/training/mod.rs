//! The training run: what decides it, its loop, and the file that keeps it.
//!
//! A [`recipe`] holds the hyperparameters; [`optim`] and [`schedule`] change the parameters; [`train`] is the loop;
//! [`checkpoint`] writes a run to disk so that it resumes to the same bytes; [`search`] draws architectures that fit a
//! board.

pub mod checkpoint;
pub mod footprint;
pub mod optim;
pub mod recipe;
pub mod schedule;
pub mod search;
pub mod train;
