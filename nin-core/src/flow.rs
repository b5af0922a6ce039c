//! The engine: an image flows through the network row by row.
//!
//! A row of the image is written to the first stage's lines. Each output row that this completes is computed tile by
//! tile, and each tile is passed to the next stage: into a block's lines, a pool's running maxima, or the sums of the
//! head. When the next stage has a complete row, it continues in the same way before the first stage computes its next
//! row. So nothing is computed twice, and memory never holds a whole map.
//!
//! A stage's memory is at the beginning of `state`: its lines (a ring of rows), then its sums. The memory of the stages
//! after it follows.

use bytemuck::Zeroable;

use crate::format::Arithmetic;
use crate::kernel::operands::{LayerWeights, Patch};
use crate::plan::{Kernels, Plan, TILE};
use crate::spec::{Activation, Block, MAX_WIDTHS, Projection, Stage, Sum, Window};

/// The position of a piece of a row that an [`Observer`] receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Piece {
    /// Index of the stage in [`Spec::stages`](crate::Spec::stages).
    pub stage: usize,
    /// Index of the layer in that stage.
    pub step: usize,
    /// Row of the layer's output.
    pub row: usize,
    /// Column of the first pixel; the piece's pixels are side by side.
    pub column: usize,
}

/// Receives the activations of every layer, piece by piece: for comparing a board with its host layer by layer.
///
/// It receives nothing from dropout, which does nothing on a device, from a global average, which stays a sum, and from
/// the last layer, whose outputs are the logits. `()` ignores everything and costs nothing.
pub trait Observer<V> {
    /// Receives pixels × channels outputs of one layer.
    fn piece(&mut self, piece: Piece, values: &[V]);
}

impl<V> Observer<V> for () {
    #[inline(always)]
    fn piece(&mut self, _: Piece, _: &[V]) {}
}

impl<V, F: FnMut(Piece, &[V])> Observer<V> for F {
    fn piece(&mut self, piece: Piece, values: &[V]) {
        self(piece, values);
    }
}

/// What all steps of an inference share.
pub(crate) struct Flow<'f, A: Arithmetic, O> {
    pub plan: &'f Plan,
    /// The lines of the stage at which the newest shortcut begins.
    pub shortcut: &'f [A::Value],
    /// Outputs that are side by side in the packed weights.
    pub lanes: usize,
    /// The tiles of the block that is computed; unused between tiles.
    pub scratch: &'f mut [A::Value],
    /// The kernels' working memory.
    pub work: &'f mut [u32],
    pub observer: &'f mut O,
}

/// The memory and the weights of one stage and of all stages after it.
pub(crate) struct Rest<'s, 'm> {
    pub stage: usize,
    pub state: &'s mut [u32],
    pub weights: &'m [u8],
}

impl<'m> Rest<'_, 'm> {
    fn again(&mut self) -> Rest<'_, 'm> {
        Rest { stage: self.stage, state: self.state, weights: self.weights }
    }
}

/// The end of a shortcut, for one row of its sum.
struct Shortcut<'s, 'm, V> {
    /// The stage of the sum.
    stage: usize,
    /// The row of the shortcut's input.
    patch: Patch<'s, V>,
    projection: Option<LayerWeights<'m>>,
    sum: LayerWeights<'m>,
}

/// A ring of the newest rows of a map.
struct Rows<'s, V> {
    values: &'s mut [V],
    slots: usize,
    row: usize,
    channels: usize,
}

impl<V> Rows<'_, V> {
    #[inline(never)]
    fn at(&mut self, y: usize) -> &mut [V] {
        &mut self.values[y % self.slots * self.row..][..self.row]
    }
}

impl<'f, A: Arithmetic, O: Observer<A::Value>> Flow<'f, A, O> {
    /// Computes what row `y` of the stage's input completes; the row is already in the stage's lines.
    ///
    /// This, [`close`](Self::close) and [`head`](Self::head) call one another down the stages, so they keep little on
    /// the stack. The functions that compute a row return before the next stage continues.
    pub fn arrive(&mut self, mut rest: Rest<'_, '_>, y: usize) {
        if !matches!(self.stage(rest.stage), Stage::Block(_)) {
            let (mut lines, own) = self.lines(rest.again());
            self.gather(own, y, 0, lines.at(y));
        }
        self.close(rest, y);
    }

    /// Takes a piece of row `y` of the stage's input that begins at column `x`.
    fn accept(&mut self, rest: Rest<'_, '_>, y: usize, x: usize, piece: &[A::Value]) {
        let (mut lines, own) = self.lines(rest);
        match self.stage(own.stage) {
            Stage::Block(_) => {
                let at = x * lines.channels;
                lines.at(y)[at..][..piece.len()].copy_from_slice(piece);
            }
            _ => self.gather(own, y, x, piece),
        }
    }

    /// Continues after all of row `y` of the stage's input was accepted: computes what it completes.
    fn close(&mut self, mut rest: Rest<'_, '_>, y: usize) {
        let (stage, plan) = (rest.stage, self.plan);
        let (input, output) = (plan.shape(stage), plan.shape(stage + 1));
        let (Stage::Block(Block { window, .. })
        | Stage::MaxPool(window)
        | Stage::AvgPool(window)
        | Stage::MeanPool(window)) = self.stage(stage)
        else {
            if y + 1 == input.rows as usize {
                self.head(self.lines(rest).1);
            }
            return;
        };
        let (first, end) = window.rows.over(y, output.rows);
        for row in first..end {
            if window.rows.covers(row, input.rows).1 != y + 1 {
                continue;
            }
            let rest = rest.again();
            let next = match self.stage(stage) {
                Stage::Block(_) => {
                    let (lines, next) = self.block_row(rest, row);
                    if plan.begins_shortcut(stage) {
                        self.inside(lines, next, row);
                        continue;
                    }
                    next
                }
                Stage::AvgPool(_) | Stage::MeanPool(_) => self.average_row(rest, row),
                _ => {
                    let own = self.lines(rest).1;
                    let mut next = Rest { stage: self.next(stage), ..own };
                    let mut lines = self.lines(next.again()).0;
                    self.observer.piece(Piece { stage, step: 0, row, column: 0 }, lines.at(row));
                    self.arrive(next, row);
                    continue;
                }
            };
            self.close(next, row);
        }
    }

    /// [`close`](Self::close) inside a shortcut that begins with `lines`.
    #[inline(never)]
    fn inside(&mut self, lines: &[A::Value], rest: Rest<'_, '_>, y: usize) {
        let Flow { plan, lanes, .. } = *self;
        let (scratch, work, observer) = (&mut *self.scratch, &mut *self.work, &mut *self.observer);
        Flow::<A, O> { plan, shortcut: lines, lanes, scratch, work, observer }.close(rest, y);
    }

    /// Computes a row of a block's output; returns the block's lines and the stages after it. If a shortcut ends after
    /// the block, this is the row of its sum.
    #[inline(never)]
    fn block_row<'s, 'm>(&mut self, rest: Rest<'s, 'm>, row: usize) -> (&'s [A::Value], Rest<'s, 'm>) {
        let (stage, plan) = (rest.stage, self.plan);
        let (lines, mut own) = self.lines(rest);
        let values: &'s [A::Value] = lines.values;
        let Stage::Block(Block { window, widths, .. }) = self.stage(stage) else { return (values, own) };
        let widths = widths.as_slice();
        let (input, output) = (plan.shape(stage), plan.shape(stage + 1));
        let mut layers = [LayerWeights::EMPTY; MAX_WIDTHS];
        let layers = &mut layers[..widths.len()];
        for (step, layer) in layers.iter_mut().enumerate() {
            *layer = self.layer(&mut own, step);
        }
        let sum = plan.sum_after(stage).map(|(at, sum)| self.shortcut_row(&mut own, values, (at, sum), row));
        own.stage = self.next(own.stage);
        let rows = window.rows.covers(row, input.rows);
        let mut windows = Patch {
            lines: values,
            slots: lines.slots,
            row: lines.row,
            channels: lines.channels,
            columns: input.columns as usize,
            kernel: window.columns.kernel as usize,
            height: window.rows.kernel as usize,
            stride: window.columns.stride as usize,
            rows,
            above: rows.0 + window.rows.padding as usize - row * window.rows.stride as usize,
            left: -(window.columns.padding as isize),
            flat: false,
        };
        let scratch = core::mem::take(&mut self.scratch);
        let most = plan.tile(stage, A::WEIGHTS, Kernels::for_lanes(self.lanes));
        let (first, second) = scratch.split_at_mut(plan.tiles(stage, most)[0]);
        // The last layer writes to the lines of the next block, if nothing is added to its outputs.
        let direct = sum.is_none() && matches!(self.plan.spec().stages().get(own.stage), Some(Stage::Block(_)));
        let mut column = 0;
        while column < output.columns as usize {
            let left = output.columns as usize - column;
            let pixels = if left == most { most } else { TILE.min(left) };
            let (mut to, mut from) = (&mut *first, &mut *second);
            let mut values = 0;
            for (step, layer) in layers.iter().enumerate() {
                let tile;
                let patch = if step == 0 {
                    &windows
                } else {
                    core::mem::swap(&mut from, &mut to);
                    tile = Patch::pixels(&from[..values], layer.fan_in);
                    &tile
                };
                values = pixels * layer.outputs;
                let mut next;
                let to = if direct && step + 1 == layers.len() {
                    next = self.lines(own.again()).0;
                    &mut next.at(row)[column * layer.outputs..][..values]
                } else {
                    &mut to[..values]
                };
                if layer.general {
                    A::general(patch, pixels, layer, self.work, to);
                } else {
                    A::layer(patch, pixels, layer, self.work, to);
                }
                self.observer.piece(Piece { stage, step, row, column }, to);
            }
            if let Some(sum) = &sum {
                self.add_shortcut(sum, (row, column), &mut to[..values], from);
            }
            if !direct {
                self.accept(own.again(), row, column, &to[..values]);
            }
            windows.left += (pixels * windows.stride) as isize;
            column += pixels;
        }
        self.scratch = scratch;
        (values, own)
    }

    /// Prepares the end of a shortcut for row `row` of its sum, stage `at`; `values` are the lines of the block before
    /// it. Leaves `own` at the sum, its weights split off.
    #[inline(never)]
    fn shortcut_row<'s, 'm>(
        &self,
        own: &mut Rest<'_, 'm>,
        values: &'s [A::Value],
        (at, sum): (usize, &Sum),
        row: usize,
    ) -> Shortcut<'s, 'm, A::Value>
    where
        'f: 's,
    {
        own.stage = at;
        let begin = at - sum.stages as usize;
        let lines = if begin + 1 == at { values } else { self.shortcut };
        let shape = self.plan.shape(begin);
        let window = sum.projection.map_or(Window::PIXEL, Projection::window);
        let y = row * window.rows.stride as usize;
        let patch = Patch {
            lines,
            slots: self.plan.ring(begin),
            row: shape.row(),
            channels: shape.channels as usize,
            columns: shape.columns as usize,
            kernel: 1,
            height: 1,
            stride: window.columns.stride as usize,
            rows: (y, y + 1),
            above: 0,
            left: 0,
            flat: false,
        };
        let projection = sum.projection.map(|_| self.layer(own, 0));
        Shortcut { stage: at, patch, projection, sum: self.layer(own, usize::from(sum.projection.is_some())) }
    }

    /// Adds what a shortcut brings to a tile of its body's output, in place; `room` takes the projection's output.
    #[inline(never)]
    fn add_shortcut(
        &mut self,
        shortcut: &Shortcut<'_, '_, A::Value>,
        (row, column): (usize, usize),
        tile: &mut [A::Value],
        room: &mut [A::Value],
    ) {
        let Shortcut { stage, mut patch, projection, sum } = *shortcut;
        patch.left = (column * patch.stride) as isize;
        match &projection {
            Some(layer) => {
                let room = &mut room[..tile.len()];
                A::general(&patch, tile.len() / layer.outputs, layer, self.work, room);
                self.observer.piece(Piece { stage, step: 0, row, column }, room);
                A::sum(&sum, room, tile);
            }
            None => {
                let line = patch.line(patch.rows.0);
                A::sum(&sum, &line[column * patch.channels..][..tile.len()], tile);
            }
        }
        self.observer.piece(Piece { stage, step: usize::from(projection.is_some()), row, column }, tile);
    }

    /// Takes a piece of row `y` into a stage that needs no lines of its input; `own` begins after any lines.
    #[inline(never)]
    fn gather(&mut self, mut own: Rest<'_, '_>, y: usize, x: usize, piece: &[A::Value]) {
        let (stage, plan) = (own.stage, self.plan);
        let (input, output) = (plan.shape(stage), plan.shape(stage + 1));
        let channels = input.channels as usize;
        let begin = x == 0 && y == 0;
        match self.stage(stage) {
            Stage::MaxPool(window) => {
                // Running maxima, written directly to the lines of the next stage.
                let mut lines = self.lines(Rest { stage: self.next(stage), ..own }).0;
                let (first, end) = window.rows.over(y, output.rows);
                for row in first..end {
                    let line = lines.at(row);
                    if x == 0 && window.rows.covers(row, input.rows).0 == y {
                        line.fill(A::LEAST);
                    }
                    for (x, pixel) in (x..).zip(piece.chunks_exact(channels)) {
                        let (first, end) = window.columns.over(x, output.columns);
                        for column in first..end {
                            A::raise(&mut line[column * channels..][..channels], pixel);
                        }
                    }
                }
            }
            Stage::AvgPool(window) | Stage::MeanPool(window) => {
                let mut sums = self.averages(&mut own);
                let (first, end) = window.rows.over(y, output.rows);
                for row in first..end {
                    let line = sums.at(row);
                    if x == 0 && window.rows.covers(row, input.rows).0 == y {
                        line.fill(A::Sum::zeroed());
                    }
                    for (x, pixel) in (x..).zip(piece.chunks_exact(channels)) {
                        let (first, end) = window.columns.over(x, output.columns);
                        for column in first..end {
                            add::<A>(&mut line[column * channels..][..channels], pixel);
                        }
                    }
                }
            }
            Stage::GlobalAverage => {
                let sums = self.sums(&mut own);
                if begin {
                    sums.fill(A::Sum::zeroed());
                }
                piece.chunks_exact(channels).for_each(|pixel| add::<A>(sums, pixel));
            }
            Stage::Full(_) => {
                let sums = self.sums(&mut own);
                let layer = self.layer(&mut own, 0);
                let sums = &mut sums[..layer.outputs];
                if begin {
                    A::full_begin(&layer, sums);
                }
                A::full_add(&layer, (y * input.columns as usize + x) * channels, piece, sums);
            }
            Stage::Block(_) | Stage::Sum(_) | Stage::Dropout(_) => {}
        }
    }

    /// Divides a row of an average pool's sums and passes it on; returns the stages after it.
    #[inline(never)]
    fn average_row<'s, 'm>(&mut self, rest: Rest<'s, 'm>, row: usize) -> Rest<'s, 'm> {
        let (stage, plan) = (rest.stage, self.plan);
        let mut own = self.lines(rest).1;
        let (window, mean) = match self.stage(stage) {
            Stage::AvgPool(window) => (window, false),
            Stage::MeanPool(window) => (window, true),
            _ => return own,
        };
        let input = plan.shape(stage);
        let (channels, mut count) = (input.channels as usize, window.pixels());
        let covered = |(first, end): (usize, usize)| end - first;
        let mut sums = self.averages(&mut own);
        own.stage = self.next(stage);
        for (column, sums) in sums.at(row).chunks_exact(channels).enumerate() {
            let scratch = core::mem::take(&mut self.scratch);
            let pixel = &mut scratch[..channels];
            if mean {
                let columns = covered(window.columns.covers(column, input.columns));
                count = covered(window.rows.covers(row, input.rows)) * columns;
            }
            for (value, &sum) in pixel.iter_mut().zip(sums) {
                *value = A::average(sum, count);
            }
            self.observer.piece(Piece { stage, step: 0, row, column }, pixel);
            self.accept(own.again(), row, column, pixel);
            self.scratch = scratch;
        }
        own
    }

    /// Completes a global average or a fully connected stage after the last row of its map.
    #[inline(never)]
    fn head(&mut self, mut own: Rest<'_, '_>) {
        let (stage, plan) = (own.stage, self.plan);
        let mut sums = self.sums(&mut own);
        let last = plan.next(stage).is_none();
        match self.stage(stage) {
            Stage::GlobalAverage => {
                // The weights of a last average state how its output becomes a logit.
                let (averages, pixels, weights) = (sums, plan.shape(stage).pixels(), own.weights);
                A::round_averages(&self.layer(&mut own, 0), averages, pixels);
                if last {
                    return A::average_logits(weights, averages, pixels);
                }
                own.stage = self.next(stage);
                let mut next = self.lines(own.again()).1;
                let sums = self.sums(&mut next);
                let layer = self.layer(&mut next, 0);
                let sums = &mut sums[..layer.outputs];
                A::full_begin(&layer, sums);
                A::full_add_averages(&layer, averages, pixels, sums);
                self.close(own, 0);
            }
            Stage::Full(widths) => {
                let scratch = core::mem::take(&mut self.scratch);
                let mut inputs = 0;
                for step in 0..widths.as_slice().len() {
                    let layer = self.layer(&mut own, step);
                    let (before, after) = sums.split_at_mut(layer.outputs);
                    if step > 0 {
                        A::full_begin(&layer, before);
                        A::full_add(&layer, 0, &scratch[..inputs], before);
                    }
                    if last && after.is_empty() {
                        A::full_logits(&layer, before);
                    } else {
                        inputs = layer.outputs;
                        A::full_output(&layer, before, &mut scratch[..inputs]);
                        self.observer.piece(Piece { stage, step, row: 0, column: 0 }, &scratch[..inputs]);
                    }
                    sums = after;
                }
                if !last {
                    own.stage = self.next(stage);
                    self.accept(own.again(), 0, 0, &scratch[..inputs]);
                }
                self.scratch = scratch;
                if !last {
                    self.close(own, 0);
                }
            }
            _ => {}
        }
    }

    fn stage(&self, stage: usize) -> &'f Stage {
        &self.plan.spec().stages()[stage]
    }

    /// Returns the next stage that is not dropout; past the last one, the following index.
    #[inline(never)]
    fn next(&self, stage: usize) -> usize {
        self.plan.next(stage).unwrap_or(stage + 1)
    }

    /// Splits off a stage's lines.
    fn lines<'s, 'm>(&self, rest: Rest<'s, 'm>) -> (Rows<'s, A::Value>, Rest<'s, 'm>) {
        let (slots, shape) = (self.plan.ring(rest.stage), self.plan.shape(rest.stage));
        let (row, channels) = (shape.row(), shape.channels as usize);
        let (lines, state) = rest.state.split_at_mut(words::<A::Value>(slots * row));
        (Rows { values: bytemuck::cast_slice_mut(lines), slots, row, channels }, Rest { state, ..rest })
    }

    /// Splits off a stage's sums, which follow its lines.
    fn sums<'s>(&self, own: &mut Rest<'s, '_>) -> &'s mut [A::Sum] {
        let sums = self.plan.sums(own.stage) + self.plan.head(own.stage);
        let (sums, state) = core::mem::take(&mut own.state).split_at_mut(sums);
        own.state = state;
        bytemuck::cast_slice_mut(sums)
    }

    /// Splits off an average pool's sums as rows.
    fn averages<'s>(&self, own: &mut Rest<'s, '_>) -> Rows<'s, A::Sum> {
        let shape = self.plan.shape(own.stage + 1);
        let values = self.sums(own);
        Rows { slots: values.len() / shape.row(), row: shape.row(), channels: shape.channels as usize, values }
    }

    /// Splits off the weights of the stage's next layer, `step`.
    #[inline(never)]
    fn layer<'m>(&self, own: &mut Rest<'_, 'm>, step: usize) -> LayerWeights<'m> {
        let Some(layer) = self.plan.layer(own.stage, step) else { return LayerWeights::EMPTY };
        let (bytes, weights) = own.weights.split_at(A::layer_bytes(&layer, self.lanes, own.weights));
        own.weights = weights;
        let (outputs, groups) = (layer.output.channels as usize, layer.groups);
        let activation = match (layer.relu, layer.relu6) {
            (_, true) => Activation::Relu6,
            (true, _) => Activation::Relu,
            _ => Activation::Identity,
        };
        let general = groups > 1 || activation != Activation::Relu;
        let lanes = layer.lanes(self.lanes);
        LayerWeights { bytes, fan_in: layer.fan_in(), outputs, lanes, groups, activation, general }
    }
}

/// Adds a pixel to sums.
fn add<A: Arithmetic>(sums: &mut [A::Sum], pixel: &[A::Value]) {
    for (sum, &value) in sums.iter_mut().zip(pixel) {
        A::add(sum, value);
    }
}

/// Returns the number of state words for `values` values.
pub(crate) const fn words<V>(values: usize) -> usize {
    (values * size_of::<V>()).div_ceil(4)
}
