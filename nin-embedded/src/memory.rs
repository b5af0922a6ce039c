//! The board's memory, by the symbols of its linker script: the model partition, and how much memory was used. The
//! `unsafe` code that all processors share is here.
#![allow(unsafe_code)]

use core::ops::Range;
use core::ptr;

use crate::Usage;

/// Symbols that the linker defines; only their addresses have a meaning.
mod linker {
    #![allow(missing_docs)]
    unsafe extern "C" {
        pub static __sidata: u32;
        pub static __sdata: u32;
        pub static __edata: u32;
        pub static __euninit: u32;
        pub static _ram_start: u32;
        pub static _stack_start: u32;
        pub static _models_start: u32;
        pub static _models_end: u32;
    }
}

/// Returns the address of one of the linker's symbols, which a module `linker` declares.
macro_rules! address {
    ($symbol:ident) => {
        (&raw const linker::$symbol).addr()
    };
}
pub(crate) use address;

/// Returns the end of static memory.
pub(crate) fn end_of_statics() -> usize {
    address!(__euninit)
}

/// Returns the model partition; empty if the board has none.
pub(crate) fn models() -> &'static [u8] {
    let (start, end) = (address!(_models_start), address!(_models_end));
    if start == end {
        return &[];
    }
    // SAFETY: the board's memory map declares this region as readable memory. The linker puts nothing into it, so
    // nothing here writes to it.
    unsafe { core::slice::from_raw_parts(ptr::with_exposed_provenance(start), end - start) }
}

/// Returns the memory that the firmware has used. Code begins at the address `flash`, and the stack grows down to the
/// address `stack_end`.
///
/// # Safety
///
/// Words from `stack_end` to the linker's `_stack_start` are readable memory, and `stack_end` is aligned for them.
/// Before `main`, the words below the stack in use were set to `paint`; only the stack has changed them since.
pub(crate) unsafe fn usage(flash: usize, stack_end: usize, paint: u32) -> Usage {
    let stack: Range<usize> = stack_end..address!(_stack_start);
    let untouched = |&word: &usize| {
        // SAFETY: the caller's promise. The read is volatile, since the stack belongs to no object that the compiler
        // knows.
        unsafe { ptr::with_exposed_provenance::<u32>(word).read_volatile() == paint }
    };
    let painted = stack.clone().step_by(size_of::<u32>()).take_while(untouched).count();
    Usage {
        statics: end_of_statics() - address!(_ram_start),
        stack: stack.len() - painted * size_of::<u32>(),
        stack_limit: stack.len(),
        flash: address!(__sidata) + (address!(__edata) - address!(__sdata)) - flash,
    }
}
