//! All kinds of layers, with forward and backward passes side by side.
//!
//! A network is a chain of tensors: the image, then each layer's output. Only a shortcut reads an older tensor. The layer
//! that *reads* a tensor first determines its memory layout ([`Map`]); for example, a padded convolution needs a border
//! of zeros. The layer that *wrote* it
//! determines the layout of its gradient. The code that computes a tensor's gradient also gates it by the writer's
//! ReLU, while it is in registers.
//!
//! Imports [`support`](crate::support), [`network`](crate::network), `kernel` and
//! [`integers`](crate::integers).

mod average;
mod build;
mod geometry;
mod groups;
mod linear;
mod norm;
mod pass;
mod pool;
mod relu6;
mod round;
mod segment;
mod sum;

use nin_core::Shape;

pub(crate) use average::{Dropout, GlobalAverage};
pub(crate) use linear::{Linear, Packed};
pub(crate) use pool::{AvgPool, MaxPool};
pub(crate) use sum::Sum;

use crate::integers::rounding::ActivationGrid;
use crate::kernel::{Buffer, Map, Room};
use crate::network::chain::Chain;
use norm::Kept;
use round::Rounded;
use segment::{Segment, Span};

/// The operation of one layer.
pub(crate) enum Operation {
    Linear(Linear),
    MaxPool(MaxPool),
    AvgPool(AvgPool),
    GlobalAverage(GlobalAverage),
    Dropout(Dropout),
    Sum(Sum),
}

/// A network with memory layouts for chunks of at most a fixed number of images.
pub(crate) struct Network {
    pub(crate) images: usize,
    pub(crate) layers: Vec<Operation>,
    segments: Vec<Segment>,
    /// The tensors that each layer reads.
    chain: Chain,
    /// Tensor i is the input of layer i; the last one holds the logits.
    slots: Vec<Slot>,
    /// The rounding of activations, if they are rounded.
    rounding: Option<Rounds>,
}

/// The rounding of a network's activations.
struct Rounds {
    /// The scale of the image's bytes.
    input: f32,
    /// For each layer; `None` if its outputs have no range of their own.
    layers: Vec<Option<Rounded>>,
}

/// What a network computes with in one step.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    /// For each layer with weights.
    pub(crate) packed: &'a [Packed],
    /// For each layer how its outputs are rounded; empty in a network that does not round.
    pub(crate) grids: &'a [Option<ActivationGrid>],
}

/// The layout of a tensor and its gradient in a workspace.
struct Slot {
    map: Map,
    /// Whether the buffer holds all images, or only those that a segment processes at a time.
    kept: bool,
    /// The number of images in the buffer.
    images: usize,
    /// The number of images that a segment which reads or writes the tensor processes at a time.
    most: usize,
    d_map: Map,
    /// The layout of its gradient.
    d_kept: bool,
    d_images: usize,
    /// The index of the workspace's gradient buffer.
    d_buffer: usize,
    /// Whether its gradient is needed.
    needed: bool,
    /// Whether it is the output of a ReLU6.
    bounded: bool,
}

impl Slot {
    /// Returns the offset of an image.
    fn start(&self, span: Span) -> usize {
        if self.kept { self.map.len(span.first) } else { 0 }
    }

    /// Returns the offset of an image's gradient.
    fn d_start(&self, span: Span) -> usize {
        if self.d_kept { self.d_map.len(span.first) } else { 0 }
    }
}

/// The gradient buffers: two neighbouring gradients exist at once, and those of a shortcut.
mod buffer {
    pub(super) const COUNT: usize = 6;

    /// The gradient of the tensor where a shortcut begins, from its end: all images. Shortcuts do not contain others.
    pub(super) const SHORTCUT: usize = 4;

    /// The gradient of a body's output while the projection of the shortcut runs backward.
    pub(super) const BODY: usize = 5;

    /// The gradient from segment `number` + 1 to segment `number`, or from the loss: all images.
    pub(super) fn crossing(number: usize) -> usize {
        number % 2
    }

    /// The gradient of tensor `i` within a segment, or of the sums from which it is computed.
    pub(super) fn passing(i: usize) -> usize {
        2 + i % 2
    }
}

/// The values kept from a layer's forward pass, in addition to its input and output.
enum Memory {
    None,
    Chosen(Buffer),
    Scale(Buffer),
    Normalized(Box<Kept>),
    Slopes(Buffer),
}

/// One thread's memory, allocated once.
pub(crate) struct Workspace {
    tensors: Vec<Buffer>,
    gradients: [Buffer; buffer::COUNT],
    memories: Vec<Memory>,
    scratch: Buffer,
    /// Memory for Winograd tiles.
    room: Room,
}

/// Whether a forward pass trains, and then the source of its dropout.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    Evaluate,
    Train { seed: u64, step: u64, first: usize },
}

impl Network {
    /// Returns the layers with weights.
    pub(crate) fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.layers.iter().filter_map(|layer| match layer {
            Operation::Linear(linear) => Some(linear),
            _ => None,
        })
    }

    /// Returns the shape of the images.
    pub(crate) fn input(&self) -> Shape {
        self.slots[0].map.shape
    }

    /// Returns the rounding of layer `i`, if its outputs have a range of their own.
    fn rounded(&self, i: usize) -> Option<&Rounded> {
        self.rounding.as_ref()?.layers.get(i)?.as_ref()
    }

    /// Returns the layers whose outputs have a range of their own.
    pub(crate) fn ranged(&self) -> impl Iterator<Item = &Rounded> {
        self.rounding.iter().flat_map(|rounding| rounding.layers.iter().flatten())
    }

    /// Returns the number of values of a gradient as [`Network::backward`] stores it: that of all layers with weights,
    /// then that of all ranges.
    pub(crate) fn gradient_len(&self) -> usize {
        self.linears().map(Linear::gradient_len).chain(self.ranged().map(Rounded::gradient_len)).sum()
    }

    /// Adds the means of all normalised layers, then their variances, of the last chunk of `images`; each is multiplied
    /// by `images`.
    pub(crate) fn add_moments(&self, work: &Workspace, images: usize, moments: &mut [f64]) {
        let kept = self.layers.iter().zip(&work.memories).filter_map(|pair| match pair {
            (Operation::Linear(linear), Memory::Normalized(kept)) => Some((linear.pixels() * images, kept)),
            _ => None,
        });
        let (means, variances) = moments.split_at_mut(moments.len() / 2);
        let mut at = 0;
        for (pixels, kept) in kept {
            // The unbiased estimate, as PyTorch computes it.
            let unbiased = pixels as f64 / (pixels.max(2) - 1) as f64;
            let places = means[at..].iter_mut().zip(&mut variances[at..]);
            for ((mean, variance), (kept_mean, kept_variance)) in places.zip(kept.mean.iter().zip(&kept.variance)) {
                *mean += images as f64 * kept_mean;
                *variance += images as f64 * kept_variance * unbiased;
            }
            at += kept.mean.len();
        }
    }

    /// Copies one image, channels last, into a workspace.
    pub(crate) fn put(&self, work: &mut Workspace, image: usize, from: &[f32]) {
        let (map, tensor) = (&self.slots[0].map, &mut work.tensors[0]);
        map.put(image, from, tensor);
        if let Some(Rounds { input: step, .. }) = self.rounding {
            for row in 0..map.shape.rows.into() {
                round::round(&mut tensor[map.at(image, row, 0)..][..map.shape.row()], step);
            }
        }
    }

    /// Returns the values of tensor `index` (0 is the image) for one image of the chunk, channels last.
    pub(crate) fn get(&self, work: &Workspace, index: usize, image: usize) -> Vec<f32> {
        self.slots[index].map.get(image, &work.tensors[index])
    }

    /// Returns the logits of one image of the chunk, and the place of their gradient.
    pub(crate) fn head<'a>(&self, work: &'a mut Workspace, image: usize) -> (&'a [f32], &'a mut [f32]) {
        let last = self.layers.len();
        let Slot { map, d_map, d_buffer, .. } = &self.slots[last];
        let classes = map.shape.channels as usize;
        let logits = &work.tensors[last][map.at(image, 0, 0)..][..classes];
        let at = d_map.at(image, 0, 0);
        let gradient = &mut work.gradients[*d_buffer];
        (logits, if gradient.is_empty() { &mut [] } else { &mut gradient[at..at + classes] })
    }
}
