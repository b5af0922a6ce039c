//! Why there can be no engine.

use std::fmt;

use crate::support::text::bytes;

/// Why there can be no engine.
#[derive(Debug)]
#[non_exhaustive]
pub enum EngineError {
    /// The system gave no threads.
    Threads(rayon::ThreadPoolBuildError),
    /// The network's maps do not fit the memory that is left.
    Memory {
        /// Bytes that they and the gradients take at least.
        needed: u64,
        /// Bytes that are left.
        left: u64,
        /// Threads, each with maps of its own.
        threads: usize,
    },
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Threads(error) => write!(f, "cannot start the worker threads: {error}"),
            EngineError::Memory { needed, left, threads } => write!(
                f,
                "the network takes at least {} of memory on {threads} thread{}, and {} are left; it takes less on fewer \
                 threads, with a smaller input or fewer channels, and with fewer images normalised together",
                bytes(*needed),
                if *threads == 1 { "" } else { "s" },
                bytes(*left)
            ),
        }
    }
}

impl std::error::Error for EngineError {}
