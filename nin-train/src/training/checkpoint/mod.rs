//! A saved run, which can be resumed as if it had never stopped.
//!
//! [`Checkpoint`] is the run as a value, [`mod@file`] its format on disk.

mod error;
pub mod file;
mod record;

pub use error::{CheckpointError, Problem};
pub use file::{MAGIC, VERSION};
pub use record::Checkpoint;
