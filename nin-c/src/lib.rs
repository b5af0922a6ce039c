//! Network in Network inference for firmware in C: the functions of `include/nin.h`.
//!
//! The header is generated from this source, so its comments are these. `docs/c.md` in the repository describes how to
//! build the library and how to call it. In Rust, use `nin-core`.
//!
//! [`status`] has the errors and their texts, [`model`] checks a model file, [`network`] runs it in memory that the
//! caller provides, [`logits`] turns logits into answers. All `unsafe` code is at this boundary: it turns the pointers
//! of a C program into slices.
#![no_std]

// On a computer, the standard library handles panics; on a board, the module `panic` does.
#[cfg(not(target_os = "none"))]
extern crate std;

pub mod logits;
pub mod model;
pub mod network;
#[cfg(all(target_os = "none", not(test)))]
mod panic;
pub mod status;
