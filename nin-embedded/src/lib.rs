//! Firmware that runs a Network in Network on a board.
//!
//! A firmware is a function of a [`Board`]. The macro [`firmware!`] turns it into a program for a Cortex-M or RISC-V
//! board, for their emulators, and for a computer, from one source. Start from the example `src/bin/fashion-int8.rs`.
//!
//! ```
//! # #![cfg(not(target_os = "none"))]
//! use nin_embedded::{Board, Error, say};
//!
//! fn hello(board: &impl Board) -> Result<(), Error> {
//!     let before = board.clock();
//!     say!(board, "this is {}", board.name());
//!     let after = board.clock();
//!     say!(board, "printing this took {} {}", after - before, board.unit());
//!     Ok(())
//! }
//!
//! nin_embedded::firmware!(hello);
//! ```
#![no_std]
#![deny(unsafe_code)]

#[cfg(not(target_os = "none"))]
extern crate std;

mod board;
#[cfg(target_os = "none")]
mod console;
#[cfg(all(target_arch = "arm", target_os = "none"))]
#[doc(hidden)]
pub mod cortex_m;
pub mod demo;
mod error;
mod firmware;
#[cfg(not(target_os = "none"))]
#[doc(hidden)]
pub mod host;
mod images;
#[cfg(target_os = "none")]
mod memory;
mod partition;
#[cfg(all(target_arch = "riscv32", target_os = "none"))]
#[doc(hidden)]
pub mod riscv;

pub use board::{Board, Usage};
#[cfg(all(target_arch = "arm", target_os = "none"))]
#[doc(hidden)]
pub use cortex_m as processor;
pub use error::Error;
pub use firmware::{STACK, budget, state_budget};
pub use images::{FASHION, Image, Images, LevelFormat, formula_level};
pub use partition::{images_in, model_in};
#[cfg(all(target_arch = "riscv32", target_os = "none"))]
#[doc(hidden)]
pub use riscv as processor;
