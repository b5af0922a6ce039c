//! The end of a program that has met an error in this library.

use core::panic::PanicInfo;

/// Stops the core by an undefined instruction: on a Cortex-M that is a HardFault, which the firmware may handle.
#[cfg(not(feature = "prove-no-panic"))]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: the instruction accesses no memory and does not return.
    #[cfg(target_arch = "arm")]
    unsafe {
        core::arch::asm!("udf #0", options(noreturn, nomem, nostack))
    }
    // SAFETY: as above.
    #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
    unsafe {
        core::arch::asm!("unimp", options(noreturn, nomem, nostack))
    }
    #[cfg(not(any(target_arch = "arm", target_arch = "riscv32", target_arch = "riscv64")))]
    loop {
        core::hint::spin_loop();
    }
}

#[cfg(feature = "prove-no-panic")]
unsafe extern "C" {
    /// Not defined anywhere: a program that may panic does not link.
    safe fn nin_may_panic() -> !;
}

#[cfg(feature = "prove-no-panic")]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    nin_may_panic()
}
