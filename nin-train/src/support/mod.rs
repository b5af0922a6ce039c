//! Helpers for all other modules: atomic file replacement, free memory, random numbers, tables of text.
//!
//! Imports nothing of this crate.

pub mod files;
pub mod memory;
pub mod random;
pub mod text;
