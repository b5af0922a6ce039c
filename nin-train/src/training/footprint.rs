//! Estimates the memory of a training run before any is allocated.

use nin_core::Plan;

use super::recipe::Recipe;
use crate::engine::{EngineError, footprint};
use crate::support::threads;

/// Returns a lower bound of a run's memory in bytes: the engine, the parameters, their gradient, their moving average
/// and the optimiser's state. Saturates.
pub fn least(plan: &Plan, recipe: &Recipe, threads: usize) -> u64 {
    let [parameters, trained] =
        [recipe.layout().len(plan), recipe.layout().trainable(plan)].map(|values| values as u64);
    let memories = recipe.optimizer.memories().into_iter().filter(|kept| *kept).count() as u64;
    let copies = if recipe.ema > 0.0 { 2 } else { 1 };
    let values = parameters.saturating_mul(copies).saturating_add(trained.saturating_mul(1 + memories));
    let engine = footprint::least(plan, recipe.batch, recipe.batch_norm, threads);
    values.saturating_mul(size_of::<f32>() as u64).saturating_add(engine)
}

/// Checks that a run can begin; `threads` 0 means one for each processor.
///
/// # Errors
///
/// [`EngineError::Memory`] if it needs more memory than is available.
pub fn check(plan: &Plan, recipe: &Recipe, threads: usize) -> Result<(), EngineError> {
    let threads = threads::bounded(threads);
    footprint::check(least(plan, recipe, threads), threads)
}

#[cfg(test)]
mod tests {
    use nin_core::{Plan, Spec};

    use super::{Recipe, check, least};
    use crate::engine::EngineError;

    /// By hand: of `1x28x28 nin3:65535,59000 gap fc10` the first layers have 590 thousand and 3.9 billion parameters.
    #[test]
    fn a_run_is_measured_by_its_line_alone() {
        let plan = Plan::new(Spec::new("1x28x28 nin3:65535,59000 gap fc10"));
        let parameters = plan.parameters() as u64;
        // Parameters, gradient, two memories; packed twice; 16 groups' gradients.
        let adam = least(&plan, &Recipe::default(), 1);
        assert!(adam > 4 * (4 + 2 + 16) * parameters && adam < 4 * (5 + 2 + 16) * parameters, "{adam}");
        let book = least(&plan, &Recipe::book(0.1), 1);
        assert_eq!(adam - book, 2 * 4 * parameters, "plain SGD remembers nothing");
        let average = least(&plan, &Recipe { ema: 0.9, ..Recipe::default() }, 1);
        assert_eq!(average - adam, 4 * parameters);
        let refused = check(&plan, &Recipe::default(), 1);
        assert!(matches!(refused, Err(EngineError::Memory { needed, .. }) if needed == adam), "{refused:?}");
    }

    /// An upper bound by counting what a small run allocates is `tests/allocations.rs`'s work; this one is by hand.
    #[test]
    fn maps_are_counted_for_each_thread() {
        let plan = Plan::new(Spec::new("1x400x500 nin3+1:4 gap fc2"));
        let [one, two] = [1, 2].map(|threads| least(&plan, &Recipe::default(), threads));
        // The image, four channels, their average and two logits; and the gradient of the largest.
        assert_eq!(two - one, 4 * (200_000 + 800_000 + 4 + 2 + 800_000));
    }
}
