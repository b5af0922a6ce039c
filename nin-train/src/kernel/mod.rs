//! The two matrix products of training, computed on maps in their memory layout.
//!
//! A convolution packs no patches. With channels last, one row of a window is contiguous in memory, so the left operand
//! of the product is given by the start of each window ([`Windows`]) and read in place. Weights are packed once in each
//! step into [`Panels`] as wide as a few vectors. [`multiply`] sums over a window (the forward pass, and the gradient
//! of the data); [`accumulate`] sums over pixels (the gradient of the weights). Both run on one thread; images run in
//! parallel. [`Winograd`] computes both with fewer multiplications, where that is faster.
//!
//! Imports nothing of this crate, and [`support`](crate::support) for its tests.
//!
//! A depthwise convolution ([`depthwise`]) has sums of its own over the same operands.
//!
//! This library's `unsafe` code is only in [`simd`], `tiles` and [`depthwise`]. [`channels`], [`Winograd`] and the layers that use
//! vectors are safe code: a token proves that the processor has the instructions, see [`simd::Simd`].

mod buffer;
pub(crate) mod channels;
pub(crate) mod depthwise;
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
