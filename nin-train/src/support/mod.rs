//! What every other folder may use: atomic file replacement, free memory, random numbers.
//!
//! Imports nothing of this crate.

pub mod files;
pub mod memory;
pub mod random;
