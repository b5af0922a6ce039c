//! {{title}}: log, clock and end of the program.
//!
//! The core's clock stays as it is after reset.

use core::fmt;

pub use cortex_m_rt::entry;

use crate::clock;

/// The board's name.
pub const NAME: &str = "{{name}}";

/// The board.
pub struct Board;

impl Board {
    /// Sets the board up. Call it once.
    pub fn start() -> Board {
        let mut core = cortex_m::Peripherals::take().expect("the board is set up once");
{{caches}}        clock::start(&mut core.SYST);
        Board
    }

    /// Returns the microseconds since the start.
    pub fn micros(&self) -> u64 {
        clock::micros()
    }
{{log}}
}

/// Logs a line.
macro_rules! say {
    ($board:expr, $($text:tt)*) => { $board.line(format_args!($($text)*)) };
}
pub(crate) use say;
{{faults}}