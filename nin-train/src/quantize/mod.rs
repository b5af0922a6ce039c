//! From a trained network of floats to one of integers: [`post_training`], or [`aware`] while it trains.
//!
//! The ranges of the activations are those that a [`sample`](sample()) of images shows ([`Histogram`]), clipped where
//! that costs less than the finer steps win; then each output's bias is corrected by the mean error that rounding has
//! added. [`post_training`] does all of it and reports what each layer lost; [`within`] chooses the layers with 4-bit
//! weights. The arithmetic itself is in [`integers`](crate::integers).
//!
//! Imports every folder above it in the [crate's table](crate).

pub mod aware;
mod budget;
mod correct;
mod error;
mod histogram;
mod observe;
mod report;
mod sample;

pub use budget::within;
pub use correct::{Options, post_training};
pub use error::CalibrationError;
pub use histogram::{Histogram, Range};
pub use report::{LayerReport, Report};
pub use sample::sample;
