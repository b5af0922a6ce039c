//! Convolutions and fully connected layers: a weight, a bias, and a ReLU if the line has one.

use nin_core::Shape;
use nin_core::plan::{Layer, LayerKind};
use nin_core::spec::Window;

use super::norm::Kept;
use super::{Map, Span, round};
use crate::integers::rounding::ActivationGrid;
use crate::kernel::{
    Buffer, Finish, Kernels, Needs, Panels, Room, SCRATCH, View, Windows, Winograd, accumulate, multiply, padded,
    vectorized,
};
use crate::network::parameters::Tensor;

/// A layer with weights, for chunks of a fixed number of images.
///
/// ```text
/// forward   y = relu(x · W + b)      x: windows over the input map     W: depth × outputs
/// backward  dW += xᵀ · dy            dy: gated by the layer's own ReLU when it arrives here
///           db += Σ dy
///           dx = gate(windows over dy · W')   W': the weight turned round, outputs × kernel area × channels
/// ```
pub(crate) struct Linear {
    tensor: Tensor,
    windows: Windows,
    /// The same product by Winograd tiles, if that is faster.
    tiles: Option<Box<Winograd>>,
    y_at: Vec<u32>,
    dy: Map,
    dy_at: Vec<u32>,
    dx: Option<Box<Dx>>,
    pixels: usize,
    /// The layout of a normalised layer's sums.
    norm: Option<Vec<u32>>,
    /// Whether the gradient has a row for the scale of rounded activations.
    rounds: bool,
}

/// The operands of the gradient of the data.
struct Dx {
    windows: Windows,
    /// The same product by Winograd tiles, if that is faster.
    tiles: Option<Box<Winograd>>,
    dx_at: Vec<u32>,
    /// The places of the input's pixels, if it is the output of a ReLU.
    gate_at: Option<Vec<u32>>,
    /// A fully connected layer writes an image's gradient contiguously; if the map has a border, it is spread out
    /// after.
    spread: Option<Map>,
    pixels: usize,
}

/// A layer's weights, packed for one step.
pub(crate) struct Packed {
    /// For a layer that uses Winograd tiles, only the bias.
    forward: Panels,
    backward: Option<Panels>,
    tiles: Option<Kernels>,
    backward_tiles: Option<Kernels>,
    /// The gains of batch normalisation; empty without.
    gain: Vec<f32>,
    /// How activations are rounded, if they are.
    pub(crate) grid: Option<ActivationGrid>,
}

impl Linear {
    /// Returns the window of a layer: a fully connected one is a window over its whole input.
    fn window(layer: &Layer) -> Option<Window> {
        match layer.kind {
            LayerKind::Convolution(window) => Some(window),
            _ => None,
        }
    }

    /// Returns the layout of the layer's input.
    pub(crate) fn input_map(layer: &Layer) -> Map {
        match Linear::window(layer) {
            Some(window) => Map::bordered(layer.input, window.columns.padding.into()),
            None => Map::plain(layer.input),
        }
    }

    /// Returns the layout of the gradient of the layer's output. With it, the gradient of the input is also a product
    /// of windows with stride 1.
    pub(crate) fn gradient_map(layer: &Layer, needs_dx: bool) -> Map {
        match Linear::window(layer) {
            Some(window) if needs_dx => {
                let kernel = window.columns.kernel as usize;
                let border = kernel - 1 - window.columns.padding as usize;
                let [rows, columns] =
                    [layer.input.rows as usize + kernel - 1, layer.input.columns as usize + kernel - 1];
                Map::spaced(layer.output, border, window.columns.stride.into(), [rows, columns])
            }
            _ => Map::plain(layer.output),
        }
    }

    /// Returns a layer between its maps. `dx` is the map of its input's gradient, if that is needed; `gated` is whether
    /// the input is the output of a ReLU.
    pub(crate) fn new(tensor: Tensor, [x, y, dy]: [&Map; 3], dx: Option<&Map>, gated: bool, images: usize) -> Linear {
        let layer = &tensor.layer;
        let windows = match Linear::window(layer) {
            Some(window) => {
                let (kernel, stride) = (window.columns.kernel as usize, window.columns.stride as usize);
                let channels = layer.input.channels as usize;
                windows_over(x, layer.output.rows, layer.output.columns, kernel, stride * channels, images)
            }
            None => whole(x, images),
        };
        let tiles = |map: &Map, pixels: Shape, outputs: u16| {
            let window = Linear::window(layer).filter(|window| window.columns.stride == 1)?;
            let pixels = [pixels.rows, pixels.columns].map(usize::from);
            Winograd::new(map, pixels, window.columns.kernel.into(), outputs.into(), images).map(Box::new)
        };
        let data = |dx: &Map| Dx {
            tiles: tiles(dy, layer.input, layer.input.channels),
            windows: match Linear::window(layer) {
                Some(window) => {
                    let channels = layer.output.channels as usize;
                    windows_over(
                        dy,
                        layer.input.rows,
                        layer.input.columns,
                        window.columns.kernel.into(),
                        channels,
                        images,
                    )
                }
                None => whole(dy, images),
            },
            dx_at: match Linear::window(layer) {
                Some(_) => dx.offsets(images),
                None => whole(&Map::plain(dx.shape), images).offsets,
            },
            gate_at: gated.then(|| match Linear::window(layer) {
                Some(_) => x.offsets(images),
                None => whole(x, images).offsets,
            }),
            spread: (Linear::window(layer).is_none() && dx.has_room()).then_some(*dx),
            pixels: if Linear::window(layer).is_some() { layer.input.pixels() } else { 1 },
        };
        let dx = dx.map(data).map(Box::new);
        let pixels = layer.output.pixels();
        Linear {
            tiles: tiles(x, layer.output, layer.output.channels),
            windows,
            y_at: y.offsets(images),
            dy: *dy,
            dy_at: dy.offsets(images),
            dx,
            pixels,
            norm: None,
            rounds: false,
            tensor,
        }
    }

    /// Returns the same layer with batch normalisation in training; its outputs are then read in chunks of `images`,
    /// and `y` is their map.
    pub(crate) fn normalized(mut self, y: &Map, images: usize) -> Linear {
        self.norm = Some(Map::plain(y.shape).offsets(self.dy_at.len() / self.pixels));
        self.y_at = y.offsets(images);
        self
    }

    /// Returns the same layer in a network that rounds activations: its own are rounded if it has a ReLU, and the layer
    /// that rounded its input gates the input's gradient.
    pub(crate) fn rounded(mut self) -> Linear {
        self.rounds = self.tensor.layer.relu;
        if let Some(dx) = &mut self.dx {
            dx.gate_at = None;
        }
        self
    }

    /// Allocates memory for what normalisation keeps of `images`.
    pub(crate) fn kept(&self, images: usize) -> Option<Kept> {
        let channels = self.tensor.layer.output.channels.into();
        self.norm.as_ref().map(|_| Kept::new(channels, images * self.pixels))
    }

    /// Allocates memory for the packed weights.
    pub(crate) fn packed(&self, training: bool) -> Packed {
        let outputs = self.tensor.layer.output.channels as usize;
        let channels = self.windows.depth() / self.taps();
        let backward = self.dx.as_ref().filter(|_| training);
        let plain = backward.filter(|dx| dx.tiles.is_none());
        Packed {
            forward: Panels::new(if self.tiles.is_some() { 0 } else { self.windows.depth() }, outputs),
            backward: plain.map(|dx| Panels::new(dx.windows.depth(), channels)),
            tiles: self.tiles.as_ref().map(|tiles| tiles.kernels(outputs)),
            backward_tiles: backward.and_then(|dx| dx.tiles.as_ref()).map(|tiles| tiles.kernels(channels)),
            gain: vec![1.0; if self.norm.is_some() && training { outputs } else { 0 }],
            grid: None,
        }
    }

    /// Returns the number of positions of the kernel; 1 for a fully connected layer.
    fn taps(&self) -> usize {
        Linear::window(&self.tensor.layer)
            .map_or(1, |window| window.columns.kernel as usize * window.columns.kernel as usize)
    }

    /// Copies a normalised layer's gains for a step.
    pub(crate) fn set_gain(gain: &[f32], packed: &mut Packed) {
        packed.gain.copy_from_slice(gain);
    }

    /// Packs the weights for a step.
    pub(crate) fn pack(&self, parameters: &[f32], packed: &mut Packed) {
        let weight = &parameters[self.tensor.weight.clone()];
        let fan_in = self.tensor.layer.fan_in();
        match (&self.tiles, &mut packed.tiles) {
            (Some(tiles), Some(kernels)) => tiles.pack(weight, kernels),
            _ => packed.forward.pack(weight, |k| k, fan_in),
        }
        packed.forward.set_bias(&parameters[self.tensor.bias.clone()]);
        if let Some(backward) = &mut packed.backward {
            let outputs = self.tensor.layer.output.channels as usize;
            let (taps, channels) = (self.taps(), fan_in / self.taps());
            // The kernel is rotated: the last tap meets the first pixel of the gradient.
            let row = |k: usize| (k % outputs) * fan_in + (taps - 1 - k / outputs) * channels;
            backward.pack(weight, row, 1);
        }
        let tiles = self.dx.as_ref().and_then(|dx| dx.tiles.as_ref());
        if let (Some(tiles), Some(kernels)) = (tiles, &mut packed.backward_tiles) {
            tiles.pack_turned(weight, kernels);
        }
    }

    pub(crate) fn forward(&self, packed: &Packed, x: View, y: &mut [f32], room: &mut Room, images: usize) {
        let finish = if self.tensor.layer.relu { Finish::BiasRelu } else { Finish::Bias };
        self.multiply(packed, x, &finish, y, &self.y_at, room, images);
    }

    /// Computes the product of the forward pass.
    #[allow(clippy::too_many_arguments)] // one product: its operands, where its results go, and its memory
    fn multiply(
        &self,
        packed: &Packed,
        x: View,
        finish: &Finish,
        y: &mut [f32],
        y_at: &[u32],
        room: &mut Room,
        images: usize,
    ) {
        match (&self.tiles, &packed.tiles) {
            (Some(tiles), Some(kernels)) => {
                tiles.multiply(&x, kernels, packed.forward.bias(), finish, y, y_at, room, images);
            }
            _ => multiply(x, &self.windows, &packed.forward, finish, y, y_at, images * self.pixels),
        }
    }

    /// Collects the statistics of a normalised layer's sums, for some images.
    pub(crate) fn forward_sums(&self, packed: &Packed, x: View, kept: &mut Kept, room: &mut Room, span: Span) {
        let Some(at) = &self.norm else { return };
        let [first, pixels] = [span.first, span.images].map(|images| images * self.pixels);
        let channels = usize::from(self.tensor.layer.output.channels);
        self.multiply(packed, x, &Finish::Store, &mut kept.x[first * channels..], at, room, span.images);
        kept.add(first, pixels);
    }

    /// Finishes the statistics, after the sums of all `images`.
    pub(crate) fn forward_end(&self, packed: &Packed, kept: &mut Kept, images: usize) {
        kept.end(images * self.pixels, [&packed.gain, packed.forward.bias()]);
    }

    /// Computes a normalised layer's outputs from its sums.
    pub(crate) fn outputs(&self, kept: &Kept, y: &mut [f32], span: Span) {
        kept.outputs(span.first * self.pixels, y, &self.y_at[..span.images * self.pixels]);
    }

    /// Rounds the output of [`Linear::forward`], if the layer's activations are rounded.
    pub(crate) fn round(&self, packed: &Packed, y: &mut [f32], slopes: Option<&mut [f32]>, images: usize) {
        if let Some(grid) = &packed.grid {
            round::forward(y, &self.y_at[..images * self.pixels], grid, slopes);
        }
    }

    /// Sets the gradient of clamped activations to 0, and adds to the gradient of their scale, the last row of
    /// [`Linear::gradient_len`].
    pub(crate) fn backward_round(&self, dy: &mut [f32], slopes: &[f32], gradient: &mut [f32], images: usize) {
        let channels = self.tensor.layer.output.channels as usize;
        let dstep = &mut gradient[(self.windows.depth() + 1) * padded(channels)..][..channels];
        round::backward(dy, &self.dy_at[..images * self.pixels], slopes, dstep);
    }

    /// Collects the statistics of the gradient of a normalised layer's outputs, for some images.
    pub(crate) fn backward_sums(&self, kept: &mut Kept, dy: &[f32], span: Span) {
        kept.add_gradient(span.first * self.pixels, &dy[..span.images * self.tensor.layer.output.len()]);
    }

    /// Finishes the statistics after all `images`, and adds to the gradients of bias and gain in
    /// [`Linear::gradient_len`].
    pub(crate) fn backward_end(&self, packed: &Packed, kept: &mut Kept, gradient: &mut [f32], images: usize) {
        let wide = padded(self.tensor.layer.output.channels.into());
        let (dbias, dgain) = gradient[self.windows.depth() * wide..].split_at_mut(wide);
        kept.end_gradient(images * self.pixels, &packed.gain, [dbias, dgain]);
    }

    /// Converts the gradient of a normalised layer's outputs, pixel by pixel, to the gradient of its sums.
    pub(crate) fn backward_norm(&self, kept: &Kept, from: &[f32], dy: &mut [f32], span: Span) {
        self.dy.clear_room(span.images, dy);
        kept.gradient(span.first * self.pixels, from, dy, &self.dy_at[..span.images * self.pixels]);
    }

    /// Adds to the gradients of weight and bias.
    pub(crate) fn backward_weights(
        &self,
        x: View,
        dy: View,
        gradient: &mut [f32],
        scratch: &mut Buffer,
        room: &mut Room,
        images: usize,
    ) {
        let outputs = self.tensor.layer.output.channels as usize;
        let (dw, db) = gradient.split_at_mut(self.windows.depth() * padded(outputs));
        let pixels = images * self.pixels;
        match &self.tiles {
            Some(tiles) => tiles.accumulate(&x, &dy, &self.dy_at, outputs, dw, room, images),
            None => accumulate(x, &self.windows, dy, &self.dy_at, outputs, dw, scratch, pixels),
        }
        if self.norm.is_some() {
            // `backward_end` adds the bias: the sums have none.
            return;
        }
        vectorized(
            #[inline(always)]
            || {
                for &at in &self.dy_at[..pixels] {
                    let dy = &dy[at as usize..][..outputs];
                    db.iter_mut().zip(dy).for_each(|(db, dy)| *db += dy);
                }
            },
        );
    }

    /// Writes the gradient of the input, gated by the ReLU before it.
    #[allow(clippy::too_many_arguments)] // one product: its operands, where its results go, and its memory
    pub(crate) fn backward_data(
        &self,
        packed: &Packed,
        x: &[f32],
        dy: View,
        dx: &mut [f32],
        scratch: &mut Buffer,
        room: &mut Room,
        images: usize,
    ) {
        let Some(data) = &self.dx else { return };
        let finish = match &data.gate_at {
            Some(at) => Finish::Gate(x, at),
            None => Finish::Store,
        };
        if let (Some(tiles), Some(kernels)) = (&data.tiles, &packed.backward_tiles) {
            return tiles.multiply(&dy, kernels, &[], &finish, dx, &data.dx_at, room, images);
        }
        let Some(panels) = &packed.backward else { return };
        let Some(map) = &data.spread else {
            return multiply(dy, &data.windows, panels, &finish, dx, &data.dx_at, images * data.pixels);
        };
        multiply(dy, &data.windows, panels, &finish, scratch, &data.dx_at, images);
        for (image, from) in scratch.chunks_exact(map.shape.len()).take(images).enumerate() {
            map.put(image, from, dx);
        }
    }

    /// Returns the memory that Winograd tiles need.
    pub(crate) fn needs(&self, training: bool) -> Needs {
        let forward = self.tiles.as_ref().map_or(Needs::default(), |tiles| match training {
            true => tiles.training_needs(),
            false => tiles.needs(),
        });
        let data = self.dx.as_ref().filter(|_| training).and_then(|dx| dx.tiles.as_ref());
        data.map_or(forward, |tiles| forward.and(tiles.needs()))
    }

    /// Returns the number of scratch values that a backward pass needs.
    pub(crate) fn scratch(&self) -> usize {
        let images = self.dy_at.len() / self.pixels;
        let spread = self.dx.as_ref().and_then(|dx| dx.spread).map_or(0, |map| images * map.shape.len());
        SCRATCH.max(spread)
    }

    /// Returns the number of values of the gradient of a normalised layer's sums.
    pub(crate) fn sums_gradient_len(&self) -> usize {
        if self.is_normalized() { self.dy.len(self.dy_at.len() / self.pixels) } else { 0 }
    }

    /// Returns the number of values of a gradient as [`Linear::backward_weights`] stores it: `[fan-in][outputs]`, then
    /// the bias, then a normalised layer's gain or a rounded layer's scale. Each row is padded to whole vectors.
    pub(crate) fn gradient_len(&self) -> usize {
        let rows = self.windows.depth() + 1 + usize::from(self.norm.is_some() || self.rounds);
        rows * padded(self.tensor.layer.output.channels.into())
    }

    /// Returns whether the layer is normalised while it trains.
    pub(crate) fn is_normalized(&self) -> bool {
        self.norm.is_some()
    }

    /// Returns whether the gradient has a row for the scale of rounded activations.
    pub(crate) fn is_rounded(&self) -> bool {
        self.rounds
    }

    /// Returns the number of pixels of an image's output.
    pub(crate) fn pixels(&self) -> usize {
        self.pixels
    }

    /// Returns the layer's place in the parameters.
    pub(crate) fn tensor(&self) -> &Tensor {
        &self.tensor
    }
}

/// Returns windows of `kernel` rows and columns at each pixel of a `rows × columns` map, `stride` values apart.
fn windows_over(map: &Map, rows: u16, columns: u16, kernel: usize, stride: usize, images: usize) -> Windows {
    let channels = map.shape.channels as usize;
    let mut offsets = Vec::with_capacity(images * rows as usize * columns as usize);
    for image in 0..images {
        for row in 0..rows as usize {
            let start = image * map.image + row * (stride / channels) * map.line;
            offsets.extend((0..columns as usize).map(|column| (start + column * stride) as u32));
        }
    }
    Windows { offsets, rows: kernel, step: map.line, length: kernel * channels }
}

/// Returns each image as one window.
fn whole(map: &Map, images: usize) -> Windows {
    let offsets = (0..images).map(|image| map.at(image, 0, 0) as u32).collect();
    Windows { offsets, rows: 1, step: 0, length: map.shape.len() }
}
