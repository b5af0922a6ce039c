//! {{title}}: clocks, log and end of the program.

use core::fmt{{fmt_uses}};

pub use cortex_m_rt::entry;
{{uses}}
use crate::clock;
use {defmt_rtt as _, panic_probe as _};

/// The board's name.
pub const NAME: &str = "{{name}}";
{{before}}
/// The board.
pub struct Board {
{{fields}}}

impl Board {
    /// Sets the board up. Call it once.
    pub fn start() -> Board {
{{start}}    }

    /// Returns the microseconds since the start.
    pub fn micros(&self) -> u64 {
        clock::micros()
    }

{{line}}
    /// Ends the program: the board sleeps.
    pub fn end(self, _ok: bool) -> ! {
        loop {
            cortex_m::asm::wfi();
        }
    }
}

/// Logs a line.
macro_rules! say {
    ($board:expr, $($text:tt)*) => { $board.line(format_args!($($text)*)) };
}
pub(crate) use say;
