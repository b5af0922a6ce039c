//! {{title}}: clocks, log and end of the program.

use core::fmt;

use esp_hal::clock::CpuClock;
pub use esp_hal::main as entry;
use esp_println::println;

use crate::clock;

// What the boot loader reads about the program.
esp_bootloader_esp_idf::esp_app_desc!();

/// The board's name.
pub const NAME: &str = "{{name}}";

/// The board.
pub struct Board;

impl Board {
    /// Sets the board up. Call it once.
    pub fn start() -> Board {
        let {{hal}} = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
{{clock}}        Board
    }

    /// Returns the microseconds since the start.
    pub fn micros(&self) -> u64 {
        clock::micros()
    }

    /// Logs a line over USB if a computer is connected there, otherwise over UART 0.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        println!("{}", text);
    }

    /// Ends the program.
    pub fn end(self, _ok: bool) -> ! {
        loop {
            core::hint::spin_loop();
        }
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
    loop {
        core::hint::spin_loop();
    }
}
