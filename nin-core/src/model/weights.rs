//! The checks of a model's weights: their size, their padding and the shifts of integer layers.

use super::error::ModelError;
use super::layout::u32_at;
use crate::packing::WeightType;
use crate::plan::{Layer, Plan};

/// Checks the weights of a model.
pub(super) const fn check(
    plan: &Plan,
    weight_type: WeightType,
    lanes: usize,
    weights: &[u8],
) -> Result<(), ModelError> {
    let expected = match weight_type {
        WeightType::Int4 => match mixed_bytes(plan, lanes, weights) {
            Ok(expected) => expected,
            Err(bits) => return Err(ModelError::Bits(bits)),
        },
        _ => plan.weight_bytes(weight_type, lanes),
    };
    if weights.len() != expected {
        return Err(ModelError::Weights { expected, found: weights.len() });
    }
    let mut rest = weights;
    let mut stage = 0;
    while stage < plan.spec().stages().len() {
        let mut step = 0;
        while let Some(layer) = plan.layer(stage, step) {
            step += 1;
            if layer.has_weights() {
                rest = match check_layer(&layer, weight_type, lanes, rest) {
                    Ok(rest) => rest,
                    Err(error) => return Err(error),
                };
            }
        }
        stage += 1;
    }
    Ok(())
}

/// Checks the layer's part at the beginning of `weights`; returns the rest.
const fn check_layer<'m>(
    layer: &Layer,
    weight_type: WeightType,
    lanes: usize,
    weights: &'m [u8],
) -> Result<&'m [u8], ModelError> {
    let (stored, weights) = match weight_type {
        WeightType::Int4 => {
            let (word, weights) = weights.split_at(4);
            (if u32_at(word, 0) == 4 { WeightType::Int4 } else { WeightType::Int8 }, weights)
        }
        other => (other, weights),
    };
    let packing = layer.packing(stored, lanes);
    let (bytes, rest) = weights.split_at(packing.bytes());
    if !packing.is_padded_with_zeros(bytes) {
        return Err(ModelError::Padding);
    }
    if packing.integers() && !packing.has_shifts(bytes, layer.relu) {
        return Err(ModelError::Shift);
    }
    Ok(rest)
}

/// Returns the bytes of the weights of a model whose layers state their own number of bits; `Err` is a number that is
/// neither 4 nor 8. If the weights end early, the missing layers count as 4-bit ones.
const fn mixed_bytes(plan: &Plan, lanes: usize, weights: &[u8]) -> Result<usize, u32> {
    let mut bytes = 0usize;
    let mut stage = 0;
    while stage < plan.spec().stages().len() {
        let mut step = 0;
        while let Some(layer) = plan.layer(stage, step) {
            step += 1;
            if !layer.has_weights() {
                // A `gap` at the end of the line stores the scale of its logits.
                bytes = bytes.saturating_add(plan.stage_weight_bytes(stage, WeightType::Int4, lanes));
                continue;
            }
            let bits = if bytes <= weights.len() && weights.len() - bytes >= 4 { u32_at(weights, bytes) } else { 4 };
            match layer.mixed_bytes(bits, lanes) {
                Some(own) => bytes = bytes.saturating_add(own),
                None => return Err(bits),
            }
        }
        stage += 1;
    }
    Ok(bytes)
}
