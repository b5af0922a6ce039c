//! A network's resources, computed from its architecture line: shapes, parameters, multiplications and memory.
//!
//! Almost everything here is `const`: a firmware sizes its buffers and checks its budgets at compile time, and the
//! trainer prints the same numbers. The engine takes all its sizes from the plan.
//!
//! [`Plan`] describes the whole network, [`Layer`] one layer, `work` the kernels' working memory. This module may
//! import `spec`, `packing` and `camera`.

mod layer;
mod memory;
pub(crate) mod work;

use crate::camera::camera_words;
use crate::packing::WeightType;
use crate::spec::{
    Activation, Block, MAX_STAGES, Reader, Shape, Spec, SpecError, Stage, Sum, Widths, Window, stage_parameters,
};

pub use self::layer::{Layer, LayerKind};
pub use self::memory::Memory;
use self::work::Work;
pub use self::work::{Kernels, TILE};

/// A network's resources; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    spec: Spec,
    shapes: [Shape; MAX_STAGES + 1],
    /// The results of [`ring`](Self::ring), stored because the engine needs them for every tile.
    rings: [u16; MAX_STAGES],
    /// One bit for each stage: whether a shortcut begins there.
    shortcuts: u32,
}

impl Plan {
    /// Plans a network.
    #[inline(always)] // a plan is large: built in place, it is on the stack only once
    pub const fn new(spec: Spec) -> Plan {
        let mut plan = Plan { spec, ..Plan::UNREAD };
        plan.fill();
        plan
    }

    /// A place for the plan of a line that is read into it.
    pub(crate) const UNREAD: Plan = Plan {
        spec: Spec::UNREAD,
        shapes: [Shape { channels: 0, rows: 0, columns: 0 }; MAX_STAGES + 1],
        rings: [0; MAX_STAGES],
        shortcuts: 0,
    };

    /// Plans the network of a line, in an unread plan.
    ///
    /// # Errors
    ///
    /// That of the line.
    pub(crate) const fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), SpecError> {
        match reader.read(&mut self.spec) {
            Ok(()) => {
                self.fill();
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Computes what follows from the architecture.
    #[inline(never)]
    const fn fill(&mut self) {
        self.shapes[0] = self.spec.input();
        let mut stage = 0;
        while stage < self.spec.stages().len() {
            self.shapes[stage + 1] = match self.spec.stages()[stage].output(self.shapes[stage]) {
                Some(shape) => shape,
                None => panic!("a parsed line has stages that fit"),
            };
            if self.spec.shortcut(stage).is_some() {
                self.shortcuts |= 1 << stage;
            }
            stage += 1;
        }
        stage = 0;
        while stage < self.spec.stages().len() {
            self.rings[stage] = self.count_ring(stage) as u16;
            stage += 1;
        }
    }

    /// The architecture.
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Returns the shape of the input of stage `index`; if `index` is the number of stages, the shape of the logits.
    ///
    /// # Panics
    ///
    /// If `index` is larger and debug assertions are on. Otherwise it may panic or return an unspecified shape.
    #[inline(never)] // a firmware calls it from many places, never in a hot loop: one copy needs less flash
    pub const fn shape(&self, index: usize) -> Shape {
        debug_assert!(index <= self.spec.stages().len(), "there are fewer stages");
        self.shapes[index]
    }

    /// The number of classes.
    pub const fn classes(&self) -> usize {
        self.shapes[self.spec.stages().len()].channels as usize
    }

    /// Returns every layer in order, including dropout: the layer summary.
    pub fn layers(&self) -> impl Iterator<Item = Layer> + Clone + '_ {
        (0..self.spec.stages().len()).flat_map(move |stage| (0..).map_while(move |step| self.layer(stage, step)))
    }

    /// Returns layer `step` of stage `stage`; `None` past the stage's last layer.
    ///
    /// # Panics
    ///
    /// If there is no such stage.
    pub const fn layer(&self, stage: usize, step: usize) -> Option<Layer> {
        let (input, output) = (self.shapes[stage], self.shapes[stage + 1]);
        let whole = Layer { stage, kind: LayerKind::Dropout, input, output, groups: 1, relu: false, relu6: false };
        let kind = match &self.spec.stages()[stage] {
            Stage::Block(block) => return self.convolution(stage, step, block),
            Stage::Full(widths) => return self.full(stage, step, widths),
            Stage::Sum(sum) => return self.sum(stage, step, sum),
            Stage::MaxPool(window) => LayerKind::MaxPool(*window),
            Stage::AvgPool(window) => LayerKind::AvgPool(*window),
            Stage::MeanPool(window) => LayerKind::MeanPool(*window),
            Stage::Dropout(_) => LayerKind::Dropout,
            Stage::GlobalAverage => LayerKind::GlobalAverage,
        };
        if step > 0 { None } else { Some(Layer { kind, ..whole }) }
    }

    /// Returns convolution `step` of a block.
    #[inline(always)]
    const fn convolution(&self, stage: usize, step: usize, block: &Block) -> Option<Layer> {
        let (widths, output) = (block.widths.as_slice(), self.shapes[stage + 1]);
        if step >= widths.len() {
            return None;
        }
        let (window, input, groups) = if step == 0 {
            (block.window, self.shapes[stage], block.groups())
        } else {
            (Window::PIXEL, Shape { channels: widths[step - 1], ..output }, 1)
        };
        let (relu, relu6) = relu(block.widths.activation(step));
        let output = Shape { channels: widths[step], ..output };
        Some(Layer { stage, kind: LayerKind::Convolution(window), input, output, groups, relu, relu6 })
    }

    /// Returns layer `step` of a fully connected stage.
    #[inline(always)]
    const fn full(&self, stage: usize, step: usize, widths: &Widths) -> Option<Layer> {
        let (widths, output) = (widths.as_slice(), self.shapes[stage + 1]);
        if step >= widths.len() {
            return None;
        }
        let input = if step == 0 { self.shapes[stage] } else { Shape { channels: widths[step - 1], ..output } };
        let relu = step + 1 < widths.len() || self.next(stage).is_some();
        let output = Shape { channels: widths[step], ..output };
        Some(Layer { stage, kind: LayerKind::Full, input, output, groups: 1, relu, relu6: false })
    }

    /// Returns the projection of a shortcut, if it has one, and its sum.
    const fn sum(&self, stage: usize, step: usize, sum: &Sum) -> Option<Layer> {
        let output = self.shapes[stage];
        match (step, sum.projection) {
            (0, Some(projection)) => {
                let kind = LayerKind::Convolution(projection.window());
                let input = projection.input;
                Some(Layer { stage, kind, input, output, groups: 1, relu: false, relu6: false })
            }
            (0, None) | (1, Some(_)) => {
                let (relu, relu6) = relu(sum.activation);
                Some(Layer { stage, kind: LayerKind::Sum, input: output, output, groups: 1, relu, relu6 })
            }
            _ => None,
        }
    }

    /// Whether a shortcut begins at stage `stage`.
    pub(crate) const fn begins_shortcut(&self, stage: usize) -> bool {
        self.shortcuts >> stage & 1 == 1
    }

    /// Returns the sum that follows stage `stage` and its index, if a shortcut ends there.
    pub(crate) const fn sum_after(&self, stage: usize) -> Option<(usize, &Sum)> {
        if self.shortcuts == 0 {
            return None;
        }
        match &self.spec.stages()[stage + 1] {
            Stage::Sum(sum) => Some((stage + 1, sum)),
            _ => None,
        }
    }

    /// The number of weights and biases of the whole network.
    pub const fn parameters(&self) -> usize {
        let mut parameters = 0;
        let mut i = 0;
        while i < self.spec.stages().len() {
            parameters += stage_parameters(&self.spec.stages()[i], self.shapes[i]) as usize;
            i += 1;
        }
        parameters
    }

    /// Multiply-accumulates for one image.
    pub const fn macs(&self) -> u64 {
        let mut macs = 0u64;
        let mut stage = 0;
        while stage < self.spec.stages().len() {
            let mut step = 0;
            while let Some(layer) = self.layer(stage, step) {
                macs += layer.macs();
                step += 1;
            }
            stage += 1;
        }
        macs
    }

    /// Returns the working memory, in values, of an image that streams through row by row.
    pub const fn memory(&self) -> Memory {
        let mut memory = Memory { lines: 0, scratch: 0, head: 0 };
        let mut stage = 0;
        while stage < self.spec.stages().len() {
            memory.lines += self.ring(stage) * self.shapes[stage].row() + self.sums(stage);
            memory.head += self.head(stage);
            let [a, b] = self.tiles(stage, TILE);
            if a + b > memory.scratch {
                memory.scratch = a + b;
            }
            stage += 1;
        }
        memory
    }

    /// Returns the working memory in 32-bit words that a [`Network`](crate::Network) with weights of this type needs in
    /// this build, for any packing. [`Model::state_words`](crate::Model::state_words) may be smaller: it uses the
    /// model's packing.
    pub const fn state_words(&self, weights: WeightType) -> usize {
        self.bytes(weights, Kernels::HERE).total() / 4
    }

    /// Returns the memory in 32-bit words of a [`FrameReader`](crate::camera::FrameReader) that reads this network's
    /// images from a camera. It is in addition to [`state_words`](Self::state_words).
    pub const fn camera_words(&self) -> usize {
        camera_words(self.spec.input())
    }

    /// Returns the working memory in bytes for weights of this type and these kernels. It is [`memory`](Self::memory)
    /// with each stage's lines padded to whole words, and the kernels' working memory.
    pub const fn bytes(&self, weights: WeightType, kernels: Kernels) -> Memory {
        let value = weights.value_bytes();
        // A network may need more bytes than an address can express.
        let scratch = self.scratch_words(weights, kernels).saturating_mul(4);
        let mut bytes = Memory { lines: 0, scratch, head: 0 };
        let mut stage = 0;
        while stage < self.spec.stages().len() {
            let lines = self.ring(stage).saturating_mul(self.shapes[stage].row()).saturating_mul(value);
            let words = lines.div_ceil(4).saturating_add(self.sums(stage));
            bytes.lines = words.saturating_mul(4).saturating_add(bytes.lines);
            bytes.head = self.head(stage).saturating_mul(4).saturating_add(bytes.head);
            stage += 1;
        }
        bytes
    }

    /// Words for the tiles of a block and for the kernels' working memory.
    pub(crate) const fn scratch_words(&self, weights: WeightType, kernels: Kernels) -> usize {
        if !weights.is_integer() {
            return self.tile_words(weights, kernels);
        }
        let mut work = Work::new(kernels);
        let mut stage = 0;
        while stage < self.spec.stages().len() {
            let mut step = 0;
            while let Some(layer) = self.layer(stage, step) {
                if let LayerKind::Convolution(window) = layer.kind {
                    work = work.with(layer.fan_in(), layer.output.channels as usize);
                    if layer.groups > 1 {
                        let (stride, tile) = (window.columns.stride as usize, self.tile(stage, weights, kernels));
                        work = work.with_groups(layer.input.channels as usize, stride, tile);
                    }
                }
                step += 1;
            }
            stage += 1;
        }
        self.tile_words(weights, kernels) + work.words(weights.is_narrow())
    }

    /// Words for the tiles of a block.
    pub(crate) const fn tile_words(&self, weights: WeightType, kernels: Kernels) -> usize {
        let (mut values, mut stage) = (0, 0);
        while stage < self.spec.stages().len() {
            let [a, b] = self.tiles(stage, self.tile(stage, weights, kernels));
            if a + b > values {
                values = a + b;
            }
            stage += 1;
        }
        (values * weights.value_bytes()).div_ceil(4)
    }

    /// The most pixels of a stage's tile: one more than [`TILE`] if one would be left over in each row, and the kernels
    /// take five.
    #[inline(always)]
    pub(crate) const fn tile(&self, stage: usize, weights: WeightType, kernels: Kernels) -> usize {
        let columns = self.shapes[stage + 1].columns as usize;
        let five = weights.has_zero_points() && matches!(kernels, Kernels::Dsp);
        if five && columns > TILE && columns % TILE == 1 { TILE + 1 } else { TILE }
    }

    /// Returns the bytes of all packed weights and biases in a model file; for [`WeightType::Int4`] and
    /// [`WeightType::AffineInt4`], of a model with 4-bit weights in all layers that can have them. `lanes` and panics are
    /// as for [`Layer::weight_bytes`].
    pub const fn weight_bytes(&self, weights: WeightType, lanes: usize) -> usize {
        let mut bytes = 0;
        let mut stage = 0;
        while stage < self.spec.stages().len() {
            bytes = self.stage_weight_bytes(stage, weights, lanes).saturating_add(bytes);
            stage += 1;
        }
        bytes
    }

    pub(crate) const fn stage_weight_bytes(&self, stage: usize, weights: WeightType, lanes: usize) -> usize {
        let mut bytes = 0;
        let mut step = 0;
        while let Some(layer) = self.layer(stage, step) {
            bytes = layer.weight_bytes(weights, lanes).saturating_add(bytes);
            step += 1;
        }
        // The scale of the logits, if no layer with weights follows that could hold it.
        let average = matches!(self.spec.stages()[stage], Stage::GlobalAverage);
        if average && matches!(weights, WeightType::Int8 | WeightType::Int4) && self.next(stage).is_none() {
            bytes += 4;
        }
        bytes
    }

    /// Returns the number of values that layer-by-layer execution holds at once: the largest sum of a layer's input and
    /// output maps.
    pub const fn layer_by_layer(&self) -> usize {
        let mut most = 0;
        let mut stage = 0;
        while stage < self.spec.stages().len() {
            let mut step = 0;
            while let Some(layer) = self.layer(stage, step) {
                let both = layer.input.len() + layer.output.len();
                if !matches!(layer.kind, LayerKind::Dropout) && both > most {
                    most = both;
                }
                step += 1;
            }
            stage += 1;
        }
        most
    }

    /// Returns the next stage after `stage` that is not dropout, if any.
    pub const fn next(&self, stage: usize) -> Option<usize> {
        let mut next = stage + 1;
        while next < self.spec.stages().len() {
            if !matches!(self.spec.stages()[next], Stage::Dropout(_)) {
                return Some(next);
            }
            next += 1;
        }
        None
    }

    /// Returns the last stage before `stage` that is not dropout, if any.
    const fn previous(&self, stage: usize) -> Option<&Stage> {
        let mut previous = stage;
        while previous > 0 {
            previous -= 1;
            if !matches!(self.spec.stages()[previous], Stage::Dropout(_)) {
                return Some(&self.spec.stages()[previous]);
            }
        }
        None
    }

    /// Returns the number of rows of its input that stage `stage` keeps.
    ///
    /// A block keeps as many rows as its kernel is high. If a shortcut begins with it and the stages inside delay a row
    /// by more rows than that, it keeps those. If a maximum pool precedes it, the pool's unfinished rows are
    /// in the same ring: one row less than the number of overlapping windows, because the newest finished row is one of
    /// them. Other stages keep only such pooled rows, or one row of the image if they are first.
    pub const fn ring(&self, stage: usize) -> usize {
        self.rings[stage] as usize
    }

    const fn count_ring(&self, stage: usize) -> usize {
        let gathered = match self.previous(stage) {
            Some(Stage::MaxPool(window)) => window.rows.overlap(),
            Some(_) => 0,
            None => 1,
        };
        let rows = match &self.spec.stages()[stage] {
            Stage::Dropout(_) => 0,
            Stage::Block(block) => {
                let (kernel, delayed) = (block.window.rows.kernel as usize, self.delayed(stage));
                (if kernel > delayed { kernel } else { delayed }) + gathered.saturating_sub(1)
            }
            _ => gathered,
        };
        let most = self.shapes[stage].rows as usize;
        if rows < most { rows } else { most }
    }

    /// The number of rows of its input that a shortcut from stage `stage` needs at once: from the row that is added to
    /// an output row to the newest row that this output row depends on. 0 if no shortcut begins there.
    const fn delayed(&self, stage: usize) -> usize {
        if !self.begins_shortcut(stage) {
            return 0;
        }
        let mut end = stage + 1;
        while let Stage::Block(_) = &self.spec.stages()[end] {
            end += 1;
        }
        // The newest row of each stage's input that row 0 of the sum depends on, from the sum back.
        let mut newest = 0;
        while end > stage {
            end -= 1;
            if let Stage::Block(block) = &self.spec.stages()[end] {
                let side = block.window.rows;
                newest = side.stride as usize * newest + side.kernel as usize - 1 - side.padding as usize;
            }
            // More rows than a map can have are as good as all.
            if newest > u16::MAX as usize {
                newest = u16::MAX as usize;
            }
        }
        newest + 1
    }

    /// The number of sums that an average pool keeps: one output row for each overlapping window.
    pub(crate) const fn sums(&self, stage: usize) -> usize {
        match &self.spec.stages()[stage] {
            Stage::AvgPool(window) | Stage::MeanPool(window) => {
                let output = self.shapes[stage + 1];
                let (rows, most) = (window.rows.overlap(), output.rows as usize);
                output.row() * if rows < most { rows } else { most }
            }
            _ => 0,
        }
    }

    /// The number of accumulators of a head stage.
    pub(crate) const fn head(&self, stage: usize) -> usize {
        match &self.spec.stages()[stage] {
            Stage::GlobalAverage => self.shapes[stage].channels as usize,
            Stage::Full(widths) => {
                let widths = widths.as_slice();
                let mut sum = 0;
                let mut i = 0;
                while i < widths.len() {
                    sum += widths[i] as usize;
                    i += 1;
                }
                sum
            }
            _ => 0,
        }
    }

    /// The sizes in values of the two tiles of `tile` pixels that the layers of a block write alternately. Average pools
    /// and fully connected layers write their output to the first.
    pub(crate) const fn tiles(&self, stage: usize, tile: usize) -> [usize; 2] {
        let mut tiles = [0; 2];
        match &self.spec.stages()[stage] {
            Stage::Block(block) => {
                let widths = block.widths.as_slice();
                // The projection of a shortcut that ends here is one more layer, with as many outputs as the last.
                let projected = matches!(self.sum_after(stage), Some((_, Sum { projection: Some(_), .. })));
                let layers = widths.len() + projected as usize;
                let mut i = 0;
                while i < layers {
                    let values = tile * widths[if i < widths.len() { i } else { i - 1 }] as usize;
                    if values > tiles[i % 2] {
                        tiles[i % 2] = values;
                    }
                    i += 1;
                }
            }
            Stage::AvgPool(_) | Stage::MeanPool(_) => tiles[0] = self.shapes[stage].channels as usize,
            Stage::Full(widths) => {
                // The outputs that a layer passes to the next one; the last layer of the line passes none.
                let widths = widths.as_slice();
                let passing = widths.len() - self.next(stage).is_none() as usize;
                let mut i = 0;
                while i < passing {
                    if widths[i] as usize > tiles[0] {
                        tiles[0] = widths[i] as usize;
                    }
                    i += 1;
                }
            }
            _ => {}
        }
        tiles
    }
}

/// Whether an activation is a ReLU of either kind, and whether it is a ReLU6.
const fn relu(activation: Activation) -> (bool, bool) {
    (!matches!(activation, Activation::Identity), matches!(activation, Activation::Relu6))
}
