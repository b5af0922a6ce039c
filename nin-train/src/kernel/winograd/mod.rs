//! Convolutions with fewer multiplications: Winograd's minimal filtering (Lavin and Gray 2016) in tiles of 6×6.
//!
//! With R×R kernels a tile of 6×6 inputs gives M×M outputs, M = 7 − R, from 36 products for each channel. The plain sum
//! needs M²R², 2.8 times as many for R = 5. For inputs d, kernel g and outputs y, each transform on rows and columns:
//!
//! ```text
//! forward    y  = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A    summed over channels: 36 products, tiles × channels × outputs
//! weights    dg = Gᵀ [ (Bᵀ d B) ⊙ (A dy Aᵀ) ] G   summed over tiles
//! ```
//!
//! The gradient of the data is a forward pass over dy with the kernel rotated by 180°. The points are 0, ±1, ±2 and ∞;
//! rounding errors are a few times those of the plain sum, which the tests bound.

mod passes;
mod tile;
mod transform;

use passes::{GradientBlock, Inputs, KernelTransform, Outputs, ProductBlock, Spread, Weights};
use tile::{BLOCK, PLACES, SIDE, Tile, WEIGHT_BLOCK};

use super::simd;
use super::{Buffer, Finish, Map, Panels, Windows, accumulate, multiply, padded};

/// A convolution by Winograd tiles, for chunks of a fixed number of images.
pub(crate) struct Winograd {
    /// Rows of the kernel.
    kernel: usize,
    channels: usize,
    /// Values from one row of the input's memory to the next.
    line: usize,
    tiles: Vec<Tile>,
    /// Tiles of one image.
    image: usize,
    /// Pixels in a row of the output.
    columns: usize,
    /// The transformed tiles, place by place, as operands of a product.
    windows: Vec<Windows>,
    /// The start of a place's rows of products: in the forward pass relative to the place, in the gradient of the
    /// weights relative to the first place.
    product_at: Vec<u32>,
    weight_at: Vec<u32>,
}

/// Memory for a chunk, shared by all layers of a network.
pub(crate) struct Room {
    inputs: Buffer,
    products: Buffer,
    sums: Buffer,
    packed: Buffer,
}

/// The memory that a layer needs, by kind.
#[derive(Clone, Copy, Default)]
pub(crate) struct Needs {
    inputs: usize,
    products: usize,
    sums: usize,
}

impl Needs {
    /// Returns the larger value of each kind.
    pub(crate) fn and(self, other: Needs) -> Needs {
        Needs {
            inputs: self.inputs.max(other.inputs),
            products: self.products.max(other.products),
            sums: self.sums.max(other.sums),
        }
    }

    pub(crate) fn room(self) -> Room {
        let packed = if self.sums > 0 { super::SCRATCH } else { 0 };
        let [inputs, products, sums, packed] = [self.inputs, self.products, self.sums, packed].map(Buffer::zeros);
        Room { inputs, products, sums, packed }
    }
}

/// Transformed kernels, packed for a step.
pub(crate) struct Kernels {
    outputs: usize,
    /// The panels of each place, by blocks of columns.
    blocks: Vec<Vec<Panels>>,
    /// The transformed weights before packing: place by place, output by output.
    values: Vec<f32>,
}

impl Winograd {
    /// Returns a convolution with stride 1 over a map with its border, if it is faster: it needs enough channels to
    /// outweigh the transforms, and enough tiles to outweigh the larger weights.
    pub(crate) fn new(
        map: &Map,
        [rows, columns]: [usize; 2],
        kernel: usize,
        outputs: usize,
        images: usize,
    ) -> Option<Winograd> {
        let side = SIDE + 1 - kernel.min(SIDE);
        let channels = usize::from(map.shape.channels);
        let image = rows.div_ceil(side) * columns.div_ceil(side);
        let pays = matches!(kernel, 3 | 5) && channels.min(outputs) >= 32 && images * image >= 40;
        pays.then(|| Winograd::over(map, [rows, columns], kernel, images))
    }

    fn over(map: &Map, [rows, columns]: [usize; 2], kernel: usize, images: usize) -> Winograd {
        let side = SIDE + 1 - kernel;
        let channels = usize::from(map.shape.channels);
        let memory = [map.image / map.line, map.line / channels];
        let mut tiles = Vec::new();
        for image in 0..images {
            for row in (0..rows).step_by(side) {
                for column in (0..columns).step_by(side) {
                    tiles.push(Tile {
                        from: image * map.image + row * map.line + column * channels,
                        inside: [(memory[0] - row).min(SIDE), (memory[1] - column).min(SIDE)],
                        pixel: (image * rows + row) * columns + column,
                        real: [(rows - row).min(side), (columns - column).min(side)],
                    });
                }
            }
        }
        let place = |place: usize| Windows {
            offsets: (0..tiles.len()).map(|tile| ((place * tiles.len() + tile) * channels) as u32).collect(),
            rows: 1,
            step: 0,
            length: channels,
        };
        let windows = (0..PLACES).map(place).collect();
        let count = tiles.len();
        Winograd {
            kernel,
            channels,
            line: map.line,
            image: count / images.max(1),
            tiles,
            columns,
            windows,
            product_at: (0..count).map(|tile| (tile * BLOCK) as u32).collect(),
            weight_at: (0..PLACES * count).map(|row| (row * WEIGHT_BLOCK) as u32).collect(),
        }
    }

    /// Returns the memory for a forward pass, or for the gradient of the data.
    pub(crate) fn needs(&self) -> Needs {
        let tiles = PLACES * self.tiles.len();
        Needs { inputs: tiles * self.channels, products: tiles * BLOCK, sums: 0 }
    }

    /// Returns the memory that also suffices for the gradient of the weights.
    pub(crate) fn training_needs(&self) -> Needs {
        let products = PLACES * self.tiles.len() * WEIGHT_BLOCK;
        let sums = PLACES * self.channels * WEIGHT_BLOCK;
        self.needs().and(Needs { inputs: 0, products, sums })
    }

    /// Allocates memory for kernels with that many outputs.
    pub(crate) fn kernels(&self, outputs: usize) -> Kernels {
        let block =
            |first: usize| (0..PLACES).map(|_| Panels::new(self.channels, BLOCK.min(outputs - first))).collect();
        Kernels {
            outputs,
            blocks: (0..outputs).step_by(BLOCK).map(block).collect(),
            values: vec![0.0; PLACES * outputs * self.channels],
        }
    }

    /// Packs weights in the order of the parameters, `[outputs][taps][channels]`.
    pub(crate) fn pack(&self, weight: &[f32], kernels: &mut Kernels) {
        let (channels, outputs) = (self.channels, kernels.outputs);
        self.transform(weight, channels, outputs, false, &mut kernels.values);
        for (number, block) in kernels.blocks.iter_mut().enumerate() {
            for (place, panels) in block.iter_mut().enumerate() {
                let from = &kernels.values[(place * outputs + number * BLOCK) * channels..];
                panels.pack(from, |channel| channel, channels);
            }
        }
    }

    /// Packs the same weights, rotated by 180°, for the gradient of the data, whose channels are the weights' outputs.
    pub(crate) fn pack_turned(&self, weight: &[f32], kernels: &mut Kernels) {
        let (outputs, channels) = (self.channels, kernels.outputs);
        self.transform(weight, channels, outputs, true, &mut kernels.values);
        for (number, block) in kernels.blocks.iter_mut().enumerate() {
            for (place, panels) in block.iter_mut().enumerate() {
                let from = &kernels.values[place * outputs * channels..];
                panels.pack(from, |output| output * channels + number * BLOCK, 1);
            }
        }
    }

    /// Returns the weights of each place.
    fn transform(&self, weight: &[f32], channels: usize, outputs: usize, turned: bool, to: &mut [f32]) {
        match self.kernel {
            5 => simd::run(KernelTransform::<5> { weight, channels, outputs, turned, to }),
            _ => simd::run(KernelTransform::<3> { weight, channels, outputs, turned, to }),
        }
    }

    /// Computes what [`multiply`] computes: each finished output pixel of the first `images` images, at its place.
    #[allow(clippy::too_many_arguments)] // one product: its operands, where its results go, and its memory
    pub(crate) fn multiply(
        &self,
        from: &[f32],
        kernels: &Kernels,
        bias: &[f32],
        finish: &Finish,
        to: &mut [f32],
        to_at: &[u32],
        room: &mut Room,
        images: usize,
    ) {
        let tiles = &self.tiles[..images * self.image];
        self.inputs(from, tiles, &mut room.inputs);
        let place_len = self.tiles.len() * BLOCK;
        for (number, block) in kernels.blocks.iter().enumerate() {
            let first = number * BLOCK;
            for (place, panels) in block.iter().enumerate() {
                let products = &mut room.products[place * place_len..][..place_len];
                let windows = &self.windows[place];
                multiply(room.inputs.view(), windows, panels, &Finish::Store, products, &self.product_at, tiles.len());
            }
            let output = ProductBlock {
                products: &room.products,
                place: place_len,
                columns: self.columns,
                bias,
                finish,
                to_at,
                first,
                count: BLOCK.min(kernels.outputs - first),
            };
            match self.kernel {
                5 => simd::run(Outputs::<2> { block: output, tiles, to }),
                _ => simd::run(Outputs::<4> { block: output, tiles, to }),
            }
        }
    }

    /// Computes what [`accumulate`] computes: adds the gradient of the first `images` images to that of the weights,
    /// `[taps][channels]` rows of [`padded`] outputs.
    #[allow(clippy::too_many_arguments)] // one product: its operands, where its results go, and its memory
    pub(crate) fn accumulate(
        &self,
        from: &[f32],
        d: &[f32],
        d_at: &[u32],
        outputs: usize,
        gradient: &mut [f32],
        room: &mut Room,
        images: usize,
    ) {
        let tiles = &self.tiles[..images * self.image];
        self.inputs(from, tiles, &mut room.inputs);
        let place_len = self.tiles.len() * WEIGHT_BLOCK;
        let sums_len = self.channels * WEIGHT_BLOCK;
        for first in (0..outputs).step_by(WEIGHT_BLOCK) {
            let count = WEIGHT_BLOCK.min(outputs - first);
            let block = GradientBlock { d, d_at, columns: self.columns, place: place_len, first, count };
            match self.kernel {
                5 => simd::run(Spread::<2> { block, tiles, to: &mut room.products }),
                _ => simd::run(Spread::<4> { block, tiles, to: &mut room.products }),
            }
            let wide = padded(count);
            room.sums.fill(0.0);
            for place in 0..PLACES {
                let (sums, windows) = (&mut room.sums[place * sums_len..][..sums_len], &self.windows[place]);
                let at = &self.weight_at[place * self.tiles.len()..][..tiles.len()];
                accumulate(
                    room.inputs.view(),
                    windows,
                    room.products.view(),
                    at,
                    count,
                    sums,
                    &mut room.packed,
                    tiles.len(),
                );
            }
            let (channels, sums) = (self.channels, &*room.sums);
            let gradient = &mut *gradient;
            let gradient_wide = padded(outputs);
            match self.kernel {
                5 => simd::run(Weights::<5> { sums, channels, wide, gradient, gradient_wide, first, count }),
                _ => simd::run(Weights::<3> { sums, channels, wide, gradient, gradient_wide, first, count }),
            }
        }
    }

    /// Transforms tiles, place by place.
    fn inputs(&self, from: &[f32], tiles: &[Tile], to: &mut [f32]) {
        let (channels, line, place) = (self.channels, self.line, self.tiles.len() * self.channels);
        simd::run(Inputs { channels, line, place, from, tiles, to });
    }
}

#[cfg(test)]
mod tests {
    use nin_core::Shape;

    use super::Winograd;
    use crate::kernel::{Buffer, Finish, Map, Panels, SCRATCH, Windows, accumulate, multiply, padded};
    use crate::support::random::{Purpose, Stream};

    fn random(len: usize, stream: &mut Stream) -> Buffer {
        let mut buffer = Buffer::zeros(len);
        buffer.iter_mut().for_each(|value| *value = stream.within(1.0));
        buffer
    }

    fn close(got: &[f32], want: &[f32], bound: f32) {
        let size = want.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        assert!(size > 0.1, "nothing to compare");
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            assert!((got - want).abs() <= bound * size, "{i}: {got} {want} of {size}");
        }
    }

    /// Both products against plain sums, on maps whose sizes are no multiple of a tile.
    #[test]
    fn it_computes_what_the_plain_sums_do() {
        let mut stream = Stream::new(2, Purpose::Weights, 0, 0);
        for (kernel, rows, columns, channels, outputs) in
            [(5, 7, 9, 17, 49), (5, 2, 2, 3, 5), (3, 13, 5, 20, 70), (5, 10, 11, 32, 130), (3, 4, 8, 16, 48)]
        {
            let images = 2;
            let side = |length: usize| (length + kernel - 1) as u16;
            let shape = Shape { channels: channels as u16, rows: side(rows), columns: side(columns) };
            let map = Map::plain(shape);
            let offsets = (0..images).flat_map(|image| {
                (0..rows).flat_map(move |row| (0..columns).map(move |column| map.at(image, row, column) as u32))
            });
            let windows =
                Windows { offsets: offsets.collect(), rows: kernel, step: map.line, length: kernel * channels };
            let pixels = images * rows * columns;
            let at: Vec<u32> = (0..pixels).map(|pixel| (pixel * outputs) as u32).collect();
            let depth = windows.depth();
            let x = random(map.len(images), &mut stream);
            let weight = random(depth * outputs, &mut stream);
            let bias = random(outputs, &mut stream);
            let gate = random(pixels * outputs, &mut stream);
            let dy = random(pixels * outputs, &mut stream);

            let mut panels = Panels::new(depth, outputs);
            panels.pack(&weight, |k| k, depth);
            panels.set_bias(&bias);
            let winograd = Winograd::over(&map, [rows, columns], kernel, images);
            let mut kernels = winograd.kernels(outputs);
            winograd.pack(&weight, &mut kernels);
            let mut room = winograd.training_needs().room();
            for finish in [Finish::Store, Finish::Bias, Finish::BiasRelu, Finish::Gate(&gate, &at)] {
                // One image, then both: the first must not influence the second result.
                for images in [2, 1, 2] {
                    let pixels = images * rows * columns;
                    let (mut want, mut got) = (vec![0.0; pixels * outputs], vec![9.0; pixels * outputs]);
                    multiply(x.view(), &windows, &panels, &finish, &mut want, &at, pixels);
                    winograd.multiply(&x, &kernels, &bias, &finish, &mut got, &at, &mut room, images);
                    close(&got, &want, 3e-5);
                }
            }

            let wide = padded(outputs);
            let (mut want, mut got) = (vec![0.5; depth * wide], vec![0.5; depth * wide]);
            let mut scratch = Buffer::zeros(SCRATCH);
            accumulate(x.view(), &windows, dy.view(), &at, outputs, &mut want, &mut scratch, pixels);
            winograd.accumulate(&x, &dy, &at, outputs, &mut got, &mut room, images);
            for (got, want) in got.chunks_exact(wide).zip(want.chunks_exact(wide)) {
                close(&got[..outputs], &want[..outputs], 3e-5);
            }
        }
    }

    /// With rotated weights, the same product is the gradient of the data.
    #[test]
    fn turned_kernels_are_those_of_the_gradient() {
        let (kernel, channels, outputs, taps) = (5, 19, 33, 25);
        let mut stream = Stream::new(4, Purpose::Weights, 0, 0);
        let weight = random(outputs * taps * channels, &mut stream);
        let map = Map::plain(Shape { channels: outputs as u16, rows: 12, columns: 10 });
        let winograd = Winograd::over(&map, [8, 6], kernel, 1);
        let mut kernels = winograd.kernels(channels);
        winograd.pack_turned(&weight, &mut kernels);
        let mut turned = vec![0.0; weight.len()];
        for output in 0..outputs {
            for tap in 0..taps {
                for channel in 0..channels {
                    turned[(channel * taps + taps - 1 - tap) * outputs + output] =
                        weight[(output * taps + tap) * channels + channel];
                }
            }
        }
        let mut wanted = winograd.kernels(channels);
        winograd.pack(&turned, &mut wanted);
        for (got, want) in kernels.blocks.iter().flatten().zip(wanted.blocks.iter().flatten()) {
            assert_eq!(&got.values[..], &want.values[..]);
        }
    }
}
