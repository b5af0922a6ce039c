
bind_interrupts!(struct Interrupts {
    USBCTRL_IRQ => usb::InterruptHandler<USB>;
});

/// Serves USB from an interrupt, while the program computes.
static EXECUTOR: InterruptExecutor = InterruptExecutor::new();

#[interrupt]
fn SWI_IRQ_0() {
    // SAFETY: this is the executor's interrupt, and the executor starts with it.
    unsafe { EXECUTOR.on_interrupt() };
}

#[embassy_executor::task]
async fn serve_usb(driver: usb::Driver<'static, USB>) {
    embassy_usb_logger::run!(2048, log::LevelFilter::Info, driver);
}
