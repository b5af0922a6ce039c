//! Time, from the machine timer of QEMU's machine `virt`{{about}}.

/// The register with the ticks since the start, in halves.
const MTIME: [*const u32; 2] = [0x0200_BFF8 as *const u32, 0x0200_BFFC as *const u32];

/// Ticks in a microsecond.
const TICKS: u64 = 10;
{{start}}
fn ticks() -> u64 {
    // SAFETY: the register is aligned, and reading it has no effect.
    let half = |index: usize| unsafe { MTIME[index].read_volatile() };
    loop {
        let (high, low) = (half(1), half(0));
        // Otherwise the lower half went round in between.
        if half(1) == high {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

/// Returns the microseconds since the start.
pub fn micros() -> u64 {
    ticks() / TICKS
}
