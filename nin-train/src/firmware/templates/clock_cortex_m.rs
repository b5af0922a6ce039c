//! Counts the core's cycles with SysTick, which every Cortex-M of these boards has.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;

/// The core's clock in kHz{{clock_note}}.
const KHZ: u32 = {{khz}};

/// Cycles between two interrupts of the timer, which has 24 bits{{turn_note}}.
const TURN: u32 = {{turn}};

/// The number of the timer's interrupts.
static TURNS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    // A Cortex-M0 has no atomic addition. Nothing else writes this counter.
    TURNS.store(TURNS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);{{on_turn}}
}

/// Starts the timer.
pub fn start(systick: &mut SYST) {
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(TURN - 1);
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();
}

/// Returns the microseconds since the start.
pub fn micros() -> u64 {
    loop {
        let before = TURNS.load(Ordering::Relaxed);
        let left = SYST::get_current();
        // A pending interrupt runs here, before the count is read again.
        cortex_m::asm::isb();
        if TURNS.load(Ordering::Relaxed) == before {
            let passed = if left == 0 { 0 } else { TURN - left };
            return (u64::from(before) * u64::from(TURN) + u64::from(passed)) * 1000 / u64::from(KHZ);
        }
    }
}
