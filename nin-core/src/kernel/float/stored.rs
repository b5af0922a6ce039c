//! The types of stored float weights.

use half::f16;

use crate::kernel::operands::LayerWeights;
use crate::packing::WeightType;

/// A float type of stored weights.
pub trait Stored: bytemuck::Pod {
    /// The same type at run time.
    const TYPE: WeightType;

    /// Returns the same number in 32 bits.
    fn widen(self) -> f32;
}

impl Stored for f32 {
    const TYPE: WeightType = WeightType::F32;

    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
}

impl Stored for f16 {
    const TYPE: WeightType = WeightType::F16;

    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }
}

/// Returns the biases and the packed weights of a layer.
pub(crate) fn split<'m, W: Stored>(weights: &LayerWeights<'m>) -> (&'m [f32], &'m [W]) {
    let outputs = weights.outputs.next_multiple_of(weights.lanes);
    let (biases, packed) = weights.bytes.split_at(4 * outputs);
    let packed = &packed[..size_of::<W>() * outputs * weights.fan_in];
    // `Network::new` has checked the alignment.
    (bytemuck::cast_slice(biases), bytemuck::cast_slice(packed))
}
