//! Helpers for all other modules: atomic file replacement, free memory, random numbers, text to print, threads.
//!
//! Imports nothing of the other folders.

pub mod files;
pub mod memory;
pub mod random;
pub mod text;
pub mod threads;
