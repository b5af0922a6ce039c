//! Every layer the line can hold, forward and backward side by side.
//!
//! A network is a chain of tensors: the image, then what each layer makes of it. How a tensor stands in memory
//! ([`Map`]) is its *reader's* choice (a padded convolution wants a border of zeros), how its gradient does is the
//! choice of the layer that *made* it. The gradient that reaches a layer is already gated by the layer's own ReLU:
//! whoever computes the gradient of a tensor gates it, while it is in registers.

mod average;
mod linear;
mod map;
mod norm;
mod pool;
mod round;

use nin_core::plan::LayerKind;
use nin_core::spec::Stage;
use nin_core::{Plan, Shape};

pub(crate) use average::{Dropout, GlobalAverage};
pub(crate) use linear::{Linear, Packed};
pub(crate) use map::Map;
pub(crate) use pool::{AvgPool, MaxPool};
pub(crate) use round::Grid;

use crate::kernel::{Buffer, Needs, Room};
use crate::random::{Purpose, Stream};
use crate::{normalization, parameters};
use norm::Kept;

/// What one layer does.
pub(crate) enum Layer {
    Linear(Linear),
    MaxPool(MaxPool),
    AvgPool(AvgPool),
    GlobalAverage(GlobalAverage),
    Dropout(Dropout),
}

/// A network, laid out for chunks of at most a fixed number of images.
pub(crate) struct Network {
    pub(crate) images: usize,
    pub(crate) layers: Vec<Layer>,
    /// Tensor i is what layer i reads; the last holds the logits.
    maps: Vec<Map>,
    /// The same for the gradients.
    d_maps: Vec<Map>,
    /// Whether tensor i's gradient is needed.
    needed: Vec<bool>,
    /// Of a network that rounds its activations, what a step of the image stands for.
    rounded: Option<f32>,
}

/// What is remembered of a layer's forward pass, beside its input and output.
enum Memory {
    None,
    Chosen(Buffer),
    Scale(Buffer),
    Normalized(Box<Kept>),
    Slopes(Buffer),
}

/// The memory one thread works in; taken once.
pub(crate) struct Workspace {
    tensors: Vec<Buffer>,
    /// Gradients of even and odd tensors: only two neighbours live at once.
    gradients: [Buffer; 2],
    memories: Vec<Memory>,
    scratch: Buffer,
    /// For convolutions by tiles.
    room: Room,
}

/// Whether a forward pass trains, and then where the dropout of its images comes from.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    Evaluate,
    Train { seed: u64, step: u64, first: usize },
}

impl Network {
    /// Lays out a network; the maps of a chunk of images should fit a share of a core's cache, if they can.
    pub(crate) fn new(plan: &Plan) -> Network {
        let values: usize = plan.layers().map(|layer| layer.output.len()).sum::<usize>() + plan.shape(0).len();
        Network::with_images(plan, (300_000 / values).clamp(1, 8), false)
    }

    /// A network that trains with batch normalisation: a chunk is what is normalised together.
    pub(crate) fn normalized(plan: &Plan, images: usize) -> Network {
        Network::with_images(plan, images, true)
    }

    /// The same network with its activations rounded; a step of the image stands for `input`.
    pub(crate) fn rounding(mut self, input: f32) -> Network {
        self.rounded = Some(input);
        let rounded = |layer| match layer {
            Layer::Linear(linear) => Layer::Linear(linear.rounded()),
            other => other,
        };
        self.layers = self.layers.into_iter().map(rounded).collect();
        self
    }

    fn with_images(plan: &Plan, images: usize, normalized: bool) -> Network {
        let layers: Vec<_> = plan.layers().collect();
        let first = layers.iter().position(|layer| layer.has_weights()).unwrap_or(layers.len());
        let shape = |i: usize| if i == 0 { plan.shape(0) } else { layers[i - 1].output };
        let gated = |i: usize| i > 0 && layers[i - 1].relu;
        let needed: Vec<bool> = (0..=layers.len()).map(|i| i > first).collect();
        let map = |i: usize| match layers.get(i) {
            Some(layer) if layer.has_weights() => Linear::input_map(layer),
            _ => Map::plain(shape(i)),
        };
        let d_map = |i: usize| match i.checked_sub(1).map(|made| &layers[made]) {
            Some(layer) if layer.has_weights() => Linear::gradient_map(layer, needed[i - 1]),
            _ => Map::plain(shape(i)),
        };
        let maps: Vec<Map> = (0..=layers.len()).map(map).collect();
        let d_maps: Vec<Map> = (0..=layers.len()).map(d_map).collect();
        let mut tensors = parameters::tensors(plan).into_iter();
        let make = |(i, layer): (usize, &nin_core::plan::Layer)| {
            let (x, y, dx, dy) = (maps[i], maps[i + 1], d_maps[i], d_maps[i + 1]);
            let gated = gated(i);
            match layer.kind {
                LayerKind::Convolution(_) | LayerKind::Full => {
                    let dx = needed[i].then_some(&dx);
                    // As many tensors as layers with weights.
                    tensors.next().map(|tensor| {
                        let normalized = normalized && normalization::applies(&tensor);
                        let linear = Linear::new(tensor, [&x, &y, &dy], dx, gated, images);
                        Layer::Linear(if normalized { linear.normalized(images) } else { linear })
                    })
                }
                LayerKind::MaxPool(window) => Some(Layer::MaxPool(MaxPool { window, x, y, dx, dy, gated })),
                LayerKind::AvgPool(window) => Some(Layer::AvgPool(AvgPool { window, x, y, dx, dy, gated })),
                LayerKind::GlobalAverage => Some(Layer::GlobalAverage(GlobalAverage { x, y, dx, dy, gated })),
                LayerKind::Dropout => match plan.spec().stages()[layer.stage] {
                    Stage::Dropout(rate) => Some(Layer::Dropout(Dropout { rate, x, y, dx, dy, gated })),
                    _ => None,
                },
            }
        };
        let layers = layers.iter().enumerate().filter_map(make).collect();
        Network { images, layers, maps, d_maps, needed, rounded: None }
    }

    /// Memory for one thread; one that only evaluates takes less.
    pub(crate) fn workspace(&self, training: bool) -> Workspace {
        let images = self.images;
        let gradient = |parity: usize| {
            let of = self.d_maps.iter().zip(&self.needed).skip(parity).step_by(2);
            let largest = of.filter(|(_, needed)| **needed && training).map(|(map, _)| map.len(images)).max();
            Buffer::zeros(largest.unwrap_or(0))
        };
        let memory = |layer: &Layer| match layer {
            Layer::MaxPool(pool) if training => Memory::Chosen(Buffer::zeros(images * pool.y.shape.len())),
            Layer::Dropout(dropout) if training => Memory::Scale(Buffer::zeros(images * dropout.x.shape.len())),
            Layer::Linear(linear) if training && linear.is_rounded() => {
                Memory::Slopes(Buffer::zeros(images * linear.tensor().layer.output.len()))
            }
            Layer::Linear(linear) if training => {
                linear.kept().map_or(Memory::None, |kept| Memory::Normalized(Box::new(kept)))
            }
            _ => Memory::None,
        };
        let scratch = self.linears().map(|linear| linear.scratch(images)).max().unwrap_or(0);
        Workspace {
            tensors: self.maps.iter().map(|map| Buffer::zeros(map.len(images))).collect(),
            gradients: [gradient(0), gradient(1)],
            memories: self.layers.iter().map(memory).collect(),
            scratch: Buffer::zeros(if training { scratch } else { 0 }),
            room: self.linears().map(|linear| linear.needs(training)).fold(Needs::default(), Needs::and).room(),
        }
    }

    /// The layers with weights.
    pub(crate) fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.layers.iter().filter_map(|layer| match layer {
            Layer::Linear(linear) => Some(linear),
            _ => None,
        })
    }

    /// Shape of the images.
    pub(crate) fn input(&self) -> Shape {
        self.maps[0].shape
    }

    /// Values of a gradient as [`Network::backward`] keeps it.
    pub(crate) fn gradient_len(&self) -> usize {
        self.linears().map(Linear::gradient_len).sum()
    }

    /// Runs the first `images` images of a workspace through every layer.
    pub(crate) fn forward(&self, packed: &[Packed], work: &mut Workspace, mode: Mode, images: usize) {
        let mut packed = packed.iter();
        let mut step = self.rounded;
        for (i, (layer, memory)) in self.layers.iter().zip(&mut work.memories).enumerate() {
            let (before, after) = work.tensors.split_at_mut(i + 1);
            let (x, y) = (&before[i], &mut after[0]);
            match layer {
                Layer::Linear(linear) => {
                    if let Some(packed) = packed.next() {
                        match (memory, mode) {
                            (Memory::Normalized(kept), Mode::Train { .. }) => {
                                linear.forward_normalized(packed, x, y, kept, &mut work.room, images);
                            }
                            (memory, _) => {
                                linear.forward(packed, x, y, &mut work.room, images);
                                if self.rounded.is_some() {
                                    step = packed.grid.as_ref().map(|grid| grid.step);
                                    let slopes = if let Memory::Slopes(slopes) = memory { Some(slopes) } else { None };
                                    linear.round(packed, y, slopes, images);
                                }
                            }
                        }
                    }
                }
                Layer::MaxPool(pool) => match memory {
                    Memory::Chosen(chosen) => pool.forward(x, y, chosen, images),
                    _ => pool.forward(x, y, &mut [], images),
                },
                Layer::AvgPool(pool) => {
                    pool.forward(x, y, images);
                    if let Some(step) = step {
                        pool.round(y, step, images);
                    }
                }
                Layer::GlobalAverage(average) => average.forward(x, y, images),
                Layer::Dropout(dropout) => match (memory, mode) {
                    (Memory::Scale(scale), Mode::Train { seed, step, first }) => {
                        for image in 0..images {
                            // Layers share no numbers: a network has at most 2¹⁶ layers, a batch fewer than 2⁴⁸ images.
                            let sample = (first + image) as u64 | (i as u64) << 48;
                            dropout.draw(scale, image, &mut Stream::new(seed, Purpose::Dropout, step, sample));
                        }
                        dropout.forward(x, y, Some(&*scale), images);
                    }
                    _ => dropout.forward(x, y, None, images),
                },
            }
        }
    }

    /// Runs back from the gradient of the logits, and adds to the gradients of all weights: layer by layer as
    /// [`Linear::gradient_len`] says.
    pub(crate) fn backward(&self, packed: &[Packed], work: &mut Workspace, gradient: &mut [f32], images: usize) {
        let mut packed = packed.iter().rev();
        let mut end = gradient.len();
        for (i, (layer, memory)) in self.layers.iter().zip(&mut work.memories).enumerate().rev() {
            if !self.needed[i + 1] {
                break;
            }
            let [even, odd] = &mut work.gradients;
            let (dx, dy) = if i % 2 == 0 { (even, odd) } else { (odd, even) };
            let (x, y) = (&work.tensors[i], &work.tensors[i + 1]);
            let added = matches!(layer, Layer::MaxPool(_) | Layer::AvgPool(_));
            if self.needed[i] && (added || self.d_maps[i].has_room()) {
                dx[..self.d_maps[i].len(images)].fill(0.0);
            }
            match layer {
                Layer::Linear(linear) => {
                    let Some(packed) = packed.next() else { break };
                    let start = end - linear.gradient_len();
                    let gradient = &mut gradient[start..end];
                    if let Memory::Normalized(kept) = memory {
                        linear.backward_norm(packed, kept, dy, gradient, images);
                    }
                    if let Memory::Slopes(slopes) = memory {
                        linear.backward_round(dy, slopes, gradient, images);
                    }
                    linear.backward_weights(x, dy, gradient, &mut work.scratch, &mut work.room, images);
                    linear.backward_data(packed, x, dy, dx, &mut work.scratch, &mut work.room, images);
                    end = start;
                }
                Layer::MaxPool(pool) if self.needed[i] => {
                    if let Memory::Chosen(chosen) = memory {
                        pool.backward(y, dy, chosen, dx, images);
                    }
                }
                Layer::AvgPool(pool) if self.needed[i] => pool.backward(x, dy, dx, images),
                Layer::GlobalAverage(average) if self.needed[i] => average.backward(x, dy, dx, images),
                Layer::Dropout(dropout) if self.needed[i] => {
                    if let Memory::Scale(scale) = memory {
                        dropout.backward(x, dy, scale, dx, images);
                    }
                }
                _ => {}
            }
        }
    }

    /// Adds the means of all normalised layers, then their variances, in the chunk of `images` that was trained last,
    /// each times `images`.
    pub(crate) fn add_moments(&self, work: &Workspace, images: usize, moments: &mut [f64]) {
        let kept = self.layers.iter().zip(&work.memories).filter_map(|pair| match pair {
            (Layer::Linear(linear), Memory::Normalized(kept)) => Some((linear.pixels() * images, kept)),
            _ => None,
        });
        let (means, variances) = moments.split_at_mut(moments.len() / 2);
        let mut at = 0;
        for (pixels, kept) in kept {
            // The estimate from a sample, as PyTorch keeps it.
            let unbiased = pixels as f64 / (pixels.max(2) - 1) as f64;
            let places = means[at..].iter_mut().zip(&mut variances[at..]);
            for ((mean, variance), (kept_mean, kept_variance)) in places.zip(kept.mean.iter().zip(&kept.variance)) {
                *mean += images as f64 * kept_mean;
                *variance += images as f64 * kept_variance * unbiased;
            }
            at += kept.mean.len();
        }
    }

    /// Puts one image, channels last, into a workspace.
    pub(crate) fn put(&self, work: &mut Workspace, image: usize, from: &[f32]) {
        let (map, tensor) = (&self.maps[0], &mut work.tensors[0]);
        map.put(image, from, tensor);
        if let Some(step) = self.rounded {
            for row in 0..map.shape.rows.into() {
                round::round(&mut tensor[map.at(image, row, 0)..][..map.shape.row()], step);
            }
        }
    }

    /// The values of tensor `index` (0 is the image) for one image of the chunk, channels last.
    pub(crate) fn get(&self, work: &Workspace, index: usize, image: usize) -> Vec<f32> {
        self.maps[index].get(image, &work.tensors[index])
    }

    /// The logits of one image of the chunk, and where their gradient goes.
    pub(crate) fn head<'a>(&self, work: &'a mut Workspace, image: usize) -> (&'a [f32], &'a mut [f32]) {
        let last = self.layers.len();
        let (map, d_map) = (&self.maps[last], &self.d_maps[last]);
        let classes = map.shape.channels as usize;
        let logits = &work.tensors[last][map.at(image, 0, 0)..][..classes];
        let at = d_map.at(image, 0, 0);
        let gradient = &mut work.gradients[last % 2];
        (logits, if gradient.is_empty() { &mut [] } else { &mut gradient[at..at + classes] })
    }
}
