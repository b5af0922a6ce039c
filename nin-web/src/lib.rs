//! The engine in the page that `nin-train demo` writes, as WebAssembly: plain functions on linear memory.
//!
//! `scripts/web.sh record` builds it and puts it into nin-train, so that users need no compiler for WebAssembly.
//! [`fit`] brings a picture to the network's shape, [`Session`] runs a model and records what the page shows; `exports`
//! has the functions that the page calls.
#![no_std]
#![cfg_attr(not(target_arch = "wasm32"), deny(unsafe_code))]

// On other targets, the standard library handles panics.
#[cfg(not(target_arch = "wasm32"))]
extern crate std;

#[cfg(target_arch = "wasm32")]
mod exports;
mod fit;
mod session;

pub use fit::fit;
pub use session::{Buffers, Session, Sizes};
