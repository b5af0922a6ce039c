//! The checks of a model's weights: their size, their padding and the shifts of integer layers.

use super::error::ModelError;
use super::layout::u32_at;
use crate::packing::{WeightType, affine};
use crate::plan::{Layer, LayerKind, Plan};

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
        WeightType::Affine | WeightType::AffineInt4 => match affine_bytes(plan, lanes, weights) {
            Ok(expected) => expected,
            Err(lanes) => return Err(ModelError::Lanes(lanes)),
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
            if weight_type.has_zero_points() {
                rest = match check_affine(&layer, weight_type, lanes, rest) {
                    Ok(rest) => rest,
                    Err(error) => return Err(error),
                };
            } else if layer.has_weights() {
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

/// Checks the part at the beginning of `weights` of a layer with zero points; returns the rest.
const fn check_affine<'m>(
    layer: &Layer,
    weight_type: WeightType,
    lanes: usize,
    weights: &'m [u8],
) -> Result<&'m [u8], ModelError> {
    let bytes = match layer.affine_bytes(lanes, weights) {
        Some(0) => return Ok(weights),
        Some(bytes) => bytes,
        None => return Err(ModelError::Lanes(weights[affine::LANES_AT])),
    };
    let (own, rest) = weights.split_at(bytes);
    let words = affine::Words::read(own);
    let narrow = weight_type.is_narrow() && layer.has_weights() && layer.groups == 1;
    let [plain, once, four_bits] = [own[affine::LANES_AT - 1], own[affine::LANES_AT + 1], own[affine::LANES_AT + 2]];
    if plain > 1 || once > 1 || four_bits > narrow as u8 {
        return Err(ModelError::Padding);
    }
    if !layer.has_weights() {
        let mut at = if matches!(layer.kind, LayerKind::Sum) { affine::HEADER + 4 } else { affine::HEADER };
        let valid = words.lanes == 1
            && !words.plain
            && !words.once
            && (at == affine::HEADER || u32_at(own, affine::HEADER) < 256);
        if !valid {
            return Err(ModelError::Padding);
        }
        while at < own.len() {
            if !affine::Factor::read(own, at).is_valid() {
                return Err(ModelError::Shift);
            }
            at += affine::FACTOR;
        }
        return Ok(rest);
    }
    let stored = if words.four_bits { WeightType::Int4 } else { WeightType::Int8 };
    let packing = layer.packing(stored, words.lanes as usize);
    let packed = own.split_at(affine::HEADER).1;
    if !packing.is_padded_with_zeros(packed) {
        return Err(ModelError::Padding);
    }
    let shifts = if words.plain {
        !words.once && packing.has_shifts(packed, true)
    } else {
        packing.has_shifts_between(packed, -30, 31)
    };
    if shifts { Ok(rest) } else { Err(ModelError::Shift) }
}

/// Returns the bytes of the weights of a model whose layers state their lanes; `Err` is a number of lanes that a layer
/// cannot have. If the weights end early, the missing layers count as having one lane.
const fn affine_bytes(plan: &Plan, lanes: usize, weights: &[u8]) -> Result<usize, u8> {
    let mut bytes = 0usize;
    let mut stage = 0;
    while stage < plan.spec().stages().len() {
        let mut step = 0;
        while let Some(layer) = plan.layer(stage, step) {
            step += 1;
            let left = if bytes <= weights.len() { weights.split_at(bytes).1 } else { &[] };
            match layer.affine_bytes(lanes, left) {
                Some(own) => bytes = bytes.saturating_add(own),
                None => return Err(left[affine::LANES_AT]),
            }
        }
        stage += 1;
    }
    Ok(bytes)
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
