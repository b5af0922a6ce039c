//! The two matrix products that training consists of, on maps as they stand in memory.
//!
//! A convolution needs no patches packed: channels last, one row of a window is one run of memory, so the left
//! operand of the product is described by where each window begins ([`Windows`]), and read in place. Weights are
//! packed once a step into [`Panels`] as wide as a few vectors. [`multiply`] sums over a window (the forward pass,
//! and the gradient of the data); [`accumulate`] sums over pixels (the gradient of the weights). Both run on one
//! thread; images run side by side. [`Winograd`] does both with fewer multiplications, where that pays.
//!
//! Imports nothing of this crate, and [`support`](crate::support) for its tests.
//!
//! This library's `unsafe` stands in [`simd`] and `tiles` alone. [`channels`], [`Winograd`] and the layers that are
//! written in vectors are safe code: a token proves that the processor has them, see [`simd::Simd`].

mod buffer;
pub(crate) mod channels;
mod map;
mod operands;
pub(crate) mod simd;
mod tiles;
mod winograd;

pub(crate) use buffer::{Buffer, View};
pub(crate) use map::Map;
pub(crate) use operands::{Finish, Panels, Windows};
pub(crate) use simd::vectorized;
pub(crate) use tiles::{SCRATCH, accumulate, multiply, padded};
pub(crate) use winograd::{Kernels, Needs, Room, Winograd};
