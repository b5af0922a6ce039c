//! Forward and backward passes of a network, segment by segment, and a few images at a time in each.

use super::{
    Linear, Map, Memory, Mode, Network, Operation, Packed, Rounded, Segment, Span, Weights, Workspace, buffer, relu6,
    sum,
};
use crate::kernel::Buffer;
use crate::support::random::{Purpose, Stream};

/// A layer with weights.
struct Place<'a> {
    linear: &'a Linear,
    packed: &'a Packed,
    /// The offset of its gradient.
    start: usize,
}

impl Network {
    /// Returns layer `i`, if it has weights.
    fn place<'a>(&'a self, i: usize, packed: &'a [Packed]) -> Option<Place<'a>> {
        let Some(Operation::Linear(linear)) = self.layers.get(i) else { return None };
        let before = self.layers[..i].iter().filter_map(|layer| match layer {
            Operation::Linear(linear) => Some(linear.gradient_len()),
            _ => None,
        });
        let (number, start) = before.fold((0, 0), |(number, start), len| (number + 1, start + len));
        packed.get(number).map(|packed| Place { linear, packed, start })
    }

    /// Returns the offset of the gradient of layer `i`'s range.
    fn range_start(&self, i: usize) -> usize {
        let weights: usize = self.linears().map(Linear::gradient_len).sum();
        weights + (0..i).filter_map(|before| self.rounded(before)).map(Rounded::gradient_len).sum::<usize>()
    }

    /// Runs the first `images` images of a workspace through every layer.
    pub(crate) fn forward(&self, weights: Weights<'_>, work: &mut Workspace, mode: Mode, images: usize) {
        let packed = weights.packed;
        if let Mode::Evaluate = mode {
            // Without normalisation, images are independent.
            let images_at_once = self.segments.iter().map(|segment| segment.images).min().unwrap_or(1);
            let all = Segment { layers: 0..self.layers.len(), images: images_at_once };
            all.spans(images).for_each(|span| self.forward_span(&all, weights, work, mode, span));
            return;
        }
        for segment in &self.segments {
            let last = segment.layers.clone().next_back().unwrap_or(usize::MAX);
            if let Some(Memory::Normalized(kept)) = work.memories.get_mut(last) {
                kept.begin();
            }
            for span in segment.spans(images) {
                self.outputs(segment.layers.start, work, span);
                self.forward_span(segment, weights, work, mode, span);
            }
            if let Some(Memory::Normalized(kept)) = work.memories.get_mut(last)
                && let Some(place) = self.place(last, packed)
            {
                place.linear.forward_end(place.packed, kept, images);
            }
        }
    }

    /// Runs some images through a segment.
    fn forward_span(&self, segment: &Segment, weights: Weights<'_>, work: &mut Workspace, mode: Mode, span: Span) {
        let Span { first: before_span, images } = span;
        let Weights { packed, grids } = weights;
        // The step and the zero point of the newest map: pools are not inside shortcuts.
        let mut grid = self.rounding.as_ref().map(|rounding| (rounding.input, 0.0));
        for i in segment.layers.clone() {
            let (before, after) = work.tensors.split_at_mut(i + 1);
            let reads = self.chain.reads(i);
            let x = before[reads.input].view_from(self.slots[reads.input].start(span));
            let y = &mut after[0][self.slots[i + 1].start(span)..];
            let memory = &mut work.memories[i];
            match &self.layers[i] {
                Operation::Linear(linear) => {
                    let Some(Place { packed, .. }) = self.place(i, packed) else { continue };
                    match (&mut *memory, mode) {
                        (Memory::Normalized(kept), Mode::Train { .. }) => {
                            linear.forward_sums(packed, x, kept, &mut work.room, span);
                        }
                        _ => linear.forward(packed, x, y, &mut work.room, images),
                    }
                }
                Operation::MaxPool(pool) => match &mut *memory {
                    Memory::Chosen(chosen) => pool.forward(&x, y, part(chosen, pool.y.shape.len(), span), images),
                    _ => pool.forward(&x, y, &mut [], images),
                },
                Operation::AvgPool(pool) => {
                    pool.forward(&x, y, images);
                    if let Some(grid) = grid {
                        pool.round(y, grid, images);
                    }
                }
                Operation::GlobalAverage(average) => average.forward(&x, y, images),
                Operation::Sum(sum) => {
                    let Some(added) = reads.shortcut else { continue };
                    sum.forward(&x, &before[added][self.slots[added].start(span)..], y, images);
                }
                Operation::Dropout(dropout) => match (&mut *memory, mode) {
                    (Memory::Scale(scale), Mode::Train { seed, step, first }) => {
                        let scale = part(scale, dropout.x.shape.len(), span);
                        for image in 0..images {
                            // Layers do not share random numbers: a network has at most 2¹⁶ layers, a batch fewer than
                            // 2⁴⁸ images.
                            let sample = (first + before_span + image) as u64 | (i as u64) << 48;
                            dropout.draw(scale, image, &mut Stream::new(seed, Purpose::Dropout, step, sample));
                        }
                        dropout.forward(&x, y, Some(&*scale), images);
                    }
                    _ => dropout.forward(&x, y, None, images),
                },
            }
            if let (Some(rounded), Some(Some(own))) = (self.rounded(i), grids.get(i)) {
                grid = Some((own.step, own.zero));
                let slopes = match memory {
                    Memory::Slopes(slopes) => Some(part(slopes, rounded.outputs(), span)),
                    _ => None,
                };
                rounded.forward(own, y, slopes, images);
            }
        }
    }

    /// Writes tensor `i` for some images, if it is the output of a normalised layer.
    fn outputs(&self, i: usize, work: &mut Workspace, span: Span) {
        let Some(made) = i.checked_sub(1) else { return };
        if let (Operation::Linear(linear), Memory::Normalized(kept)) = (&self.layers[made], &work.memories[made]) {
            linear.outputs(kept, &mut work.tensors[i][self.slots[i].start(span)..], span);
        }
    }

    /// Runs backward from the gradient of the logits, and adds to the gradients of all weights, stored layer by layer
    /// as in [`Linear::gradient_len`].
    pub(crate) fn backward(&self, packed: &[Packed], work: &mut Workspace, gradient: &mut [f32], images: usize) {
        for segment in self.segments.iter().rev() {
            let last = segment.layers.clone().next_back().unwrap_or(usize::MAX);
            if let Some(Memory::Normalized(kept)) = work.memories.get_mut(last)
                && let Some(place) = self.place(last, packed)
            {
                place.linear.backward_end(place.packed, kept, &mut gradient[place.start..], images);
            }
            let start = segment.layers.start;
            let below = start.wrapping_sub(1);
            if let Some(Memory::Normalized(kept)) = work.memories.get_mut(below) {
                kept.begin_gradient();
            }
            for span in segment.spans(images) {
                // What a shortcut reads was kept.
                if start < self.layers.len() && !self.chain.is_kept(start) {
                    self.outputs(start, work, span);
                }
                self.backward_span(segment, packed, work, gradient, span);
                if let (Some(Operation::Linear(linear)), Some(Memory::Normalized(kept))) =
                    (self.layers.get(below), work.memories.get_mut(below))
                {
                    let slot = &self.slots[start];
                    linear.backward_sums(kept, &work.gradients[slot.d_buffer][slot.d_start(span)..], span);
                }
            }
        }
    }

    /// Runs backward through a segment with some images.
    fn backward_span(
        &self,
        segment: &Segment,
        packed: &[Packed],
        work: &mut Workspace,
        gradient: &mut [f32],
        span: Span,
    ) {
        let images = span.images;
        for i in segment.layers.clone().rev() {
            let reads = self.chain.reads(i);
            let (from, to) = (&self.slots[reads.input], &self.slots[i + 1]);
            if !to.needed {
                break;
            }
            let projects = self.chain.projects(i);
            let memory = &mut work.memories[i];
            let (mut d_buffer, mut d_start) = (to.d_buffer, to.d_start(span));
            if let (Operation::Linear(linear), Memory::Normalized(kept)) = (&self.layers[i], &*memory) {
                let passing = buffer::passing(i + 1);
                let [d, d_sums] = two(&mut work.gradients, d_buffer, passing);
                linear.backward_norm(kept, &d[d_start..], d_sums, span);
                (d_buffer, d_start) = (passing, 0);
            }
            if let (Some(rounded), Memory::Slopes(slopes)) = (self.rounded(i), &mut *memory) {
                let slopes = part(slopes, rounded.outputs(), span);
                let drange = &mut gradient[self.range_start(i)..][..rounded.gradient_len()];
                rounded.backward(&mut work.gradients[d_buffer][d_start..], slopes, drange, images);
            }
            let x = work.tensors[reads.input].view_from(from.start(span));
            if let (Operation::Sum(sum), Some(added)) = (&self.layers[i], reads.shortcut)
                && self.slots[added].needed
            {
                let (slot, begins) = (&self.slots[added], self.chain.begins(added));
                let (to_buffer, at) = match begins {
                    true => (buffer::SHORTCUT, span.first * sum.shortcut.shape.len()),
                    false => (slot.d_buffer, slot.d_start(span)),
                };
                let [d, dy] = two(&mut work.gradients, to_buffer, d_buffer);
                let d = &mut d[at..];
                if sum.dshortcut.has_room() {
                    sum.dshortcut.clear_room(images, d);
                }
                let shortcut = &work.tensors[added][slot.start(span)..];
                sum.backward_shortcut(shortcut, &dy[d_start..], d, images);
                if slot.bounded {
                    relu6::backward((&sum.shortcut, shortcut), (&sum.dshortcut, d), images);
                }
            }
            let (to_buffer, at, d_map) = match projects {
                true => (buffer::SHORTCUT, span.first * from.map.shape.len(), Map::plain(from.map.shape)),
                false => (from.d_buffer, from.d_start(span), from.d_map),
            };
            let [dx, dy] = two(&mut work.gradients, to_buffer, d_buffer);
            let dx = &mut dx[if from.needed { at } else { 0 }..];
            if from.needed && matches!(self.layers[i], Operation::MaxPool(_) | Operation::AvgPool(_)) {
                dx[..d_map.len(images)].fill(0.0);
            } else if from.needed && d_map.has_room() {
                d_map.clear_room(images, dx);
            }
            match &self.layers[i] {
                Operation::Linear(linear) => {
                    let Some(Place { packed, start, .. }) = self.place(i, packed) else { break };
                    let gradient = &mut gradient[start..][..linear.gradient_len()];
                    let dy = dy.view_from(d_start);
                    linear.backward_weights(x, dy, gradient, &mut work.scratch, &mut work.room, images);
                    linear.backward_data(packed, &x, dy, dx, &mut work.scratch, &mut work.room, images);
                }
                Operation::MaxPool(pool) if from.needed => {
                    if let Memory::Chosen(chosen) = memory {
                        let y = &work.tensors[i + 1][to.start(span)..];
                        pool.backward(y, &dy[d_start..], part(chosen, pool.y.shape.len(), span), dx, images);
                    }
                }
                Operation::AvgPool(pool) if from.needed => pool.backward(&x, &dy[d_start..], dx, images),
                Operation::GlobalAverage(average) if from.needed => average.backward(&x, &dy[d_start..], dx, images),
                Operation::Sum(sum) if from.needed => sum.backward(&x, &dy[d_start..], dx, images),
                Operation::Dropout(dropout) if from.needed => {
                    if let Memory::Scale(scale) = memory {
                        let scale = part(scale, dropout.x.shape.len(), span);
                        dropout.backward(&x, &dy[d_start..], scale, dx, images);
                    }
                }
                _ => {}
            }
            if !from.needed {
                continue;
            }
            if self.chain.begins(reads.input) && !projects {
                self.join(reads.input, &mut work.gradients, span);
            }
            if from.bounded {
                let dx = &mut work.gradients[to_buffer][at..];
                relu6::backward((&from.map, &work.tensors[reads.input][from.start(span)..]), (&d_map, dx), images);
            }
        }
    }

    /// Adds what the shortcut brings back to the gradient of the tensor where it begins.
    fn join(&self, tensor: usize, gradients: &mut [Buffer; buffer::COUNT], span: Span) {
        let slot = &self.slots[tensor];
        let map = Map::plain(slot.map.shape);
        let [dx, shortcut] = two(gradients, slot.d_buffer, buffer::SHORTCUT);
        let shortcut = &shortcut[map.len(span.first)..];
        sum::join((&map, shortcut), (&slot.d_map, &mut dx[slot.d_start(span)..]), span.images);
    }
}

/// Returns the part of some images, for `len` values per image.
fn part(values: &mut [f32], len: usize, span: Span) -> &mut [f32] {
    &mut values[span.first * len..][..span.images * len]
}

/// Returns two different buffers.
fn two(buffers: &mut [Buffer; buffer::COUNT], a: usize, b: usize) -> [&mut Buffer; 2] {
    match buffers.get_disjoint_mut([a, b]) {
        Ok(two) => two,
        Err(_) => unreachable!("a layer's gradients stand in two buffers"),
    }
}
