//! Helpers for all other modules: atomic file replacement, free memory, random numbers, text to print, threads.
//!
//! This module is public for the program of this package. It is not covered by the promises about versions: a patch
//! version may change it.
//!
//! Imports nothing of the other folders.

pub mod files;
pub mod memory;
pub mod random;
pub mod text;
pub mod threads;
