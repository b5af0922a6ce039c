//! The division of a normalised network into segments, which reduces traffic between cache and memory.
//!
//! The outputs of a normalised layer need the sums of all images, so each such layer ends a segment. Within a segment,
//! a few images at a time go through all layers, so the output of one layer is still in cache when the next layer reads
//! it. Without normalisation, the whole network is one segment.

use std::ops::Range;

use nin_core::plan::Layer;
use nin_core::{Plan, Shape};

use crate::network::normalization::is_normalized;

/// Layers through which a few images at a time go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The layers; only the last can be normalised.
    pub(crate) layers: Range<usize>,
    /// The number of images at a time.
    pub(crate) images: usize,
}

/// Some of the images of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: usize,
    pub(crate) images: usize,
}

/// The number of values of a segment's maps, for the images that it processes at a time, that fit a core's cache.
const VALUES: usize = 100_000;

impl Segment {
    /// Splits a network after each normalised layer. There is always a segment after the last one, even if it is empty.
    pub(crate) fn cut(plan: &Plan, images: usize) -> Vec<Segment> {
        let layers: Vec<_> = plan.layers().collect();
        let mut segments = Vec::new();
        let mut start = 0;
        let ends = layers.iter().enumerate().filter(|(_, layer)| is_normalized(layer)).map(|(i, _)| i + 1);
        for end in ends.chain([layers.len()]) {
            let read = if start == 0 { plan.shape(0) } else { layers[start - 1].output };
            segments.push(Segment { layers: start..end, images: at_once(read, &layers[start..end]).min(images) });
            start = end;
        }
        segments
    }

    /// Returns the images of a workspace, in groups of the segment's size.
    pub(crate) fn spans(&self, images: usize) -> impl Iterator<Item = Span> + use<> {
        let most = self.images;
        (0..images).step_by(most).map(move |first| Span { first, images: most.min(images - first) })
    }
}

/// Returns how many images to process at a time: as many as fit the cache, but enough that reading the weights does not
/// dominate.
fn at_once(read: Shape, layers: &[Layer]) -> usize {
    let values = read.len() + layers.iter().map(|layer| layer.output.len()).sum::<usize>();
    let weight = |layer: &Layer| layer.fan_in() * usize::from(layer.output.channels);
    let weights: usize = layers.iter().filter(|layer| layer.has_weights()).map(weight).sum();
    (weights.max(VALUES) / values).clamp(1, 8)
}
