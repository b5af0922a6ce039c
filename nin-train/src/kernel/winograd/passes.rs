//! The transforms of tiles, products and kernels, vector by vector.

use super::tile::{BLOCK, SIDE, Tile, WEIGHT_BLOCK};
use super::transform::{Gradient, Input, Kernel, Powers, Values, both};
use crate::kernel::Finish;
use crate::kernel::simd::{Simd, Work};

pub(super) struct Inputs<'a> {
    pub(super) channels: usize,
    /// Values from one row of the input's memory to the next.
    pub(super) line: usize,
    /// Values from one place to the next.
    pub(super) place: usize,
    pub(super) from: &'a [f32],
    pub(super) tiles: &'a [Tile],
    pub(super) to: &'a mut [f32],
}

impl Work for Inputs<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Inputs { channels, line, place, from, tiles, to } = self;
        for (number, tile) in tiles.iter().enumerate() {
            for channel in (0..channels).step_by(S::LANES) {
                let count = S::LANES.min(channels - channel);
                let at = number * channels + channel;
                both::<S, Input, SIDE, SIDE>(
                    simd,
                    #[inline(always)]
                    |row, column| {
                        if row >= tile.inside[0] || column >= tile.inside[1] {
                            return simd.splat(0.0);
                        }
                        let at = tile.from + row * line + column * channels + channel;
                        simd.read(&from[at..][..count])
                    },
                    #[inline(always)]
                    |row, column, x| simd.write(&mut to[(row * SIDE + column) * place + at..][..count], x),
                );
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
    /// The first column of the block, and the number of columns.
    pub(super) first: usize,
    pub(super) count: usize,
}

/// Transforms products to outputs.
pub(super) struct Outputs<'a, const M: usize> {
    pub(super) block: ProductBlock<'a>,
    pub(super) tiles: &'a [Tile],
    pub(super) to: &'a mut [f32],
}

impl<const M: usize> Work for Outputs<'_, M> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Outputs { block, tiles, to } = self;
        for (number, tile) in tiles.iter().enumerate() {
            for lane in (0..block.count).step_by(S::LANES) {
                let count = S::LANES.min(block.count - lane);
                let (at, first) = (number * BLOCK + lane, block.first + lane);
                both::<S, Powers, SIDE, M>(
                    simd,
                    #[inline(always)]
                    |row, column| simd.read(&block.products[(row * SIDE + column) * block.place + at..][..count]),
                    #[inline(always)]
                    |row, column, sum| {
                        if row >= tile.real[0] || column >= tile.real[1] {
                            return;
                        }
                        let pixel = tile.pixel + row * block.columns + column;
                        let y = match block.finish {
                            Finish::Store => sum,
                            Finish::Bias => simd.add(sum, simd.read(&block.bias[first..][..count])),
                            Finish::BiasRelu => simd.relu(simd.add(sum, simd.read(&block.bias[first..][..count]))),
                            Finish::Gate(gate, at) => {
                                simd.gate(sum, simd.read(&gate[at[pixel] as usize + first..][..count]))
                            }
                        };
                        simd.write(&mut to[block.to_at[pixel] as usize + first..][..count], y);
                    },
                );
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

/// Transforms the gradient of the outputs to the right operand of the products.
pub(super) struct Spread<'a, const M: usize> {
    pub(super) block: GradientBlock<'a>,
    pub(super) tiles: &'a [Tile],
    pub(super) to: &'a mut [f32],
}

impl<const M: usize> Work for Spread<'_, M> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Spread { block, tiles, to } = self;
        for (number, tile) in tiles.iter().enumerate() {
            for lane in (0..block.count).step_by(S::LANES) {
                let count = S::LANES.min(block.count - lane);
                let at = number * WEIGHT_BLOCK + lane;
                both::<S, Values, M, SIDE>(
                    simd,
                    #[inline(always)]
                    |row, column| {
                        if row >= tile.real[0] || column >= tile.real[1] {
                            return simd.splat(0.0);
                        }
                        let pixel = tile.pixel + row * block.columns + column;
                        simd.read(&block.d[block.d_at[pixel] as usize + block.first + lane..][..count])
                    },
                    #[inline(always)]
                    |row, column, y| simd.write(&mut to[(row * SIDE + column) * block.place + at..][..count], y),
                );
            }
        }
    }
}

/// Transforms the sums of a block of columns back to a kernel, and adds them to its gradient.
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
    fn run<S: Simd>(self, simd: S) {
        let Weights { sums, channels, wide, gradient, gradient_wide, first, count: columns } = self;
        for channel in 0..channels {
            for lane in (0..columns).step_by(S::LANES) {
                let count = S::LANES.min(columns - lane);
                let at = channel * wide + lane;
                both::<S, Gradient, SIDE, R>(
                    simd,
                    #[inline(always)]
                    |row, column| simd.read(&sums[(row * SIDE + column) * channels * WEIGHT_BLOCK + at..][..count]),
                    #[inline(always)]
                    |row, column, dw| {
                        let at = ((row * R + column) * channels + channel) * gradient_wide + first + lane;
                        let to = &mut gradient[at..][..count];
                        simd.write(to, simd.add(simd.read(to), dw));
                    },
                );
            }
        }
    }
}

/// Reorders `[outputs][taps][channels]` to `[places][outputs][channels]`, rotated by 180° on request.
pub(super) struct KernelTransform<'a, const R: usize> {
    pub(super) weight: &'a [f32],
    pub(super) channels: usize,
    pub(super) outputs: usize,
    pub(super) turned: bool,
    pub(super) to: &'a mut [f32],
}

impl<const R: usize> Work for KernelTransform<'_, R> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let KernelTransform { weight, channels, outputs, turned, to } = self;
        for output in 0..outputs {
            for channel in (0..channels).step_by(S::LANES) {
                let count = S::LANES.min(channels - channel);
                both::<S, Kernel, R, SIDE>(
                    simd,
                    #[inline(always)]
                    |row, column| {
                        let tap = row * R + column;
                        let tap = if turned { R * R - 1 - tap } else { tap };
                        simd.read(&weight[(output * R * R + tap) * channels + channel..][..count])
                    },
                    #[inline(always)]
                    |row, column, value| {
                        let at = ((row * SIDE + column) * outputs + output) * channels + channel;
                        simd.write(&mut to[at..][..count], value);
                    },
                );
            }
        }
    }
}
