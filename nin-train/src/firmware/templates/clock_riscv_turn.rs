
/// The register with the ticks at which the interrupt is due, in halves.
const MTIMECMP: [*mut u32; 2] = [0x0200_4000 as *mut u32, 0x0200_4004 as *mut u32];

/// Starts the interrupt.
pub fn start() {
    schedule();
    // SAFETY: the handler below is in place.
    unsafe {
        riscv::register::mie::set_mtimer();
        riscv::interrupt::enable();
    }
}

/// Asks for an interrupt a millisecond from now.
fn schedule() {
    let due = ticks() + 1000 * TICKS;
    // SAFETY: the registers are aligned and are this timer's. The first write keeps it from being due while the halves
    // do not belong together.
    unsafe {
        MTIMECMP[1].write_volatile(u32::MAX);
        MTIMECMP[0].write_volatile(due as u32);
        MTIMECMP[1].write_volatile((due >> 32) as u32);
    }
}

#[riscv_rt::core_interrupt(riscv::interrupt::Interrupt::MachineTimer)]
fn tick() {
    schedule();
    crate::camera::row_is_due();
}
