//! Measures the RAM that the program uses: the linker's symbols give its statics, and a pattern in the unused stack
//! gives the stack's peak.

/// Symbols of the linker script; only their addresses have a meaning.
mod linker {
    unsafe extern "C" {
        pub static {{statics_start}}: u32;
        pub static {{statics_end}}: u32;
        pub static {{stack_end}}: u32;
        pub static {{stack_start}}: u32;
    }
}

const PAINT: u32 = 0xCCCC_CCCC;

/// Returns the words of the stack, from its end (the lowest address) to `top`. The first
/// one may be guarded and is left out.
fn words(top: usize) -> impl Iterator<Item = *mut u32> {
    let end = (&raw const linker::{{stack_end}}).addr().next_multiple_of(4) + 4;
    (end..top).step_by(4).map(core::ptr::with_exposed_provenance_mut)
}

/// Paints the stack below the caller. Call it first in `main`.
#[inline(never)]
pub fn paint_stack() {
    let here = PAINT;
    // The margin is for this function's own frame.
    for word in words((&raw const here).addr() - 256) {
        // SAFETY: RAM between the end of the statics and the stack pointer, which nothing else uses.
        unsafe { word.write_volatile(PAINT) };
    }
}

/// Returns the peak of the stack in bytes.
pub fn stack_used() -> usize {
    let top = (&raw const linker::{{stack_start}}).addr();
    // SAFETY: the words of the stack, aligned and readable; volatile, since no object of this program lies there.
    words(top).skip_while(|word| unsafe { word.read_volatile() } == PAINT).count() * 4
}

/// Returns the size of the statics in bytes; the network's working memory is one of them.
pub fn statics() -> usize {
    (&raw const linker::{{statics_end}}).addr() - (&raw const linker::{{statics_start}}).addr()
}
