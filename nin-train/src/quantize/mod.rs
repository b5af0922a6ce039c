//! Quantisation of trained networks: [`post_training`], or quantisation-[`aware`] training.
//!
//! The ranges of the activations are measured on a [`sample`](sample()) of images ([`Histogram`]) and clipped where
//! that reduces the total error. Biases are then corrected for the mean rounding error. [`post_training`] does all of
//! this and reports each layer's error; [`with_zero_points`] does it for lines of the whole family, and [`calibrated()`]
//! chooses between the two. [`within`] chooses the layers with 4-bit weights. [`equalize`](equalize()) rescales channels
//! of any line before that, if the user asks for it. The arithmetic itself is in [`integers`](crate::integers).
//!
//! Imports every folder above it in the [crate's table](crate).

mod affine;
pub mod aware;
mod budget;
mod calibrated;
mod choice;
mod correct;
mod equalize;
mod error;
mod histogram;
mod observe;
mod report;
mod sample;

pub use affine::with_zero_points;
pub use budget::within;
pub use calibrated::calibrated;
pub use correct::{Options, post_training};
pub use equalize::equalize;
pub use error::CalibrationError;
pub use histogram::{Histogram, Range};
pub use report::{LayerReport, Report};
pub use sample::sample;
