//! A network's resources, on the board and on the host.

use nin_core::plan::{Kernels, LayerKind, Memory};
use nin_core::spec::{Side, Window};
use nin_core::{Decision, Lanes, Plan, WeightType};

use nin_core::model::HEADER;

/// Bytes of one activation or parameter in the float engines.
pub(crate) const VALUE: u64 = 4;

/// Returns the bytes of a network's model file without class names: its flash. A type with zero points may need
/// fewer, because the exporter packs layers with zero points without lanes.
pub fn file_len(plan: &Plan, weight_type: WeightType, lanes: usize) -> usize {
    let line = plan.spec().to_string().len();
    // Files of version 3 have a decision.
    let decision = if weight_type.has_zero_points() || plan.spec().is_extended() { Decision::BYTES } else { 0 };
    let head = HEADER + decision + 8 * usize::from(plan.spec().input().channels) + line;
    head.next_multiple_of(16) + plan.weight_bytes(weight_type, lanes) + 4
}

/// Memory for training and predicting a whole batch at once in bytes, as in the book's exercise: all maps of the batch
/// are in memory. A trainer that works in chunks needs less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostMemory {
    /// Parameters, gradients and momenta; every layer's output for each image, kept for the backward pass; and the
    /// gradients of the two largest neighbouring maps.
    pub training: u64,
    /// Parameters, and the two largest neighbouring maps for each image.
    pub prediction: u64,
}

impl HostMemory {
    /// Returns the memory for `batch` images at a time.
    pub fn new(plan: &Plan, batch: u64) -> Self {
        let parameters = plan.parameters() as u64;
        let maps: u64 = plan.layers().map(|layer| layer.output.len() as u64).sum();
        let input = plan.spec().input().len() as u64;
        let pair = plan.layer_by_layer() as u64;
        // Saturates: a batch larger than memory is a valid input.
        let times = |values: u64| values.saturating_mul(batch);
        let training = (3 * parameters).saturating_add(times(input + maps + pair));
        let prediction = parameters.saturating_add(times(pair));
        Self { training: training.saturating_mul(VALUE), prediction: prediction.saturating_mul(VALUE) }
    }
}

/// A network's resources, in bytes unless stated otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Weights and biases (a number).
    pub parameters: u64,
    /// Multiply-accumulates for one image (a number).
    pub macs: u64,
    /// Layers with weights (a number).
    pub weight_layers: usize,
    /// Working memory of the streaming engine with 8-bit weights and activations, on a Cortex-M with DSP instructions.
    pub memory_int8: Memory,
    /// The sum of `memory_int8`.
    pub streaming_int8: u64,
    /// The same sum with float weights.
    pub streaming: u64,
    /// Working memory in 8 bits if each layer were computed completely before the next: the two largest neighbouring
    /// maps.
    pub layer_by_layer_int8: u64,
    /// The model file with f32 weights.
    pub flash_f32: u64,
    /// The model file with f16 weights.
    pub flash_f16: u64,
    /// The model file with 8-bit weights, packed for a Cortex-M with DSP instructions.
    pub flash_int8: u64,
}

impl Resources {
    /// Returns a network's resources, with the memory layouts for a Cortex-M.
    pub fn new(plan: &Plan) -> Self {
        let flash = |weight_type, lanes| file_len(plan, weight_type, lanes) as u64;
        let integers = if plan.spec().is_extended() { WeightType::Affine } else { WeightType::Int8 };
        let memory_int8 = plan.bytes(integers, Kernels::Dsp);
        Self {
            parameters: plan.parameters() as u64,
            macs: plan.macs(),
            weight_layers: plan.layers().filter(|layer| layer.has_weights()).count(),
            streaming: plan.bytes(WeightType::F32, Kernels::Plain).total() as u64,
            streaming_int8: memory_int8.total() as u64,
            memory_int8,
            layer_by_layer_int8: plan.layer_by_layer() as u64,
            flash_f32: flash(WeightType::F32, Lanes::default().count()),
            flash_f16: flash(WeightType::F16, Lanes::default().count()),
            flash_int8: flash(integers, 2),
        }
    }
}

/// The limits of a board for an 8-bit network on a Cortex-M with DSP instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Largest model file in bytes, without class names.
    pub flash: u64,
    /// Largest state (all working memory of the engine) in bytes.
    pub ram: u64,
    /// The largest number of multiply-accumulates for one image.
    pub macs: u64,
}

impl Budget {
    /// Returns whether a network fits the budget.
    pub fn holds(&self, plan: &Plan) -> bool {
        let needs = Resources::new(plan);
        needs.flash_int8 <= self.flash && needs.streaming_int8 <= self.ram && needs.macs <= self.macs
    }
}

/// Returns a layer in words: `conv 5x5 +2`.
pub(crate) fn layer_name(kind: LayerKind) -> String {
    let window = |name: &str, Window { rows, columns }: Window| {
        let mut text = format!("{name} {}x{}", rows.kernel, columns.kernel);
        match (rows.stride, columns.stride) {
            (1, 1) => {}
            (down, right) if down == right => text += &format!(" /{down}"),
            (down, right) => text += &format!(" /{down}x{right}"),
        }
        let side = |side: Side| match side.padding == side.after {
            true => side.padding.to_string(),
            false => format!("{},{}", side.padding, side.after),
        };
        match [side(rows), side(columns)] {
            [rows, columns] if rows == columns && rows == "0" => {}
            [rows, columns] if rows == columns => text += &format!(" +{rows}"),
            [rows, columns] => text += &format!(" +{rows}x{columns}"),
        }
        text
    };
    match kind {
        LayerKind::Convolution(w) => window("conv", w),
        LayerKind::MaxPool(w) => window("max", w),
        LayerKind::AvgPool(w) => window("average", w),
        LayerKind::MeanPool(w) => window("mean", w),
        LayerKind::Sum => "sum".to_owned(),
        LayerKind::Dropout => "dropout".to_owned(),
        LayerKind::GlobalAverage => "global average".to_owned(),
        LayerKind::Full => "fully connected".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use nin_core::{Plan, Spec};

    use super::{HostMemory, Resources};

    #[test]
    fn memory_of_a_network_small_enough_to_add_up_by_hand() {
        // Input 4×4 = 16 values; the convolution makes 2×2×3 = 12, the average 3. Parameters 3·9 + 3 = 30.
        let plan = Plan::new(Spec::new("1x4x4 nin3:3 gap"));
        let memory = HostMemory::new(&plan, 10);
        assert_eq!(memory.training, 4 * (3 * 30 + 10 * (16 + 12 + 3 + 28)));
        assert_eq!(memory.prediction, 4 * (30 + 10 * 28));
        assert_eq!(HostMemory::new(&plan, u64::MAX).training, u64::MAX);
    }

    #[test]
    fn resources_of_d2l() {
        let resources = Resources::new(&Plan::new(Spec::preset("d2l").unwrap()));
        assert_eq!(resources.parameters, 1_992_166);
        assert_eq!(resources.weight_layers, 12);
        assert_eq!(resources.memory_int8.lines, 37_408);
        assert!(resources.streaming_int8 < resources.streaming / 2);
        // Four lanes fill the last block's 10 outputs up to 12: two rows of 3,456 + 10 + 10 weights.
        let filling = 2 * (3_456 + 10 + 10);
        let close = |flash: u64, weights: u64| flash >= weights && flash < weights + 8_192;
        assert!(close(resources.flash_f32, 4 * (1_992_166 + filling)), "{}", resources.flash_f32);
        assert!(close(resources.flash_f16, 2 * (1_992_166 + filling)), "{}", resources.flash_f16);
        // The 96×54×54 maps of the first block.
        assert_eq!(resources.layer_by_layer_int8, 2 * 96 * 54 * 54);
    }
}
