//! {{title}}: log, clock and end of the program.

use core::fmt;

pub use riscv_rt::entry;
use semihosting::{println, process};

use crate::clock;

/// The board's name.
pub const NAME: &str = "{{name}}";

/// The board.
pub struct Board;

impl Board {
    /// Sets the board up. Call it once.
    pub fn start() -> Board {
{{clock}}        Board
    }

    /// Returns the microseconds since the start.
    pub fn micros(&self) -> u64 {
        clock::micros()
    }

    /// Logs a line over semihosting: the emulator prints it.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        println!("{}", text);
    }

    /// Ends the program, and with it the emulator.
    pub fn end(self, ok: bool) -> ! {
        process::exit(i32::from(!ok))
    }
}

/// Logs a line.
macro_rules! say {
    ($board:expr, $($text:tt)*) => { $board.line(format_args!($($text)*)) };
}
pub(crate) use say;

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    println!("error: {}", info);
    process::exit(1)
}
