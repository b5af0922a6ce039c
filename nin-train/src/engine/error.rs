//! The error of creating an engine.

use std::fmt;

use crate::support::text::bytes;

/// The reason why an engine cannot be created.
#[derive(Debug)]
#[non_exhaustive]
pub enum EngineError {
    /// The system could not start the threads.
    Threads(rayon::ThreadPoolBuildError),
    /// The network does not fit the available memory.
    Memory {
        /// Bytes that it needs at least.
        needed: u64,
        /// Available bytes.
        left: u64,
        /// Threads; each has its own maps.
        threads: usize,
    },
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Threads(error) => write!(f, "cannot start the worker threads: {error}"),
            EngineError::Memory { needed, left, threads } => write!(
                f,
                "the network needs at least {} of memory on {threads} thread{}, but {} are available; it needs less on fewer \
                 threads, with a smaller input or fewer channels, and with fewer images normalised together",
                bytes(*needed),
                if *threads == 1 { "" } else { "s" },
                bytes(*left)
            ),
        }
    }
}

impl std::error::Error for EngineError {}
