//! A Cortex-M, real or emulated: console and arguments through semihosting, and a clock from SysTick. The `unsafe` code
//! for this processor is here.
//!
//! Semihosting is the interface of a Cortex-M to its debugger. `probe-rs run` and QEMU both support it.
#![allow(unsafe_code)]

use crate::memory::{self, address};
use crate::{Board, Error, Usage, console};
use core::cell::Cell;
use core::fmt;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{Peripherals, SYST};
use cortex_m_rt::{ExceptionFrame, STACK_PAINT_VALUE, exception};
use cortex_m_semihosting::debug;
use cortex_m_semihosting::hio::{self, HostStream};

pub use cortex_m_rt::entry;

/// Frequency of SysTick on the emulator, in Hz; 0 on a board that is not emulated.
const SYSTICK: u64 = match u64::from_str_radix(env!("NIN_SYSTICK"), 10) {
    Ok(hertz) => hertz,
    Err(_) => panic!("`systick` of a board is a frequency in Hz"),
};

/// Instructions per tick, in units of 1/65536: on the emulator an instruction takes one nanosecond of virtual time.
const INSTRUCTIONS: Option<u64> = (1_000_000_000u64 << 16).checked_div(SYSTICK);

/// The size of the buffer for the arguments, in bytes.
const WORDS: usize = 80;

/// The number of overflows of SysTick, which has 24 bits.
static TURNS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    // A Cortex-M0 has no atomic addition. Nothing else writes this counter.
    TURNS.store(TURNS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// Symbols that the linker defines; only their addresses have a meaning.
mod linker {
    #![allow(missing_docs)]
    unsafe extern "C" {
        pub static __vector_table: u32;
        pub static _stack_end: u32;
    }
}

/// The board that the firmware was built for.
pub struct CortexM {
    stream: Option<HostStream>,
    arguments: [u8; WORDS],
    length: usize,
    /// [`INSTRUCTIONS`] on the emulator, where `scripts/run.sh` passes the argument `emulator`.
    instructions: Option<u64>,
}

/// Runs a firmware. An emulator then ends with status 0, or 1 after an error.
pub fn start(run: impl FnOnce(&CortexM) -> Result<(), Error>) -> ! {
    // `entry` runs once, so nothing else has taken the peripherals.
    let Some(peripherals) = Peripherals::take() else { end(debug::EXIT_FAILURE) };
    let mut systick = peripherals.SYST;
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(0x00FF_FFFF);
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();

    let mut arguments = [0; WORDS];
    let length = command_line(&mut arguments);
    let mut board = CortexM { stream: hio::hstdout().ok(), arguments, length, instructions: None };
    board.instructions = INSTRUCTIONS.filter(|_| board.asked("emulator"));
    match run(&board) {
        Ok(()) => end(debug::EXIT_SUCCESS),
        Err(error) => {
            board.line(format_args!("error: {error}"));
            end(debug::EXIT_FAILURE)
        }
    }
}

/// Tells the debugger or the emulator that the firmware has ended.
fn end(status: debug::ExitStatus) -> ! {
    debug::exit(status);
    loop {
        cortex_m::asm::wfi();
    }
}

/// Asks the debugger or the emulator for the command line; returns its length, 0 if there is none.
fn command_line(line: &mut [u8; WORDS]) -> usize {
    let block: [Cell<usize>; 2] = [Cell::new(line.as_mut_ptr().expose_provenance()), Cell::new(line.len())];
    // SAFETY: SYS_GET_CMDLINE reads a block with the address and size of a buffer. It writes at most that number of
    // bytes to the buffer and the length to the block. Both live until the call returns, and nothing else refers to
    // them. Their addresses are exposed, so the compiler must assume that the call writes there.
    let status = unsafe {
        cortex_m_semihosting::syscall1(cortex_m_semihosting::nr::GET_CMDLINE, block.as_ptr().expose_provenance())
    };
    match status {
        0 => block[1].get().min(line.len()),
        _ => 0,
    }
}

impl Board for CortexM {
    fn name(&self) -> &'static str {
        env!("NIN_BOARD")
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        write_line(self.stream, text);
    }

    fn clock(&self) -> u64 {
        let ticks = loop {
            let before = TURNS.load(Ordering::Relaxed);
            let left = SYST::get_current();
            // A pending overflow interrupt runs here, before the count is read again.
            cortex_m::asm::isb();
            if TURNS.load(Ordering::Relaxed) == before {
                break (u64::from(before) << 24) + u64::from(left.wrapping_neg() & 0x00FF_FFFF);
            }
        };
        match self.instructions {
            Some(instructions) => (ticks * instructions) >> 16,
            None => ticks,
        }
    }

    fn unit(&self) -> &'static str {
        if self.instructions.is_some() { "instructions" } else { "cycles" }
    }

    fn arguments(&self) -> &str {
        core::str::from_utf8(&self.arguments[..self.length]).unwrap_or("").trim_end_matches('\0')
    }

    fn models(&self) -> &'static [u8] {
        memory::models()
    }

    fn usage(&self) -> Option<Usage> {
        // SAFETY: the linker script gives the stack the RAM from `_stack_end` on, aligned for words. cortex-m-rt paints
        // it before `main` (its feature `paint-stack`).
        Some(unsafe { memory::usage(address!(__vector_table), address!(_stack_end), STACK_PAINT_VALUE) })
    }
}

/// Writes a line to the debugger.
fn write_line(mut stream: Option<HostStream>, text: fmt::Arguments<'_>) {
    console::write_line(text, |bytes| {
        if let Some(stream) = &mut stream {
            // A line that cannot be written is lost, as `Board::line` documents.
            let _ = stream.write_all(bytes);
        }
    });
}

/// Ends after a fault. The most frequent cause is a stack that has grown into static memory or past the end of RAM.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    write_line(hio::hstdout().ok(), format_args!("error: hard fault at {:#010x}", frame.pc()));
    end(debug::EXIT_FAILURE)
}

/// Ends after a panic.
#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    write_line(hio::hstdout().ok(), format_args!("error: {info}"));
    end(debug::EXIT_FAILURE)
}
