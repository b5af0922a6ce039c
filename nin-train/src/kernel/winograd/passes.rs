//! What carries tiles, products and kernels from one form into another, vector by vector.

use super::transform::{Gradient, Input, Kernel, Powers, Values, both};
use super::{BLOCK, SIDE, Tile, WEIGHT_BLOCK, Winograd};
use crate::kernel::Finish;
use crate::kernel::simd::{Simd, Work, read, write};

pub(super) struct Inputs<'a> {
    pub(super) winograd: &'a Winograd,
    pub(super) from: &'a [f32],
    pub(super) tiles: &'a [Tile],
    pub(super) to: &'a mut [f32],
}

impl Work for Inputs<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Inputs { winograd, from, tiles, to } = self;
        let (channels, place_len) = (winograd.channels, winograd.tiles.len() * winograd.channels);
        for (number, tile) in tiles.iter().enumerate() {
            for channel in (0..channels).step_by(S::LANES) {
                let count = S::LANES.min(channels - channel);
                let at = number * channels + channel;
                // SAFETY: the processor is the caller's.
                unsafe {
                    both::<S, Input, SIDE, SIDE>(
                        #[inline(always)]
                        |row, column| {
                            if row >= tile.inside[0] || column >= tile.inside[1] {
                                return S::splat(0.0);
                            }
                            let at = tile.from + row * winograd.line + column * channels + channel;
                            read::<S>(&from[at..][..count])
                        },
                        #[inline(always)]
                        |row, column, x| write::<S>(&mut to[(row * SIDE + column) * place_len + at..][..count], x),
                    );
                }
            }
        }
    }
}

/// A block of columns of the products.
pub(super) struct ProductBlock<'a> {
    pub(super) products: &'a [f32],
    /// Values from one place to the next.
    pub(super) place: usize,
    /// Pixels in a row of the output.
    pub(super) columns: usize,
    pub(super) bias: &'a [f32],
    pub(super) finish: &'a Finish<'a>,
    pub(super) to_at: &'a [u32],
    /// First column of the block, and how many.
    pub(super) first: usize,
    pub(super) count: usize,
}

/// From products to outputs.
pub(super) struct Outputs<'a, const M: usize> {
    pub(super) block: ProductBlock<'a>,
    pub(super) tiles: &'a [Tile],
    pub(super) to: &'a mut [f32],
}

impl<const M: usize> Work for Outputs<'_, M> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Outputs { block, tiles, to } = self;
        for (number, tile) in tiles.iter().enumerate() {
            for lane in (0..block.count).step_by(S::LANES) {
                let count = S::LANES.min(block.count - lane);
                let (at, first) = (number * BLOCK + lane, block.first + lane);
                // SAFETY: the processor is the caller's.
                unsafe {
                    both::<S, Powers, SIDE, M>(
                        #[inline(always)]
                        |row, column| read::<S>(&block.products[(row * SIDE + column) * block.place + at..][..count]),
                        #[inline(always)]
                        |row, column, sum| {
                            if row >= tile.real[0] || column >= tile.real[1] {
                                return;
                            }
                            let pixel = tile.pixel + row * block.columns + column;
                            let y = match block.finish {
                                Finish::Store => sum,
                                Finish::Bias => S::add(sum, read::<S>(&block.bias[first..][..count])),
                                Finish::BiasRelu => S::relu(S::add(sum, read::<S>(&block.bias[first..][..count]))),
                                Finish::Gate(gate, at) => {
                                    S::gate(sum, read::<S>(&gate[at[pixel] as usize + first..][..count]))
                                }
                            };
                            write::<S>(&mut to[block.to_at[pixel] as usize + first..][..count], y);
                        },
                    );
                }
            }
        }
    }
}

/// A block of columns of the outputs' gradient.
pub(super) struct GradientBlock<'a> {
    pub(super) d: &'a [f32],
    pub(super) d_at: &'a [u32],
    pub(super) columns: usize,
    pub(super) place: usize,
    pub(super) first: usize,
    pub(super) count: usize,
}

/// From the gradient of the outputs to what the products are multiplied with.
pub(super) struct Spread<'a, const M: usize> {
    pub(super) block: GradientBlock<'a>,
    pub(super) tiles: &'a [Tile],
    pub(super) to: &'a mut [f32],
}

impl<const M: usize> Work for Spread<'_, M> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Spread { block, tiles, to } = self;
        for (number, tile) in tiles.iter().enumerate() {
            for lane in (0..block.count).step_by(S::LANES) {
                let count = S::LANES.min(block.count - lane);
                let at = number * WEIGHT_BLOCK + lane;
                // SAFETY: the processor is the caller's.
                unsafe {
                    both::<S, Values, M, SIDE>(
                        #[inline(always)]
                        |row, column| {
                            if row >= tile.real[0] || column >= tile.real[1] {
                                return S::splat(0.0);
                            }
                            let pixel = tile.pixel + row * block.columns + column;
                            read::<S>(&block.d[block.d_at[pixel] as usize + block.first + lane..][..count])
                        },
                        #[inline(always)]
                        |row, column, y| write::<S>(&mut to[(row * SIDE + column) * block.place + at..][..count], y),
                    );
                }
            }
        }
    }
}

/// Turns the sums of a block of columns back into a kernel's, and adds them to its gradient.
pub(super) struct Weights<'a, const R: usize> {
    pub(super) sums: &'a [f32],
    pub(super) channels: usize,
    /// Values in a row of sums, and of the gradient.
    pub(super) wide: usize,
    pub(super) gradient: &'a mut [f32],
    pub(super) gradient_wide: usize,
    pub(super) first: usize,
    pub(super) count: usize,
}

impl<const R: usize> Work for Weights<'_, R> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Weights { sums, channels, wide, gradient, gradient_wide, first, count: columns } = self;
        for channel in 0..channels {
            for lane in (0..columns).step_by(S::LANES) {
                let count = S::LANES.min(columns - lane);
                let at = channel * wide + lane;
                // SAFETY: the processor is the caller's.
                unsafe {
                    both::<S, Gradient, SIDE, R>(
                        #[inline(always)]
                        |row, column| read::<S>(&sums[(row * SIDE + column) * channels * WEIGHT_BLOCK + at..][..count]),
                        #[inline(always)]
                        |row, column, dw| {
                            let at = ((row * R + column) * channels + channel) * gradient_wide + first + lane;
                            let to = &mut gradient[at..][..count];
                            write::<S>(to, S::add(read::<S>(to), dw));
                        },
                    );
                }
            }
        }
    }
}

/// `[outputs][taps][channels]` to `[places][outputs][channels]`, turned round or not.
pub(super) struct KernelTransform<'a, const R: usize> {
    pub(super) weight: &'a [f32],
    pub(super) channels: usize,
    pub(super) outputs: usize,
    pub(super) turned: bool,
    pub(super) to: &'a mut [f32],
}

impl<const R: usize> Work for KernelTransform<'_, R> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let KernelTransform { weight, channels, outputs, turned, to } = self;
        for output in 0..outputs {
            for channel in (0..channels).step_by(S::LANES) {
                let count = S::LANES.min(channels - channel);
                // SAFETY: the processor is the caller's.
                unsafe {
                    both::<S, Kernel, R, SIDE>(
                        #[inline(always)]
                        |row, column| {
                            let tap = row * R + column;
                            let tap = if turned { R * R - 1 - tap } else { tap };
                            read::<S>(&weight[(output * R * R + tap) * channels + channel..][..count])
                        },
                        #[inline(always)]
                        |row, column, value| {
                            let at = ((row * SIDE + column) * outputs + output) * channels + channel;
                            write::<S>(&mut to[at..][..count], value);
                        },
                    );
                }
            }
        }
    }
}
