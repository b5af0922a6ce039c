//! The streaming engine, run as the tests want it.

use std::convert::Infallible;

use nin_core::{F16, F32, Format, Model, Network, WeightType};

use crate::oracle::Map;

/// What an unused word of state holds in tests: whatever reads it as an f32 gets a NaN.
pub const POISON: u32 = 0x7FC0_DEAD;

/// A poisoned state of just the right size.
pub fn state(model: &Model<'_>) -> Vec<u32> {
    vec![POISON; model.state_words()]
}

/// One image through a network.
pub fn frame<F: Format<Value = f32>>(network: &mut Network<'_, F>, image: &Map<f32>) -> Vec<f32> {
    let mut rows = image.rows();
    let answer = network.infer(|_, row| {
        row.copy_from_slice(rows.next().expect("no more rows are asked for than the image has"));
        Ok::<(), Infallible>(())
    });
    match answer {
        Ok(logits) => logits.to_vec(),
        Err(never) => match never {},
    }
}

/// The logits of one image, from a network of the model's own weight type whose state began poisoned.
///
/// # Panics
///
/// If the network cannot run.
pub fn logits(model: &Model<'_>, image: &Map<f32>) -> Vec<f32> {
    let mut state = state(model);
    match model.weight_type() {
        WeightType::F32 => frame(&mut Network::<F32>::new(model, &mut state).expect("a network"), image),
        WeightType::F16 => frame(&mut Network::<F16>::new(model, &mut state).expect("a network"), image),
        other => panic!("{other:?}"),
    }
}
