//! Convolutions and fully connected layers: a weight, a bias, and an activation if the line has one.

use nin_core::Shape;
use nin_core::spec::Window;

use super::geometry::{gradient_windows, whole, window, windows};
use super::groups::{self, Connection, ungrouped};
use super::norm::Kept;
use super::{Map, Span, relu6};
use crate::kernel::{
    Buffer, Finish, Kernels, Needs, Panels, Room, SCRATCH, View, Windows, Winograd, multiply, padded, vectorized,
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
    connection: Connection,
    /// The same product by Winograd tiles, if that is faster.
    tiles: Option<Box<Winograd>>,
    y_at: Vec<u32>,
    dy: Map,
    dy_at: Vec<u32>,
    dx: Option<Box<Dx>>,
    pixels: usize,
    /// The layout of a normalised layer's sums.
    norm: Option<Vec<u32>>,
    /// Whether the upper bound of a ReLU6 is applied.
    capped: bool,
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
}

impl Linear {
    /// Returns a layer between its maps. `dx` is the map of its input's gradient, if that is needed; `gated` is whether
    /// the input is the output of a ReLU.
    pub(crate) fn new(tensor: Tensor, [x, y, dy]: [&Map; 3], dx: Option<&Map>, gated: bool, images: usize) -> Linear {
        let layer = &tensor.layer;
        let connection = Connection::of(layer);
        let tiles = |map: &Map, pixels: Shape, outputs: u16| {
            let full = connection == Connection::Full;
            let window = window(layer).filter(|window| full && window.is_square() && window.columns.stride == 1)?;
            let pixels = [pixels.rows, pixels.columns].map(usize::from);
            Winograd::new(map, pixels, window.columns.kernel.into(), outputs.into(), images).map(Box::new)
        };
        let entire = window(layer).is_none();
        let data = |dx: &Map| Dx {
            tiles: tiles(dy, layer.input, layer.input.channels),
            windows: gradient_windows(layer, dy, images),
            dx_at: if entire { whole(&Map::plain(dx.shape), images).offsets } else { dx.offsets(images) },
            gate_at: gated.then(|| if entire { whole(x, images).offsets } else { x.offsets(images) }),
            spread: (entire && dx.has_room()).then_some(*dx),
            pixels: if entire { 1 } else { layer.input.pixels() },
        };
        let dx = dx.map(data).map(Box::new);
        let pixels = layer.output.pixels();
        Linear {
            tiles: tiles(x, layer.output, layer.output.channels),
            windows: windows(layer, x, images),
            connection,
            y_at: y.offsets(images),
            dy: *dy,
            dy_at: dy.offsets(images),
            dx,
            pixels,
            norm: None,
            capped: layer.relu6,
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

    /// Returns the same layer in a network that rounds activations: the rounding bounds its outputs, and the rounding of
    /// its input gates the input's gradient.
    pub(crate) fn ungated(mut self) -> Linear {
        self.capped = false;
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
        let depth = |windows: &Windows| match self.connection {
            Connection::Depthwise => self.taps(),
            _ => windows.depth(),
        };
        let backward = self.dx.as_ref().filter(|_| training);
        let plain = backward.filter(|dx| dx.tiles.is_none());
        Packed {
            forward: Panels::new(if self.tiles.is_some() { 0 } else { depth(&self.windows) }, outputs),
            backward: plain.map(|dx| Panels::new(depth(&dx.windows), channels)),
            tiles: self.tiles.as_ref().map(|tiles| tiles.kernels(outputs)),
            backward_tiles: backward.and_then(|dx| dx.tiles.as_ref()).map(|tiles| tiles.kernels(channels)),
            gain: vec![1.0; if self.norm.is_some() && training { outputs } else { 0 }],
        }
    }

    /// Returns the number of positions of the kernel; 1 for a fully connected layer.
    fn taps(&self) -> usize {
        window(&self.tensor.layer).map_or(1, Window::pixels)
    }

    /// Copies a normalised layer's gains for a step.
    pub(crate) fn set_gain(gain: &[f32], packed: &mut Packed) {
        packed.gain.copy_from_slice(gain);
    }

    /// Packs the weights for a step.
    pub(crate) fn pack(&self, parameters: &[f32], packed: &mut Packed) {
        let weight = &parameters[self.tensor.weight.clone()];
        let outputs = self.tensor.layer.output.channels as usize;
        let all = (self.connection == Connection::Grouped).then(|| ungrouped(&self.tensor.layer, weight));
        let weight = all.as_deref().unwrap_or(weight);
        let fan_in = weight.len() / outputs;
        match (&self.tiles, &mut packed.tiles) {
            (Some(tiles), Some(kernels)) => tiles.pack(weight, kernels),
            _ => packed.forward.pack(weight, |k| k, fan_in),
        }
        packed.forward.set_bias(&parameters[self.tensor.bias.clone()]);
        if let Some(backward) = &mut packed.backward {
            // The kernel is rotated: the last tap meets the first pixel of the gradient.
            let (taps, channels) = (self.taps(), fan_in / self.taps());
            match self.connection {
                Connection::Depthwise => backward.pack(weight, |k| taps - 1 - k, taps),
                _ => backward.pack(weight, |k| k % outputs * fan_in + (taps - 1 - k / outputs) * channels, 1),
            }
        }
        let tiles = self.dx.as_ref().and_then(|dx| dx.tiles.as_ref());
        if let (Some(tiles), Some(kernels)) = (tiles, &mut packed.backward_tiles) {
            tiles.pack_turned(weight, kernels);
        }
    }

    pub(crate) fn forward(&self, packed: &Packed, x: View, y: &mut [f32], room: &mut Room, images: usize) {
        let finish = if self.tensor.layer.relu { Finish::BiasRelu } else { Finish::Bias };
        self.multiply(packed, x, &finish, y, &self.y_at, room, images);
        self.cap(y, images);
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
            _ => {
                let pixels = images * self.pixels;
                self.connection.multiply(x, &self.windows, &packed.forward, finish, y, y_at, pixels);
            }
        }
    }

    /// Applies the upper bound of a ReLU6.
    fn cap(&self, y: &mut [f32], images: usize) {
        if self.capped {
            relu6::forward(y, &self.y_at[..images * self.pixels], self.tensor.layer.output.channels.into());
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
        let relu = self.tensor.layer.relu;
        kept.outputs(span.first * self.pixels, relu, y, &self.y_at[..span.images * self.pixels]);
        self.cap(y, span.images);
    }

    /// Collects the statistics of the gradient of a normalised layer's outputs, for some images.
    pub(crate) fn backward_sums(&self, kept: &mut Kept, dy: &[f32], span: Span) {
        kept.add_gradient(span.first * self.pixels, &dy[..span.images * self.tensor.layer.output.len()]);
    }

    /// Finishes the statistics after all `images`, and adds to the gradients of bias and gain in
    /// [`Linear::gradient_len`].
    pub(crate) fn backward_end(&self, packed: &Packed, kept: &mut Kept, gradient: &mut [f32], images: usize) {
        let wide = padded(self.tensor.layer.output.channels.into());
        let (dbias, dgain) = gradient[self.depth() * wide..].split_at_mut(wide);
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
        let (dw, db) = gradient.split_at_mut(self.depth() * padded(outputs));
        let pixels = images * self.pixels;
        match &self.tiles {
            Some(tiles) => tiles.accumulate(&x, &dy, &self.dy_at, outputs, dw, room, images),
            None => {
                let (windows, dy_at) = (&self.windows, &self.dy_at);
                self.connection.accumulate(x, windows, dy, dy_at, outputs, dw, scratch, pixels);
            }
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
            let pixels = images * data.pixels;
            return self.connection.multiply(dy, &data.windows, panels, &finish, dx, &data.dx_at, pixels);
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

    /// Returns the number of rows of the gradient of the weights: the fan-in, in a grouped layer that of all groups.
    pub(crate) fn depth(&self) -> usize {
        match self.connection {
            Connection::Depthwise => self.taps(),
            _ => self.windows.depth(),
        }
    }

    /// Returns the row of the gradient of the weights that belongs to a weight.
    pub(crate) fn gradient_row(&self, output: usize, input: usize) -> usize {
        groups::gradient_row(&self.tensor.layer, output, input)
    }

    /// Returns whether the gradient has a row for each channel of all groups.
    pub(crate) fn is_grouped(&self) -> bool {
        self.connection == Connection::Grouped
    }

    /// Returns the number of values of a gradient as [`Linear::backward_weights`] stores it: `[depth][outputs]`, then
    /// the bias, then a normalised layer's gain. Each row is padded to whole vectors.
    pub(crate) fn gradient_len(&self) -> usize {
        let rows = self.depth() + 1 + usize::from(self.norm.is_some());
        rows * padded(self.tensor.layer.output.channels.into())
    }

    /// Returns whether the layer is normalised while it trains.
    pub(crate) fn is_normalized(&self) -> bool {
        self.norm.is_some()
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
