//! What can go wrong in a firmware.

use core::fmt;

/// Why a firmware stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A buffer that there is only one of was asked for twice.
    Taken,
    /// Static memory and stack together were more than the budget.
    Memory {
        /// Bytes used.
        used: usize,
        /// Bytes allowed.
        budget: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Taken => write!(f, "the network's memory is already in use"),
            Error::Memory { used, budget } => {
                write!(f, "static memory and stack took {used} bytes, more than the budget of {budget}")
            }
        }
    }
}

impl core::error::Error for Error {}
