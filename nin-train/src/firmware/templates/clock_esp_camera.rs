//! Time, from the chip's system timer, and a timer interrupt in each millisecond.

use core::cell::RefCell;

use critical_section::Mutex;
use esp_hal::handler;
use esp_hal::peripherals::TIMG0;
use esp_hal::time::{Duration, Instant};
use esp_hal::timer::PeriodicTimer;
use esp_hal::timer::timg::TimerGroup;

/// The timer of the interrupt, which clears it.
static TIMER: Mutex<RefCell<Option<PeriodicTimer<'static, esp_hal::Blocking>>>> = Mutex::new(RefCell::new(None));

/// Starts the timer.
pub fn start(timers: TIMG0<'static>) {
    let mut timer = PeriodicTimer::new(TimerGroup::new(timers).timer0);
    timer.set_interrupt_handler(tick);
    timer.listen();
    critical_section::with(|cs| {
        timer.start(Duration::from_millis(1)).expect("a timer has a millisecond");
        TIMER.replace(cs, Some(timer));
    });
}

#[handler]
fn tick() {
    critical_section::with(|cs| {
        if let Some(timer) = &mut *TIMER.borrow_ref_mut(cs) {
            timer.clear_interrupt();
        }
    });
    crate::camera::row_is_due();
}

/// Returns the microseconds since the start.
pub fn micros() -> u64 {
    Instant::now().duration_since_epoch().as_micros()
}
