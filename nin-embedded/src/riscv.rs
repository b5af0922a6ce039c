//! A RISC-V core, real or emulated: console and arguments through semihosting, and a clock from `mcycle`. The `unsafe`
//! code for this processor is here.
#![allow(unsafe_code)]

use core::fmt;
use core::panic::PanicInfo;
use core::ptr;

use riscv::register::{mcause, mcycle, mepc};
use riscv_rt::TrapFrame;
use semihosting::io::{Stdout, Write, stdout};
use semihosting::sys::arm_compat::{ExitReason, sys_exit, sys_get_cmdline_uninit};

use crate::memory::{self, address};
use crate::{Board, Error, Usage, console};

pub use riscv_rt::entry;

/// The size of the buffer for the arguments, in bytes.
const WORDS: usize = 80;

/// The value of words of the stack that were never used.
const PAINT: u32 = 0xCCCC_CCCC;

/// Bytes below the stack pointer that are not painted: they hold the frame of the function that paints.
const UNPAINTED: usize = 64;

/// Symbols that the linker defines; only their addresses have a meaning.
mod linker {
    #![allow(missing_docs)]
    unsafe extern "C" {
        pub static _stext: u32;
    }
}

/// The board that the firmware was built for.
pub struct RiscV {
    arguments: [u8; WORDS],
    length: usize,
    /// Whether this is the emulator, where an instruction takes one cycle. `scripts/run.sh` passes the argument
    /// `emulator` there.
    emulated: bool,
}

/// Runs a firmware. An emulator then ends with status 0, or 1 after an error.
pub fn start(run: impl FnOnce(&RiscV) -> Result<(), Error>) -> ! {
    paint();
    let mut board = RiscV { arguments: [0; WORDS], length: 0, emulated: false };
    let mut words = [core::mem::MaybeUninit::uninit(); WORDS];
    if let Ok(line) = sys_get_cmdline_uninit(&mut words) {
        board.length = line.len();
        board.arguments[..line.len()].copy_from_slice(line);
    }
    board.emulated = board.asked("emulator");
    match run(&board) {
        Ok(()) => end(ExitReason::ADP_Stopped_ApplicationExit),
        Err(error) => {
            board.line(format_args!("error: {error}"));
            end(ExitReason::ADP_Stopped_RunTimeErrorUnknown)
        }
    }
}

/// Paints the memory between static memory and the stack. Never inlined, so that it has a frame of its own.
#[inline(never)]
fn paint() {
    let here = 0u32;
    let (bottom, top) = (memory::end_of_statics(), (&raw const here).addr() - UNPAINTED);
    for word in (bottom..top).step_by(size_of::<u32>()) {
        // SAFETY: words of RAM that the linker gave to the stack only, below its part in use. The write is volatile,
        // since the stack belongs to no object that the compiler knows.
        unsafe { ptr::with_exposed_provenance_mut::<u32>(word).write_volatile(PAINT) };
    }
}

/// Tells the debugger or the emulator that the firmware has ended.
fn end(reason: ExitReason) -> ! {
    sys_exit(reason);
    loop {
        riscv::asm::wfi();
    }
}

impl Board for RiscV {
    fn name(&self) -> &'static str {
        env!("NIN_BOARD")
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        write_line(text);
    }

    fn clock(&self) -> u64 {
        mcycle::read64()
    }

    fn unit(&self) -> &'static str {
        if self.emulated { "instructions" } else { "cycles" }
    }

    fn arguments(&self) -> &str {
        core::str::from_utf8(&self.arguments[..self.length]).unwrap_or("").trim_end_matches('\0')
    }

    fn models(&self) -> &'static [u8] {
        memory::models()
    }

    fn usage(&self) -> Option<Usage> {
        // SAFETY: the linker script gives the stack the RAM behind static memory, aligned for words. `start` has called
        // `paint`.
        Some(unsafe { memory::usage(address!(_stext), memory::end_of_statics(), PAINT) })
    }
}

/// Writes a line to the debugger.
fn write_line(text: fmt::Arguments<'_>) {
    let mut stream: Option<Stdout> = stdout().ok();
    console::write_line(text, |bytes| {
        if let Some(stream) = &mut stream {
            // A line that cannot be written is lost, as `Board::line` documents.
            let _ = stream.write_all(bytes);
        }
    });
}

/// Ends after an exception. The most frequent cause is a stack that has grown into static memory or past the end of
/// RAM.
#[unsafe(export_name = "ExceptionHandler")]
fn exception(_: &TrapFrame) -> ! {
    write_line(format_args!("error: exception {} at {:#010x}", mcause::read().code(), mepc::read()));
    end(ExitReason::ADP_Stopped_RunTimeErrorUnknown)
}

/// Ends after a panic.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    write_line(format_args!("error: {info}"));
    end(ExitReason::ADP_Stopped_RunTimeErrorUnknown)
}
