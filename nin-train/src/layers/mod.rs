//! All kinds of layers, with forward and backward passes side by side.
//!
//! A network is a chain of tensors: the image, then each layer's output. The layer that *reads* a tensor determines its
//! memory layout ([`Map`]); for example, a padded convolution needs a border of zeros. The layer that *wrote* it
//! determines the layout of its gradient. The code that computes a tensor's gradient also gates it by the writer's
//! ReLU, while it is in registers.
//!
//! Imports [`support`](crate::support), [`network`](crate::network), `kernel` and
//! [`integers`](crate::integers).

mod average;
mod build;
mod linear;
mod norm;
mod pass;
mod pool;
mod round;
mod segment;

use nin_core::Shape;

pub(crate) use average::{Dropout, GlobalAverage};
pub(crate) use linear::{Linear, Packed};
pub(crate) use pool::{AvgPool, MaxPool};

use crate::kernel::{Buffer, Map, Room};
use norm::Kept;
use segment::{Segment, Span};

/// The operation of one layer.
pub(crate) enum Operation {
    Linear(Linear),
    MaxPool(MaxPool),
    AvgPool(AvgPool),
    GlobalAverage(GlobalAverage),
    Dropout(Dropout),
}

/// A network with memory layouts for chunks of at most a fixed number of images.
pub(crate) struct Network {
    pub(crate) images: usize,
    pub(crate) layers: Vec<Operation>,
    segments: Vec<Segment>,
    /// Tensor i is what layer i reads; the last holds the logits.
    slots: Vec<Slot>,
    /// Of a network that rounds its activations, what a step of the image stands for.
    rounded: Option<f32>,
}

/// The layout of a tensor and its gradient in a workspace.
struct Slot {
    map: Map,
    /// Whether it is there of all images, or only of those that a segment takes at a time.
    kept: bool,
    /// Images there.
    images: usize,
    /// Images that a segment which reads or makes it takes at a time.
    most: usize,
    d_map: Map,
    /// The same for its gradient.
    d_kept: bool,
    d_images: usize,
    /// Which of the workspace's gradients.
    d_buffer: usize,
    /// Whether its gradient is needed.
    needed: bool,
}

impl Slot {
    /// Returns where some images begin.
    fn start(&self, span: Span) -> usize {
        if self.kept { self.map.len(span.first) } else { 0 }
    }

    /// Returns where their gradient does.
    fn d_start(&self, span: Span) -> usize {
        if self.d_kept { self.d_map.len(span.first) } else { 0 }
    }
}

/// The buffers that gradients stand in: only two neighbours live at once.
mod buffer {
    pub(super) const COUNT: usize = 4;

    /// Of what goes from segment `number` + 1 to segment `number`, or comes from the loss: all images.
    pub(super) fn crossing(number: usize) -> usize {
        number % 2
    }

    /// Of tensor `i` within a segment, or of the sums that it is made of.
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
    /// Returns the layers with weights.
    pub(crate) fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.layers.iter().filter_map(|layer| match layer {
            Operation::Linear(linear) => Some(linear),
            _ => None,
        })
    }

    /// Shape of the images.
    pub(crate) fn input(&self) -> Shape {
        self.slots[0].map.shape
    }

    /// Values of a gradient as [`Network::backward`] keeps it.
    pub(crate) fn gradient_len(&self) -> usize {
        self.linears().map(Linear::gradient_len).sum()
    }

    /// Adds the means of all normalised layers, then their variances, in the chunk of `images` that was trained last,
    /// each times `images`.
    pub(crate) fn add_moments(&self, work: &Workspace, images: usize, moments: &mut [f64]) {
        let kept = self.layers.iter().zip(&work.memories).filter_map(|pair| match pair {
            (Operation::Linear(linear), Memory::Normalized(kept)) => Some((linear.pixels() * images, kept)),
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

    /// Copies one image, channels last, into a workspace.
    pub(crate) fn put(&self, work: &mut Workspace, image: usize, from: &[f32]) {
        let (map, tensor) = (&self.slots[0].map, &mut work.tensors[0]);
        map.put(image, from, tensor);
        if let Some(step) = self.rounded {
            for row in 0..map.shape.rows.into() {
                round::round(&mut tensor[map.at(image, row, 0)..][..map.shape.row()], step);
            }
        }
    }

    /// Returns the values of tensor `index` (0 is the image) for one image of the chunk, channels last.
    pub(crate) fn get(&self, work: &Workspace, index: usize, image: usize) -> Vec<f32> {
        self.slots[index].map.get(image, &work.tensors[index])
    }

    /// Returns the logits of one image of the chunk, and where their gradient goes.
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
