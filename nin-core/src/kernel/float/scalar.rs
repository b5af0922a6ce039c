//! Float layers in plain loops: any packing on any processor.

use super::stored::{Stored, split};
use crate::kernel::operands::{LayerWeights, Patch};
use crate::kernel::sum::{relu, sealed::Rounding};
use crate::plan::TILE;

/// Computes one layer for a tile of pixels, L outputs at a time.
#[inline(always)]
pub(super) fn layer<W: Stored, R: Rounding, const L: usize>(
    patch: &Patch<'_, f32>,
    pixels: usize,
    weights: &LayerWeights<'_>,
    out: &mut [f32],
) {
    let (biases, packed) = split::<W>(weights);
    let outputs = weights.outputs;
    let mut valid = [(0, 0); TILE];
    for (p, valid) in valid[..pixels].iter_mut().enumerate() {
        *valid = patch.valid(p);
    }
    let valid = &valid[..pixels];
    let inside = pixels == TILE && valid.iter().all(|&valid| valid == (0, patch.kernel));
    let run = patch.kernel * patch.channels;
    let starts: [usize; TILE] = core::array::from_fn(|p| if inside { patch.at(p, 0) } else { 0 });

    for (group, packed) in packed.chunks_exact(weights.fan_in * L).enumerate() {
        let mut bias = [0.0; L];
        bias.copy_from_slice(&biases[group * L..][..L]);
        let mut sums = [bias; TILE];
        for y in patch.rows.0..patch.rows.1 {
            let line = patch.line(y);
            let ky = y + patch.above - patch.rows.0;
            let weights = &packed[ky * run * L..][..run * L];
            if inside {
                add_tile::<W, R, L>(&mut sums, starts.map(|start| &line[start..start + run]), weights);
            } else {
                edge::<W, R, L>(&mut sums, patch, line, valid, weights);
            }
        }
        let count = L.min(outputs - group * L);
        for (out, sums) in out.chunks_exact_mut(outputs).zip(&sums) {
            let sums = sums.map(relu);
            match out[group * L..].first_chunk_mut() {
                Some(out) if count == L => *out = sums,
                _ => out[group * L..][..count].copy_from_slice(&sums[..count]),
            }
        }
    }
}

/// Adds one row of the windows of a tile that extends over the map's edge or has fewer than [`TILE`] pixels.
///
/// Columns that are on the map for every pixel of a whole tile are computed together, the other columns pixel by pixel.
/// The order of the products does not change; those with padding are omitted.
#[inline(never)]
fn edge<W: Stored, R: Rounding, const L: usize>(
    sums: &mut [[f32; L]; TILE],
    patch: &Patch<'_, f32>,
    line: &[f32],
    valid: &[(usize, usize)],
    weights: &[W],
) {
    let channels = patch.channels;
    // Of all windows, the first pixel's is the last to begin on the map, and the last pixel's the first to end.
    let (first, end) = match valid {
        [(first, _), .., (_, end)] if valid.len() == TILE && first < end => (*first, *end),
        _ => (patch.kernel, patch.kernel),
    };
    for (p, &(from, to)) in valid.iter().enumerate() {
        let to = to.min(first);
        if from < to {
            let x = &line[patch.at(p, from)..][..(to - from) * channels];
            add_one::<W, R, L>(&mut sums[p], x, &weights[from * channels * L..to * channels * L]);
        }
    }
    if first < end {
        let run = (end - first) * channels;
        let x = core::array::from_fn(|p| &line[patch.at(p, first)..][..run]);
        add_tile::<W, R, L>(sums, x, &weights[first * channels * L..end * channels * L]);
    }
    for (p, &(from, to)) in valid.iter().enumerate() {
        let from = from.max(end);
        if from < to {
            let x = &line[patch.at(p, from)..][..(to - from) * channels];
            add_one::<W, R, L>(&mut sums[p], x, &weights[from * channels * L..to * channels * L]);
        }
    }
}

/// Adds to the sums of one pixel; `weights` holds L outputs for each input.
#[inline(always)]
fn add_one<W: Stored, R: Rounding, const L: usize>(sums: &mut [f32; L], x: &[f32], weights: &[W]) {
    for (&x, weights) in x.iter().zip(weights.chunks_exact(L)) {
        for (sum, weight) in sums.iter_mut().zip(weights) {
            R::add_product(sum, x, weight.widen());
        }
    }
}

/// Adds to the sums of a whole tile of pixels, whose inputs have equal lengths.
#[inline(always)]
fn add_tile<W: Stored, R: Rounding, const L: usize>(sums: &mut [[f32; L]; TILE], x: [&[f32]; TILE], weights: &[W]) {
    let [x0, x1, x2, x3] = x;
    let x = x0.iter().zip(x1).zip(x2).zip(x3);
    for ((((&x0, &x1), &x2), &x3), weights) in x.zip(weights.chunks_exact(L)) {
        for (lane, weight) in weights.iter().enumerate() {
            let weight = weight.widen();
            R::add_product(&mut sums[0][lane], x0, weight);
            R::add_product(&mut sums[1][lane], x1, weight);
            R::add_product(&mut sums[2][lane], x2, weight);
            R::add_product(&mut sums[3][lane], x3, weight);
        }
    }
}

/// Replaces each value of `most` by the maximum of it and the corresponding one of `values`.
#[cfg(not(nin_m4f))]
pub(crate) fn raise(most: &mut [f32], values: &[f32]) {
    for (most, &value) in most.iter_mut().zip(values) {
        *most = if value > *most { value } else { *most };
    }
}

/// Adds inputs `first..first + values.len()` to the sums of a fully connected layer.
pub(crate) fn full_add<W: Stored, R: Rounding>(
    weights: &LayerWeights<'_>,
    first: usize,
    values: &[f32],
    sums: &mut [f32],
) {
    let (_, packed) = split::<W>(weights);
    let lanes = weights.lanes;
    for (packed, sums) in packed.chunks_exact(weights.fan_in * lanes).zip(sums.chunks_mut(lanes)) {
        let packed = &packed[first * lanes..][..values.len() * lanes];
        for (&value, packed) in values.iter().zip(packed.chunks_exact(lanes)) {
            for (sum, weight) in sums.iter_mut().zip(packed) {
                R::add_product(sum, value, weight.widen());
            }
        }
    }
}
