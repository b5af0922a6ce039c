//! {{title}}: clocks, log and end of the program.

use core::fmt::{self, Write};

pub use cortex_m_rt::entry;
{{uses}}
use crate::clock;
use {defmt_rtt as _, panic_probe as _};

/// The board's name.
pub const NAME: &str = "{{name}}";
{{before}}
/// The board.
pub struct Board {
    serial: {{port}},
}

impl Board {
    /// Sets the board up. Call it once.
    pub fn start() -> Board {
        {{init}}
        let mut core = cortex_m::Peripherals::take().expect("the board is set up once");
{{caches}}        clock::start(&mut core.SYST);
        let serial = {{new}};
        Board { serial }
    }

    /// Returns the microseconds since the start.
    pub fn micros(&self) -> u64 {
        clock::micros()
    }

    /// Logs a line over RTT (it is lost without a debugger) and over
    /// {{place}}.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        defmt::println!("{}", defmt::Display2Format(&text));
{{more}}        // A line that cannot be sent is lost.
        let _ = write!(self, "{text}\r\n");
    }

    /// Ends the program: the board sleeps.
    pub fn end(self, _ok: bool) -> ! {
        loop {
            cortex_m::asm::wfi();
        }
    }
}

impl Write for Board {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.serial.blocking_write(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// Logs a line.
macro_rules! say {
    ($board:expr, $($text:tt)*) => { $board.line(format_args!($($text)*)) };
}
pub(crate) use say;
