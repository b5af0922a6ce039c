//! Runs the streaming engine on poisoned memory.

use std::convert::Infallible;

use nin_core::{F16, F16Fused, F32, F32Fused, Format, Model, Network, Spec, WeightType};

use crate::oracle::{self, FusedF32, Map, Step};

/// The value of unused words of state in tests; read as an f32, it is a NaN.
pub const POISON: u32 = 0x7FC0_DEAD;

/// Returns a poisoned state of exactly the required size.
pub fn state(model: &Model<'_>) -> Vec<u32> {
    vec![POISON; model.state_words()]
}

/// Runs one image through a network.
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

/// A float format, with the oracle that it must agree with bit for bit.
pub trait Floats: Format<Value = f32> {
    /// Returns every step of the network for one image, in the format's own order and rounding.
    fn forward(spec: &Spec, parameters: &[f32], image: &Map<f32>) -> Vec<Step<f32>>;

    /// Returns the logits.
    fn oracle(spec: &Spec, parameters: &[f32], image: &Map<f32>) -> Vec<f32> {
        Self::forward(spec, parameters, image).pop().map_or(Vec::new(), |step| step.map.values)
    }
}

/// A product is rounded before it is added.
macro_rules! separate {
    ($($format:ty)+) => {$(
        impl Floats for $format {
            fn forward(spec: &Spec, parameters: &[f32], image: &Map<f32>) -> Vec<Step<f32>> {
                oracle::forward(spec, parameters, image)
            }
        }
    )+};
}

/// A product is not rounded before it is added.
macro_rules! fused {
    ($($format:ty)+) => {$(
        impl Floats for $format {
            fn forward(spec: &Spec, parameters: &[f32], image: &Map<f32>) -> Vec<Step<f32>> {
                let steps = oracle::forward::<FusedF32>(spec, parameters, &image.numbers());
                steps.into_iter().map(|step| step.numbers(|FusedF32(value)| value)).collect()
            }
        }
    )+};
}

separate!(F32 F16);
fused!(F32Fused F16Fused);

/// Returns the logits of one image, from a network of the model's own weight type with a poisoned state.
///
/// # Panics
///
/// If the network cannot run.
pub fn logits(model: &Model<'_>, image: &Map<f32>) -> Vec<f32> {
    match model.weight_type() {
        WeightType::F32 => logits_in::<F32>(model, image),
        WeightType::F16 => logits_in::<F16>(model, image),
        other => panic!("{other:?}"),
    }
}

/// Returns the same with sums that are rounded once for each product.
///
/// # Panics
///
/// If the network cannot run.
pub fn fused_logits(model: &Model<'_>, image: &Map<f32>) -> Vec<f32> {
    match model.weight_type() {
        WeightType::F32 => logits_in::<F32Fused>(model, image),
        WeightType::F16 => logits_in::<F16Fused>(model, image),
        other => panic!("{other:?}"),
    }
}

fn logits_in<F: Format<Value = f32>>(model: &Model<'_>, image: &Map<f32>) -> Vec<f32> {
    frame(&mut Network::<F>::new(model, &mut state(model)).expect("a network"), image)
}
