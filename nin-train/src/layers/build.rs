//! The memory layout of a network.

use nin_core::Plan;
use nin_core::plan::{Layer, LayerKind};
use nin_core::spec::Stage;

use super::{
    AvgPool, Dropout, GlobalAverage, Linear, Map, MaxPool, Memory, Network, Operation, Rounded, Rounds, Segment, Slot,
    Sum, Workspace, buffer, geometry,
};
use crate::kernel::{Buffer, Needs};
use crate::network::chain::Chain;
use crate::network::normalization::is_normalized;
use crate::network::parameters;
use crate::network::ranges::ranged;

impl Network {
    /// The number of images in a chunk: their maps should fit a share of a core's cache, if possible.
    pub(crate) fn chunk(plan: &Plan) -> usize {
        let values: usize = plan.layers().map(|layer| layer.output.len()).sum::<usize>() + plan.shape(0).len();
        (300_000 / values).clamp(1, 8)
    }

    /// Lays out a network.
    pub(crate) fn new(plan: &Plan) -> Network {
        let images = Network::chunk(plan);
        Network::with_segments(plan, images, vec![Segment { layers: 0..plan.layers().count(), images }])
    }

    /// Returns a network that trains with batch normalisation: a chunk is the images that are normalised together.
    pub(crate) fn normalized(plan: &Plan, images: usize) -> Network {
        Network::with_segments(plan, images, Segment::cut(plan, images))
    }

    /// Returns the network of `plan` with rounded activations; `input` is the scale of the image's bytes.
    ///
    /// A positive value that was rounded to 0 has a gradient. The gradient is therefore gated by the layer that rounded
    /// the value, not by the rounded value that the next layer reads. The range of its outputs is the bound of a ReLU6.
    pub(crate) fn rounding(plan: &Plan, input: f32) -> Network {
        let mut network = Network::new(plan);
        let mut layers: Vec<Option<Rounded>> = network.layers.iter().map(|_| None).collect();
        for range in ranged(plan) {
            let slot = &network.slots[range.layer + 1];
            layers[range.layer] = Some(Rounded::new(&slot.map, &slot.d_map, range.ends(), network.images));
        }
        network.rounding = Some(Rounds { input, layers });
        network.slots.iter_mut().for_each(|slot| slot.bounded = false);
        let ungated = |layer| match layer {
            Operation::Linear(linear) => Operation::Linear(linear.ungated()),
            Operation::MaxPool(pool) => Operation::MaxPool(MaxPool { gated: false, ..pool }),
            Operation::AvgPool(pool) => Operation::AvgPool(AvgPool { gated: false, ..pool }),
            Operation::GlobalAverage(average) => Operation::GlobalAverage(GlobalAverage { gated: false, ..average }),
            Operation::Dropout(dropout) => Operation::Dropout(Dropout { gated: false, ..dropout }),
            Operation::Sum(sum) => Operation::Sum(Sum { relu: false, relu6: false, gated: [false; 2], ..sum }),
        };
        network.layers = network.layers.into_iter().map(ungated).collect();
        network
    }

    /// Lays out a network for chunks of `images`.
    fn with_segments(plan: &Plan, images: usize, segments: Vec<Segment>) -> Network {
        let planned: Vec<Layer> = plan.layers().collect();
        let chain = Chain::new(plan);
        let slots = slots(plan, &planned, &chain, images, &segments);
        let mut tensors = parameters::tensors(plan).into_iter();
        let mut layers = Vec::new();
        for segment in &segments {
            for i in segment.layers.clone() {
                let layer = &planned[i];
                let reads = chain.reads(i);
                let [x, y] = [reads.input, i + 1].map(|tensor| slots[tensor].map);
                // A projection's gradient waits in a buffer of its own until the body's arrives.
                let dx = if chain.projects(i) { Map::plain(layer.input) } else { slots[reads.input].d_map };
                let dy = slots[i + 1].d_map;
                let is_relu = |tensor: usize| tensor > 0 && planned[tensor - 1].relu;
                let gated = is_relu(reads.input);
                layers.extend(match layer.kind {
                    LayerKind::Convolution(_) | LayerKind::Full => {
                        let needed = slots[reads.input].needed;
                        let dy = gradient_map(layer, needed);
                        // There are as many tensors as layers with weights.
                        tensors.next().map(|tensor| {
                            let dx = needed.then_some(&dx);
                            let linear = Linear::new(tensor, [&x, &y, &dy], dx, gated, segment.images);
                            let normalized = normalizes(&segments, i, layer);
                            Operation::Linear(if normalized {
                                linear.normalized(&y, slots[i + 1].most)
                            } else {
                                linear
                            })
                        })
                    }
                    LayerKind::MaxPool(window) => Some(Operation::MaxPool(MaxPool { window, x, y, dx, dy, gated })),
                    LayerKind::AvgPool(window) | LayerKind::MeanPool(window) => {
                        let mean = matches!(layer.kind, LayerKind::MeanPool(_));
                        Some(Operation::AvgPool(AvgPool { window, mean, x, y, dx, dy, gated }))
                    }
                    LayerKind::GlobalAverage => Some(Operation::GlobalAverage(GlobalAverage { x, y, dx, dy, gated })),
                    LayerKind::Sum => reads.shortcut.map(|added| {
                        let (shortcut, gated) = (slots[added].map, [gated, is_relu(added)]);
                        let begins = chain.begins(added);
                        let dshortcut = if begins { Map::plain(layer.input) } else { slots[added].d_map };
                        let (relu, relu6) = (layer.relu, layer.relu6);
                        Operation::Sum(Sum { x, shortcut, y, dx, dshortcut, dy, relu, relu6, gated })
                    }),
                    LayerKind::Dropout => match plan.spec().stages()[layer.stage] {
                        Stage::Dropout(rate) => Some(Operation::Dropout(Dropout { rate, x, y, dx, dy, gated })),
                        _ => None,
                    },
                });
            }
        }
        Network { images, layers, segments, chain, slots, rounding: None }
    }

    /// Returns the number of values of the gradients that one thread keeps, buffer by buffer.
    fn gradients(&self) -> [usize; buffer::COUNT] {
        let mut gradients = [0; buffer::COUNT];
        for (i, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.needed) {
            let len = &mut gradients[slot.d_buffer];
            *len = (*len).max(slot.d_map.len(slot.d_images));
            if let Some(Operation::Linear(linear)) = i.checked_sub(1).map(|made| &self.layers[made]) {
                let len = &mut gradients[buffer::passing(i)];
                *len = (*len).max(linear.sums_gradient_len());
            }
            if self.chain.begins(i) {
                let len = &mut gradients[buffer::SHORTCUT];
                *len = (*len).max(Map::plain(slot.map.shape).len(self.images));
            }
        }
        gradients
    }

    /// Returns a lower bound for the bytes of a [`workspace`](Self::workspace): the maps and their gradients, without
    /// the additional memory of some layers.
    pub(crate) fn workspace_bytes(&self, training: bool) -> u64 {
        let maps = self.slots.iter().map(|slot| slot.map.len(slot.images));
        let gradients = self.gradients().into_iter().filter(|_| training);
        maps.chain(gradients).map(|values| (values * size_of::<f32>()) as u64).sum()
    }

    /// Allocates memory for one thread; evaluation alone needs less.
    pub(crate) fn workspace(&self, training: bool) -> Workspace {
        let images = self.images;
        let gradients = if training { self.gradients() } else { [0; buffer::COUNT] };
        let slopes = |rounded: &Rounded| Memory::Slopes(Buffer::zeros(images * rounded.outputs()));
        let memory = |layer: &Operation| match layer {
            Operation::MaxPool(pool) if training => Memory::Chosen(Buffer::zeros(images * pool.y.shape.len())),
            Operation::Dropout(dropout) if training => Memory::Scale(Buffer::zeros(images * dropout.x.shape.len())),
            Operation::Linear(linear) if training => {
                linear.kept(images).map_or(Memory::None, |kept| Memory::Normalized(Box::new(kept)))
            }
            _ => Memory::None,
        };
        let memories = |(i, layer)| match self.rounded(i).filter(|_| training) {
            Some(rounded) => slopes(rounded),
            None => memory(layer),
        };
        let scratch = self.linears().map(Linear::scratch).max().unwrap_or(0);
        Workspace {
            tensors: self.slots.iter().map(|slot| Buffer::zeros(slot.map.len(slot.images))).collect(),
            gradients: gradients.map(Buffer::zeros),
            memories: self.layers.iter().enumerate().map(memories).collect(),
            scratch: Buffer::zeros(if training { scratch } else { 0 }),
            room: self.linears().map(|linear| linear.needs(training)).fold(Needs::default(), Needs::and).room(),
        }
    }
}

/// Returns whether layer `i` is normalised: then it ends a segment, and is not the end of the last one.
fn normalizes(segments: &[Segment], i: usize, layer: &Layer) -> bool {
    let (_, but_last) = segments.split_last().unzip();
    let ends = but_last.unwrap_or(&[]).iter().any(|segment| segment.layers.end == i + 1);
    ends && is_normalized(layer)
}

/// Returns the layout of the gradient of a weight layer's sums.
fn gradient_map(layer: &Layer, needs_dx: bool) -> Map {
    if layer.has_weights() { geometry::gradient_map(layer, needs_dx) } else { Map::plain(layer.output) }
}

/// Returns the layout of each tensor.
fn slots(plan: &Plan, planned: &[Layer], chain: &Chain, images: usize, segments: &[Segment]) -> Vec<Slot> {
    let last = planned.len();
    let first = planned.iter().position(Layer::has_weights).unwrap_or(last);
    let slot = |i: usize| {
        let shape = if i == 0 { plan.shape(0) } else { planned[i - 1].output };
        let needed = i > first;
        let map = match planned.get(i) {
            Some(layer) if layer.has_weights() && !chain.projects(i) => geometry::input_map(layer),
            _ => Map::plain(shape),
        };
        let normalized = i > 0 && normalizes(segments, i - 1, &planned[i - 1]);
        let d_map = match i.checked_sub(1) {
            Some(made) if !normalized => gradient_map(&planned[made], chain.reads(made).input > first),
            _ => Map::plain(shape),
        };
        // The segments that end in the tensor, and those that begin with it.
        let touching = segments.iter().filter(|segment| segment.layers.start <= i && i <= segment.layers.end);
        let most = touching.clone().map(|segment| segment.images).max().unwrap_or(images);
        let number = segments.iter().position(|segment| i <= segment.layers.end).unwrap_or(0);
        // Outputs of a normalised layer are recomputed when they are needed, except the network's outputs and those that
        // a shortcut reads.
        let kept = !normalized || i == last || chain.is_kept(i);
        let d_kept = normalized || i == last;
        Slot {
            map,
            images: if kept { images } else { most },
            kept,
            most,
            d_map,
            d_images: if d_kept { images } else { most },
            d_buffer: match d_kept {
                // The body of a shortcut with a projection.
                _ if chain.projects(i) => buffer::BODY,
                true => buffer::crossing(number),
                false => buffer::passing(i),
            },
            d_kept,
            needed,
            bounded: i > 0 && planned[i - 1].relu6,
        }
    };
    (0..=last).map(slot).collect()
}
