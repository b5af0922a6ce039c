//! A run, kept so that it goes on as if it had never stopped.
//!
//! [`Checkpoint`] is the run as a value, [`mod@file`] its bytes on disk.

mod error;
pub mod file;
mod record;

pub use error::{CheckpointError, Problem};
pub use file::{MAGIC, VERSION};
pub use record::Checkpoint;
