//! Models with zero points, run by the engine with every map kept.

use std::convert::Infallible;

use nin_core::{Affine, AffineInt4, Format, Model, Network, Piece, WeightType};

use crate::engine::state;
use crate::integer::Bytes;

/// A map with its stage and its layer in the stage.
pub type Placed = ((usize, usize), Bytes);

/// Returns every map that a model makes of an image of bytes, and the logits.
///
/// # Panics
///
/// If the model cannot run.
pub fn run(model: &Model<'_>, image: &[u8]) -> (Vec<Placed>, Vec<f32>) {
    match model.weight_type() {
        WeightType::AffineInt4 => run_as::<AffineInt4>(model, image),
        _ => run_as::<Affine>(model, image),
    }
}

fn run_as<F: Format<Value = u8>>(model: &Model<'_>, image: &[u8]) -> (Vec<Placed>, Vec<f32>) {
    let plan = *model.plan();
    let mut maps: Vec<Placed> = Vec::new();
    let mut steps = 0;
    let mut last = usize::MAX;
    for layer in plan.layers() {
        steps = if layer.stage == last { steps + 1 } else { 0 };
        last = layer.stage;
        maps.push(((layer.stage, steps), Bytes { shape: layer.output, values: vec![0; layer.output.len()] }));
    }
    let mut observer = |piece: Piece, values: &[u8]| {
        let place = (piece.stage, piece.step);
        let Some((_, map)) = maps.iter_mut().find(|(at, _)| *at == place) else { panic!("{piece:?}") };
        let at = (piece.row * usize::from(map.shape.columns) + piece.column) * usize::from(map.shape.channels);
        map.values[at..][..values.len()].copy_from_slice(values);
    };
    let mut state = state(model);
    let mut network = Network::<F>::new(model, &mut state).expect("a network");
    let mut rows = image.chunks_exact(plan.spec().input().row());
    let logits = network.infer_observed(
        |_, row| {
            row.copy_from_slice(rows.next().expect("a row"));
            Ok::<(), Infallible>(())
        },
        &mut observer,
    );
    let Ok(logits) = logits;
    let logits = logits.to_vec();
    (maps, logits)
}
