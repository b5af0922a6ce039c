//! A Cortex-M, real or emulated: console and command line by semihosting, a clock from SysTick, and how much memory
//! was used. The `unsafe` code for this processor is here.
//!
//! Semihosting is how a Cortex-M speaks through its debugger: `probe-rs run` and QEMU both answer.
#![allow(unsafe_code)]

use crate::{Board, Error, Usage, console};
use core::cell::Cell;
use core::fmt;
use core::panic::PanicInfo;
use core::ptr;
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

/// Instructions in a tick, in 65536ths: on the emulator an instruction takes a nanosecond of virtual time.
const INSTRUCTIONS: Option<u64> = (1_000_000_000u64 << 16).checked_div(SYSTICK);

/// Bytes for the words that the firmware is started with.
const WORDS: usize = 80;

/// How often SysTick, which has 24 bits, has gone round.
static TURNS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    // Cortex-M0 cannot add atomically; nothing else writes this one.
    TURNS.store(TURNS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// Symbols that the linker gives a value; only their addresses mean something.
mod linker {
    #![allow(missing_docs)]
    unsafe extern "C" {
        pub static __vector_table: u32;
        pub static __sidata: u32;
        pub static __sdata: u32;
        pub static __edata: u32;
        pub static _ram_start: u32;
        pub static __euninit: u32;
        pub static _stack_end: u32;
        pub static _stack_start: u32;
        pub static _models_start: u32;
        pub static _models_end: u32;
    }
}

/// The address of one of the linker's symbols.
macro_rules! address {
    ($symbol:ident) => {
        (&raw const linker::$symbol).addr()
    };
}

/// The board that the firmware was built for.
pub struct CortexM {
    stream: Option<HostStream>,
    arguments: [u8; WORDS],
    length: usize,
    /// [`INSTRUCTIONS`] if this is the emulator; `scripts/run.sh` says so.
    instructions: Option<u64>,
}

/// Runs a firmware and ends: with an emulator, as a process with status 0 or 1.
pub fn start(run: impl FnOnce(&CortexM) -> Result<(), Error>) -> ! {
    // `entry` runs once, so the peripherals are still there.
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

/// Tells the debugger or the emulator that the firmware is through.
fn end(status: debug::ExitStatus) -> ! {
    debug::exit(status);
    loop {
        cortex_m::asm::wfi();
    }
}

/// Asks the debugger or the emulator for the command line; returns its length, 0 if there is none.
fn command_line(line: &mut [u8; WORDS]) -> usize {
    let block: [Cell<usize>; 2] = [Cell::new(line.as_mut_ptr().expose_provenance()), Cell::new(line.len())];
    // SAFETY: SYS_GET_CMDLINE takes a block of a buffer's address and size, writes at most so many bytes into the
    // buffer and their number into the block; both live on until the call returns, and nothing else refers to them.
    // Their addresses are exposed, so that the compiler knows of somebody else who may write there.
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
            // A turn that is due is taken here, before the count is read again.
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
        let (start, end) = (address!(_models_start), address!(_models_end));
        if start == end {
            return &[];
        }
        // SAFETY: the board's memory map says that this region is memory that can be read, and the linker puts
        // nothing into it, so that nothing here writes to it.
        unsafe { core::slice::from_raw_parts(ptr::with_exposed_provenance(start), end - start) }
    }

    fn usage(&self) -> Option<Usage> {
        let data = address!(__edata) - address!(__sdata);
        let (bottom, top) = (address!(_stack_end), address!(_stack_start));
        let clean = |&word: &usize| {
            // SAFETY: words from the end of static memory to the end of RAM: memory that can be read, aligned by the
            // linker script. The start-up code paints it and only the stack changes it; the read is volatile, since
            // the stack belongs to no object that the compiler knows.
            let value = unsafe { ptr::with_exposed_provenance::<u32>(word).read_volatile() };
            value == STACK_PAINT_VALUE
        };
        let painted = (bottom..top).step_by(size_of::<u32>()).take_while(clean).count();
        Some(Usage {
            statics: address!(__euninit) - address!(_ram_start),
            stack: top - bottom - painted * size_of::<u32>(),
            stack_limit: top - bottom,
            flash: address!(__sidata) + data - address!(__vector_table),
        })
    }
}

/// Writes a line to the debugger.
fn write_line(mut stream: Option<HostStream>, text: fmt::Arguments<'_>) {
    console::write_line(text, |bytes| {
        if let Some(stream) = &mut stream {
            // Text that the debugger does not take is lost, as the trait has it.
            let _ = stream.write_all(bytes);
        }
    });
}

/// A fault, most often a stack that has grown into static memory or past the end of RAM.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    write_line(hio::hstdout().ok(), format_args!("error: hard fault at {:#010x}", frame.pc()));
    end(debug::EXIT_FAILURE)
}

/// An error in the program.
#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    write_line(hio::hstdout().ok(), format_args!("error: {info}"));
    end(debug::EXIT_FAILURE)
}
