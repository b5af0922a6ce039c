//! How many threads a computation starts.

use std::num::NonZero;
use std::thread::available_parallelism;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// The most threads per processor. More would only wait for each other, and each needs memory.
const FOR_EACH_PROCESSOR: usize = 4;

/// Returns the most threads that a pool starts on this computer.
pub fn most() -> usize {
    processors() * FOR_EACH_PROCESSOR
}

fn processors() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

/// Returns the requested number of threads: `asked`, or if that is 0 the environment's `RAYON_NUM_THREADS`, or one per
/// processor. It may exceed [`most`].
pub fn wanted(asked: usize) -> usize {
    if asked > 0 {
        return asked;
    }
    let environment = std::env::var("RAYON_NUM_THREADS").ok().and_then(|number| number.parse().ok());
    environment.filter(|&number| number > 0).unwrap_or_else(processors)
}

/// Returns the number of threads that a pool starts: [`wanted`], [`most`] of them at the most.
pub fn bounded(asked: usize) -> usize {
    wanted(asked).min(most())
}

/// Starts a pool of [`bounded`] threads.
///
/// # Errors
///
/// If the system starts no threads.
pub fn pool(asked: usize) -> Result<ThreadPool, ThreadPoolBuildError> {
    ThreadPoolBuilder::new().num_threads(bounded(asked)).build()
}

/// Bounds the pool that rayon makes for work outside every other pool. A pool that is there already stays as it is.
pub fn bound_global() {
    if wanted(0) > most() {
        // An error means that the pool is there already.
        let _ = ThreadPoolBuilder::new().num_threads(most()).build_global();
    }
}
