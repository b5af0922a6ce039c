//! Estimates the memory of an engine before any is allocated.

use nin_core::Plan;

use super::{EngineError, GROUPS};
use crate::layers::Network;
use crate::support::memory;

/// Bytes of a value.
const VALUE: u64 = size_of::<f32>() as u64;

/// Returns a lower bound of an engine's memory in bytes, on `threads` threads, for batches of `batch` images (0:
/// evaluation only). With batch normalisation, groups of `together` images are normalised together. Saturates.
///
/// It counts each thread's maps and the gradient of the largest, the groups' gradients, packed weights and the
/// positions of pixels. It does not count borders, scratch memory and further values that some layers store.
pub fn least(plan: &Plan, batch: usize, together: Option<usize>, threads: usize) -> u64 {
    let training = batch > 0;
    let group = together.map_or(batch.div_ceil(GROUPS), |images| images.clamp(1, batch.max(1))).max(1);
    let images = together.map_or_else(|| Network::chunk(plan), |_| group) as u64;
    let maps = || plan.layers().map(|layer| layer.output).chain([plan.shape(0)]);
    let sum = |values: u64, more: u64| values.saturating_add(more);
    let values = maps().map(|map| map.len() as u64).fold(0, sum);
    let largest = maps().map(|map| map.len() as u64).max().unwrap_or(0);
    let pixels = maps().map(|map| map.pixels() as u64).fold(0, sum);
    let parameters = plan.parameters() as u64;

    let thread = images.saturating_mul(values.saturating_add(if training { largest } else { 0 }));
    let gradients = parameters.saturating_mul(batch.div_ceil(group) as u64);
    let packed = parameters.saturating_mul(if training { 2 } else { 1 });
    let all = thread.saturating_mul(threads as u64).saturating_add(gradients).saturating_add(packed);
    all.saturating_add(pixels.saturating_mul(images)).saturating_mul(VALUE)
}

/// Checks that there are `needed` bytes.
///
/// # Errors
///
/// [`EngineError::Memory`] if there are fewer; `threads` is for its text.
pub fn check(needed: u64, threads: usize) -> Result<(), EngineError> {
    match memory::shortage(needed) {
        Some(left) => Err(EngineError::Memory { needed, left, threads }),
        None => Ok(()),
    }
}
